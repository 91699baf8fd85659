//! All that a decision needs to know of this machine.

use std::path::Path;
use std::time::Duration;

use oci::Platform;

use crate::{Answer, Emulator, EmulatorError, Handlers, Machine, Places, Probe, State, find};

/// What is known of this machine.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What it is; `None` for a kind that is not known here.
    pub here: Option<Machine>,
    /// What became of probes that the kernel was given.
    pub answers: Vec<(Probe, Answer)>,
    /// What is registered with the kernel.
    pub handlers: Handlers,
    /// The emulators that were found, one for each machine at most.
    pub emulators: Vec<Tried>,
    /// Why what was found for a machine cannot be used.
    pub unusable: Vec<(Machine, String)>,
    /// Whether a sandbox can have handlers of its own.
    pub has_private: bool,
}

/// An emulator, and what became of probes that it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The emulator.
    pub emulator: Emulator,
    /// What became of them.
    pub answers: Vec<(Probe, Answer)>,
}

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The folder of binfmt_misc, `/proc/sys/fs/binfmt_misc`.
    pub handlers: &'a Path,
    /// Where emulators may be.
    pub places: &'a Places,
    /// Whether a sandbox can have handlers of its own, which is the sandbox's to know.
    pub has_private: bool,
    /// How long each program may take.
    pub limit: Duration,
}

impl Facts {
    /// Asks for all that a decision on these platforms needs: runs a probe for each, reads the handlers, and looks for
    /// emulators of machines that this one is not.
    ///
    /// # Errors
    /// An emulator in the folder that was named cannot be used.
    pub fn gather(platforms: &[Platform], search: &Search<'_>) -> Result<Self, EmulatorError> {
        let mut probes: Vec<Probe> = platforms.iter().filter_map(Probe::of).collect();
        probes.sort_unstable();
        probes.dedup();
        // What cannot be seen is nothing that stops: a probe tells whether it works.
        let handlers = Handlers::read(search.handlers).unwrap_or_else(|_| Handlers {
            folder: search.handlers.to_owned(),
            state: State::Unseen,
            list: Vec::new(),
        });
        let answers = probes.iter().map(|probe| (*probe, probe.run(search.limit))).collect();
        let mut facts =
            Self { here: Machine::here(), answers, handlers, emulators: Vec::new(), unusable: Vec::new(), has_private: search.has_private };
        for machine in Machine::ALL {
            let wanted: Vec<Probe> =
                probes.iter().copied().filter(|probe| probe.machine() == machine && !facts.is_native(*probe)).collect();
            if !wanted.is_empty() {
                facts.look_for(machine, &wanted, search)?;
            }
        }
        Ok(facts)
    }

    fn look_for(&mut self, machine: Machine, probes: &[Probe], search: &Search<'_>) -> Result<(), EmulatorError> {
        match find(machine, search.places, search.limit) {
            Ok(Some(emulator)) => {
                let answers = probes.iter().map(|probe| (*probe, probe.run_by(&emulator.path, &[], search.limit))).collect();
                self.emulators.push(Tried { emulator, answers });
            }
            Ok(None) => {}
            Err(error) if search.places.is_named(&error.path) => return Err(error),
            Err(error) => self.unusable.push((machine, error.to_string())),
        }
        Ok(())
    }

    /// Returns what became of a probe that the kernel was given.
    pub fn answer(&self, probe: Probe) -> Option<Answer> {
        self.answers.iter().find(|(asked, _)| *asked == probe).map(|(_, answer)| *answer)
    }

    /// Tells whether this machine runs what the probe is for by itself: it ran, no handler is there that could have been
    /// asked, and the machine is one that may.
    pub fn is_native(&self, probe: Probe) -> bool {
        let may = self.here.is_some_and(|here| here.may_run(probe.machine()));
        may && self.answer(probe) == Some(Answer::Ran) && self.handlers.find(probe.machine()).is_none()
    }
}

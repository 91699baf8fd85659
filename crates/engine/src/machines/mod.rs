//! By what the programs of each platform run on this machine, found out when it is first asked, and kept.
//!
//! Start at [`Machines`]. What is decided of a platform becomes a [`Carrier`]: what a process of it takes.

mod carrier;
mod private;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use emulate::{Facts, Means, Obstacle, Places, Search, Wish, decide};
use fault::Fault;
use graph::{WhyNot, runs_natively};
use oci::Platform;

pub(crate) use carrier::Carrier;
use private::Private;

/// Where one looks for what runs programs of other machines.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// By what it is to be.
    pub wish: Wish,
    /// The folder of binfmt_misc.
    pub handlers: PathBuf,
    /// Where emulators may be.
    pub places: Places,
    /// This program is in a user namespace of its own, in which it may register handlers.
    pub registers: bool,
    /// How long a probe or an emulator that is asked for its version may take.
    pub limit: Duration,
}

/// By what the programs of each platform run here.
pub struct Machines {
    host: Platform,
    outlook: Option<Outlook>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    decided: HashMap<Platform, Result<Means, WhyNot>>,
    private: Private,
}

impl Machines {
    /// Knows what this machine is, and asks for the rest when it is needed.
    pub fn new(host: Platform, outlook: Outlook) -> Self {
        Self { host, outlook: Some(outlook), known: Mutex::default() }
    }

    /// Knows what this machine is, and runs nothing else.
    pub fn alone(host: Platform) -> Self {
        Self { host, outlook: None, known: Mutex::default() }
    }

    /// Returns what this machine is.
    pub const fn host(&self) -> &Platform {
        &self.host
    }

    /// Decides by what a platform's programs run. The first question about a platform runs a probe of it, and perhaps its emulator: it
    /// takes some milliseconds, on this thread.
    ///
    /// # Errors
    /// Says why they do not run.
    pub fn means(&self, platform: &Platform) -> Result<Means, WhyNot> {
        if runs_natively(&self.host, platform) && platform.variant.is_none() {
            return Ok(Means::Native);
        }
        let platform = platform.normalized();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decided) = known.decided.get(&platform) {
            return decided.clone();
        }
        let decided = self.decide(&platform, &mut known.private);
        known.decided.insert(platform, decided.clone());
        decided
    }

    /// Returns why a platform's programs do not run, if they do not.
    pub fn why_not(&self, platform: &Platform) -> Option<WhyNot> {
        self.means(platform).err()
    }

    /// Returns what runs a platform's programs, as it is told; none where this machine does it itself, or nothing does.
    pub fn emulator(&self, platform: &Platform) -> Option<String> {
        self.carrier(platform).by().map(str::to_owned)
    }

    /// Returns what a process of a platform takes. Of one that does not run, nothing: the kernel will say so.
    pub(crate) fn carrier(&self, platform: &Platform) -> Carrier {
        self.means(platform).map_or_else(|_| Carrier::default(), |means| Carrier::of(&means))
    }

    fn decide(&self, platform: &Platform, private: &mut Private) -> Result<Means, WhyNot> {
        let Some(Outlook { wish, handlers, places, registers, limit }) = &self.outlook else {
            let own = runs_natively(&self.host, platform);
            return if own { Ok(Means::Native) } else { Err(WhyNot { reason: format!("this machine is {}", self.host), remedy: None }) };
        };
        // Once there are handlers of our own, nothing is seen of the machine's.
        let handlers = if private.is_there() { Path::new("") } else { handlers };
        let has_private = *registers && private.may_be();
        let search = Search { handlers, places, has_private, limit: *limit };
        let facts = Facts::gather(std::slice::from_ref(platform), &search).map_err(|problem| why_not(&problem))?;
        let decisions = decide(std::slice::from_ref(platform), &facts, *wish).map_err(|problem| {
            // There is one platform, so there is one obstacle.
            problem.unmet.first().map_or_else(WhyNot::default, |(_, obstacle)| in_the_way(obstacle))
        })?;
        let means = decisions.into_iter().next().map(|decision| decision.means);
        match means {
            Some(Means::None(obstacle)) => Err(in_the_way(&obstacle)),
            Some(Means::Private(_)) if !private.is_there() => match private.register(places, *limit) {
                // The decision holds: the emulator is among those that were registered.
                Ok(()) => means.ok_or_else(WhyNot::default),
                Err(problem) if *wish == Wish::Private => Err(why_not(&problem)),
                Err(_) => self.decide(platform, private),
            },
            means => means.ok_or_else(WhyNot::default),
        }
    }
}

fn in_the_way(obstacle: &Obstacle) -> WhyNot {
    WhyNot { reason: obstacle.to_string(), remedy: obstacle.hint().map(|hint| hint.to_string()) }
}

fn why_not(problem: &dyn Fault) -> WhyNot {
    WhyNot { reason: problem.lines().join("; "), remedy: problem.hint().map(|hint| hint.to_string()) }
}

//! Handlers of our own: of every machine that an emulator is found for, since none of the machine's is seen beside them.

use std::thread;
use std::time::Duration;

use emulate::{Machine, Places, find};
use sandbox::{PrivateHandlers, SandboxError};

/// What has become of them.
#[derive(Default)]
pub(super) enum Private {
    /// Nobody has asked for them.
    #[default]
    Unasked,
    /// They are registered.
    There(#[expect(dead_code, reason = "they hold as long as this is kept")] PrivateHandlers),
    /// This machine has none.
    Refused,
}

impl Private {
    /// Tells whether they are registered.
    pub const fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }

    /// Tells whether they are, or may be when they are asked for.
    pub fn may_be(&self) -> bool {
        match self {
            Self::Unasked => PrivateHandlers::are_known(),
            Self::There(_) => true,
            Self::Refused => false,
        }
    }

    /// Registers them.
    pub fn register(&mut self, places: &Places, limit: Duration) -> Result<(), SandboxError> {
        match PrivateHandlers::register(&lines(places, limit)) {
            Ok(handlers) => {
                *self = Self::There(handlers);
                Ok(())
            }
            Err(problem) => {
                *self = Self::Refused;
                Err(problem)
            }
        }
    }
}

/// Returns a line for each machine that this one is not and that has an emulator. What cannot be used is told when it is needed.
fn lines(places: &Places, limit: Duration) -> Vec<Vec<u8>> {
    let foreign = Machine::ALL.into_iter().filter(|machine| Machine::here().is_none_or(|here| !here.may_run(*machine)));
    let line = |machine: Machine| {
        let emulator = find(machine, places, limit).ok().flatten()?;
        machine.registration(&emulator.path, emulator.flags()).ok()
    };
    thread::scope(|scope| {
        let asked: Vec<_> = foreign.map(|machine| scope.spawn(move || line(machine))).collect();
        asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
    })
}

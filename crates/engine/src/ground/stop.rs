//! Ending a process for which nobody waits any more.

use std::sync::{Arc, Mutex, PoisonError};

use sandbox::Handle;

/// A process that is to be killed, whether it was started already or not.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_stopped: bool,
    handle: Option<Handle>,
}

impl Stop {
    /// Says which process it is.
    pub fn kills(&self, handle: Handle) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_stopped {
            handle.kill();
        }
        state.handle = Some(handle);
    }
}

/// Kills when it is dropped.
pub(crate) struct StopOnDrop(pub Stop);

impl StopOnDrop {
    /// Lets the process go on.
    pub fn let_go(self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).handle = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_stopped = true;
        if let Some(handle) = &state.handle {
            handle.kill();
        }
    }
}

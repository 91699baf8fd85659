//! Requests to end: Ctrl-C, and the SIGTERM of whoever supervises this process.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A terminal, which asks every process in its foreground, those that we started included.
    Keyboard,
    /// Somebody who asks this process alone.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no SIGTERM"))]
    Terminate,
}

/// The requests to end from now on; none is lost between two looks.
pub struct Interrupts {
    #[cfg(unix)]
    keyboard: Option<Signal>,
    #[cfg(unix)]
    terminate: Option<Signal>,
}

impl Interrupts {
    /// Begins to listen; the system's own answer, to end at once, is gone for the rest of the run.
    /// Must be called inside the runtime.
    pub fn listen() -> Self {
        Self {
            #[cfg(unix)]
            keyboard: signal(SignalKind::interrupt()).ok(),
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next request; for ever where the system tells of none.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            () = heard(&mut self.keyboard) => Request::Keyboard,
            () = heard(&mut self.terminate) => Request::Terminate,
        }
    }

    /// Waits for the next request; for ever where the system tells of none.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Request {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Request::Keyboard
    }
}

#[cfg(unix)]
async fn heard(signal: &mut Option<Signal>) {
    let told = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if told.is_none() {
        std::future::pending::<()>().await;
    }
}

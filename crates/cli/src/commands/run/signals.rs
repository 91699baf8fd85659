//! Signals that are passed on to a program.

use std::future::poll_fn;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that are, by the numbers of all machines (signal(7)).
const PASSED: [SignalKind; 7] = [
    SignalKind::interrupt(),
    SignalKind::terminate(),
    SignalKind::hangup(),
    SignalKind::quit(),
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::window_change(),
];

/// Those among them that ask for the end.
const ENDING: [SignalKind; 4] = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];

/// The signals that come from now on; none is lost between two looks.
pub struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    /// Begins to listen; the system's own answers are gone for the rest of the run. Must be called inside the runtime.
    pub fn listen() -> Self {
        Self(PASSED.into_iter().filter_map(|kind| Some((kind, signal(kind).ok()?))).collect())
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            let mut all = self.0.iter_mut();
            all.find_map(|(kind, signal)| matches!(signal.poll_recv(context), Poll::Ready(Some(()))).then_some(Poll::Ready(*kind)))
                .unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Waits for one that asks for the end.
    pub async fn end(&mut self) -> SignalKind {
        loop {
            let signal = self.next().await;
            if ENDING.contains(&signal) {
                return signal;
            }
        }
    }
}

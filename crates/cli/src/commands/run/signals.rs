//! Signals that are passed on to a program.

use std::collections::VecDeque;
use std::fs;
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

/// Reads whether a signal is ignored, of what the kernel lists of a process (proc_pid_status(5)).
fn is_ignored(status: &str, signal: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}

/// The signals that come from now on; none is lost between two looks.
pub struct Signals {
    listened: Vec<(SignalKind, Signal)>,
    /// Those that came while nobody could take them.
    held: VecDeque<SignalKind>,
}

impl Signals {
    /// Begins to listen; the system's own answers are gone for the rest of the run. Must be called inside the runtime.
    ///
    /// What this program was started to ignore it goes on ignoring: `nohup` asks for that, and a shell for what runs behind it.
    pub fn listen() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let wanted = PASSED.into_iter().filter(|kind| !is_ignored(&status, *kind));
        Self { listened: wanted.filter_map(|kind| Some((kind, signal(kind).ok()?))).collect(), held: VecDeque::new() }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> SignalKind {
        match self.held.pop_front() {
            Some(signal) => signal,
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> SignalKind {
        poll_fn(|context| {
            let mut all = self.listened.iter_mut();
            all.find_map(|(kind, signal)| matches!(signal.poll_recv(context), Poll::Ready(Some(()))).then_some(Poll::Ready(*kind)))
                .unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Waits for one that asks for the end. It, and all that come before, are the next ones then.
    pub async fn end(&mut self) {
        loop {
            let signal = self.receive().await;
            self.held.push_back(signal);
            if ENDING.contains(&signal) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_says_what_is_ignored() {
        let status = "Name:\tpolyarch\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\nSigCgt:\t0\n";
        let ignored: Vec<bool> = PASSED.into_iter().map(|kind| is_ignored(status, kind)).collect();
        assert_eq!(ignored, [true, false, true, false, false, false, false]);
        assert!(!is_ignored("", SignalKind::hangup()));
    }

    #[tokio::test]
    async fn what_comes_too_early_is_held() {
        let send = |signal| rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
        let mut signals = Signals::listen();
        send(rustix::process::Signal::USR1);
        tokio::time::timeout(std::time::Duration::from_millis(50), signals.end()).await.unwrap_err();
        send(rustix::process::Signal::HUP);
        signals.end().await;
        assert_eq!((signals.next().await, signals.next().await), (SignalKind::user_defined1(), SignalKind::hangup()));
    }
}

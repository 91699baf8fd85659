//! Whether a body comes along: a peer that sends a byte a second is no better than a silent one.

use std::time::Duration;

use crate::{Patience, RemoteError};

/// Watches how fast a body comes. Only the time spent waiting for it counts: a reader who is slow
/// itself must not blame the sender.
pub(crate) struct Pace {
    patience: Patience,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, waited: Duration::ZERO, bytes: 0 }
    }

    /// Returns how long the next bytes may take.
    pub(crate) const fn silence(&self) -> Duration {
        self.patience.silence
    }

    /// Says that a host is too slow.
    pub(crate) fn too_slow(&self, host: String) -> RemoteError {
        RemoteError::TooSlow { host, least: self.patience.least, seconds: self.patience.silence.as_secs() }
    }

    /// Counts bytes that were waited for. False where too few came in the time of one silence.
    pub(crate) fn keeps_up(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.waited < self.patience.silence {
            return true;
        }
        let enough = self.bytes >= self.patience.least;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_ends_and_a_slow_line_does_not() {
        let patience = Patience { silence: Duration::from_secs(60), least: 1000, ..Patience::default() };
        let second = Duration::from_secs(1);
        let mut trickle = Pace::new(patience);
        assert_eq!((0..1000).position(|_| !trickle.keeps_up(second, 1)), Some(59));
        let mut slow = Pace::new(patience);
        assert!((0..1000).all(|_| slow.keeps_up(second, 20)));
        let mut unhurried = Pace::new(patience);
        assert!((0..1000).all(|_| unhurried.keeps_up(Duration::ZERO, 1)), "the reader takes its time, not the sender");
    }
}

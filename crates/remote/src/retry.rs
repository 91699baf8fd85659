//! When and how long to wait before asking again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::PrimitiveDateTime;
use time::macros::format_description;

/// How long and how often a troubled host is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often a request is sent, the first time included.
    pub tries: u32,
    /// The pause before the second try; it doubles with every further one.
    pub first: Duration,
    /// The longest pause, also where the host asks for a longer one.
    pub most: Duration,
    /// How long a peer may stay silent in the middle of an answer.
    pub silence: Duration,
    /// The fewest bytes of a body in the time of one silence: a peer that sends a byte a second
    /// would never be silent, and never be done.
    pub least: u64,
    /// How long a registry may take until it shows what this process has put.
    pub lag: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            first: Duration::from_millis(200),
            most: Duration::from_secs(60),
            silence: Duration::from_secs(60),
            least: 16 * 1024,
            lag: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// Returns the pause after the given number of failed tries; `asked` is the host's own wish.
    pub(crate) fn pause(&self, failed: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.most);
        }
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        // Half of it is random, so that many clients of one restarted registry do not come at once.
        // The standard library seeds every `RandomState` anew, which is random enough for that.
        let random = RandomState::new().build_hasher().finish() % 512;
        let share = f64::from(u32::try_from(random).unwrap_or(0)) / 1024.0;
        doubled.min(self.most).mul_f64(0.5 + share)
    }
}

/// The longest pause before a registry is asked again for what was just put there.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

impl Patience {
    /// Returns the pause before the registry is asked again whether it shows what was put.
    pub(crate) fn look_again(&self, looked: u32) -> Duration {
        self.pause(looked, None).min(LONGEST_LOOK)
    }
}

/// Tells whether a status may be gone at the next try.
pub(crate) const fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Reads `Retry-After`: seconds or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let date = SystemTime::from(PrimitiveDateTime::parse(text, format).ok()?.assume_utc());
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let patience = Patience { most: Duration::from_secs(1), ..Patience::default() };
        for (failed, least, most) in [(1, 100, 200), (2, 200, 400), (3, 400, 800), (4, 500, 1000), (90, 500, 1000)] {
            let pause = patience.pause(failed, None).as_millis();
            assert!((least..=most).contains(&pause), "{failed}: {pause}");
        }
        assert_eq!(patience.pause(1, Some(Duration::from_secs(3600))), Duration::from_secs(1));
        assert_eq!(patience.pause(1, Some(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let read = |text: &str, now: u64| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, UNIX_EPOCH + Duration::from_secs(now))
        };
        assert_eq!(read("7", 0), Some(Duration::from_secs(7)));
        // The example of RFC 9110, 5.6.7; it is 784111777 seconds after the epoch.
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_770), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_790), Some(Duration::ZERO));
        assert_eq!(read("soon", 0), None);
    }
}

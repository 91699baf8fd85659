//! When a build took place, as far as that is to be told.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::build::moment;

/// When a build began and ended, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moments {
    pub(super) begun: i64,
    pub(super) ended: i64,
    /// What tells this build from every other one.
    pub(super) invocation: Option<String>,
}

impl Moments {
    /// Takes the clock's.
    pub fn of_clock(begun: SystemTime, ended: SystemTime, invocation: String) -> Self {
        Self { begun: seconds(begun), ended: seconds(ended), invocation: Some(invocation) }
    }

    /// Takes `SOURCE_DATE_EPOCH` for both, so that the same input makes the same statement: nothing in it tells one build from
    /// another.
    pub const fn of_epoch(epoch: i64) -> Self {
        Self { begun: epoch, ended: epoch, invocation: None }
    }

    pub(super) fn begun(&self) -> String {
        moment::written(self.begun)
    }

    pub(super) fn ended(&self) -> String {
        moment::written(self.ended)
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

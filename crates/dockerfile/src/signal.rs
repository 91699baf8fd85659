//! The signals that `STOPSIGNAL` takes.

use fault::{Fault, Hint, Kind};

use crate::suggest::nearest;

/// Linux' signals, as docker knows them.
const NAMES: [&str; 37] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT",
    "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    "RTMIN", "RTMAX", "UNUSED",
];

/// A signal that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid signal: {text}")]
pub struct SignalError {
    /// What was asked for.
    pub text: String,
}

impl SignalError {
    /// Returns the signal that may have been meant.
    pub(crate) fn nearest(&self) -> Option<String> {
        let upper = self.text.to_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        // Among names of three letters everything is near.
        nearest(name, NAMES).filter(|_| name.len() > 3).map(|name| format!("SIG{name}"))
    }
}

impl Fault for SignalError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        self.nearest().map(|name| Hint::new(format!("did you mean {name}")))
    }
}

/// Checks a signal: a number above 0, or a name with or without `SIG` in any case, such as `SIGRTMIN+3`.
///
/// # Errors
/// Names what is no signal.
pub fn check_signal(text: &str) -> Result<(), SignalError> {
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = text.parse::<u32>().is_ok_and(|number| number > 0);
    // The real-time signals run from RTMIN to RTMIN+15 and from RTMAX-14 to RTMAX.
    let step = |prefix: &str, most: u32| {
        name.strip_prefix(prefix).and_then(|step| step.parse::<u32>().ok()).is_some_and(|step| (1..=most).contains(&step))
    };
    match number || NAMES.contains(&name) || step("RTMIN+", 15) || step("RTMAX-", 14) {
        true => Ok(()),
        false => Err(SignalError { text: text.to_owned() }),
    }
}

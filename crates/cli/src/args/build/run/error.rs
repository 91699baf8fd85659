//! What can be wrong with a word about what a `RUN` sees.

use fault::{Fault, Hint, Kind};

/// A word about what a `RUN` sees that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum RunWordError {
    /// Another form than this word has.
    #[error("bad {what} {text:?}: expected {expected}")]
    Shape {
        /// What it was to be: `ssh agent`, `host`, `limit`, `size`.
        what: &'static str,
        /// As written.
        text: String,
        /// The forms there are.
        expected: &'static str,
    },
    /// A network that only a daemon has.
    #[error("bad network {0:?}: expected default, host or none")]
    Network(String),
    /// Docker's word for the machine behind its bridge.
    #[error("bad host {0:?}: there is no host-gateway, as no bridge stands between what runs and this machine")]
    Gateway(String),
    /// A right that nobody has.
    #[error("bad right {text:?}: expected network.host or security.insecure")]
    Right {
        /// As written.
        text: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A limit of something that has none.
    #[error("bad limit {text:?}: no type {name:?}, expected {known}")]
    Limit {
        /// As written.
        text: String,
        /// What stands before the `=`.
        name: String,
        /// Every type.
        known: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A soft limit that is higher than the hard one.
    #[error("bad limit {0:?}: expected a soft limit up to the hard one")]
    LimitOrder(String),
}

impl RunWordError {
    /// Says that a word has another form.
    pub(super) fn shape(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Shape { what, text: text.to_owned(), expected }
    }
}

impl Fault for RunWordError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Network(_) => "polyarch has no networks of its own: default and host are this machine's, none is none".to_owned(),
            Self::Gateway(text) => {
                let name = text.split(['=', ':']).next().unwrap_or_default();
                format!("what runs sees this machine's network, where this machine is 127.0.0.1: --add-host {name}:127.0.0.1")
            }
            Self::Right { text, .. } if text.split('=').next() == Some("device") => {
                "no device of this machine is handed to a RUN".to_owned()
            }
            Self::Right { nearest, .. } | Self::Limit { nearest, .. } => format!("did you mean {}", (*nearest)?),
            Self::Shape { .. } | Self::LimitOrder(_) => return None,
        };
        Some(Hint::new(hint))
    }
}

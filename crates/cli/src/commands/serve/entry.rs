//! Who gets in: decided before an address is taken.

use fault::{Failure, Fault, Hint, Kind};
use serve::{Anonymous, Guard, Tls};

use crate::args::Serve;
use crate::commands::Session;

/// A registry would be open, or closed, in a way that nobody asked for.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    /// Others reach the address.
    #[error("other machines reach it, and nobody is asked for a password")]
    Open { listen: String, read_only: bool },
    /// Reading is for everybody; nothing says who may write.
    #[error("--anonymous-pull lets everybody read: expected --htpasswd beside it for who writes, or --read-only")]
    Unclear { listen: String },
}

impl Fault for EntryError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Open { listen, read_only: true } => format!(
                "`polyarch serve --listen {listen} --read-only --anonymous-pull` to let everybody read, or --htpasswd FILE (`htpasswd -cB FILE NAME`)"
            ),
            Self::Open { listen, read_only: false } => format!(
                "`polyarch serve --listen {listen} --htpasswd FILE` (`htpasswd -cB FILE NAME` makes one), or --anonymous-push to let everybody write"
            ),
            Self::Unclear { listen } => format!("`polyarch serve --listen {listen} --anonymous-pull --htpasswd FILE`"),
        }))
    }
}

/// Who gets in, and how.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) guard: Option<Guard>,
    pub(super) tls: Option<Tls>,
    /// The same in words, for the line that says what is served.
    pub(super) words: String,
}

impl Entry {
    /// Decides by the flags; reads the password file and the certificate. Blocks.
    ///
    /// # Errors
    /// Refuses an address of other machines without a word on who may write there, and files that
    /// cannot be used.
    pub(super) fn decide(session: &Session, arguments: &Serve) -> Result<Self, Failure> {
        let listen = || arguments.listen.to_string();
        let local = arguments.listen.0.ip().is_loopback();
        if arguments.anonymous_pull && arguments.htpasswd.is_none() && !arguments.read_only {
            return Err(EntryError::Unclear { listen: listen() }.into());
        }
        if !local && arguments.htpasswd.is_none() && !arguments.anonymous_push && !arguments.anonymous_pull {
            return Err(EntryError::Open { listen: listen(), read_only: arguments.read_only }.into());
        }
        let anonymous = if arguments.anonymous_pull { Anonymous::Pull } else { Anonymous::Nothing };
        let guard = arguments.htpasswd.clone().map(|file| Guard::read(file, anonymous)).transpose()?;
        let tls = match (&arguments.tls_cert, &arguments.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::read(certificate, key, (session.context.now)())?),
            _ => None,
        };
        if !local {
            warn(session, arguments);
        }
        Ok(Self { guard, tls, words: words(local, arguments) })
    }
}

fn warn(session: &Session, arguments: &Serve) {
    let address = arguments.listen;
    if arguments.anonymous_push && !arguments.read_only {
        session.console.warn(&format!("anybody who reaches {address} can read and write here"));
    }
    if arguments.htpasswd.is_some() && arguments.tls_cert.is_none() {
        session.console.warn("passwords cross the network in plain text: hide them with --tls-cert and --tls-key");
    }
}

fn words(local: bool, arguments: &Serve) -> String {
    let reach = if local { "this machine only" } else { "every machine that reaches it" };
    let password = match (&arguments.htpasswd, arguments.anonymous_pull) {
        (Some(_), true) => ", with a password to write",
        (Some(_), false) => ", with a password",
        (None, _) if local => "",
        (None, _) => ", without a password",
    };
    format!("{reach}{password}{}", if arguments.read_only { ", read only" } else { "" })
}

//! Why a registry does not start. What is wrong with a request is said to its client: `refusal.rs`.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};

/// The registry cannot be offered at an address.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error("the port is taken")]
    PortTaken {
        /// The address that was asked for.
        address: SocketAddr,
        /// Who has it, where that is well known.
        #[source]
        by: Option<AirPlay>,
    },
    /// The system lets only root listen there.
    #[error("port {} is for root alone", address.port())]
    Privileged {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address belongs to another machine.
    #[error("this machine does not have the address {}", address.ip())]
    NotHere {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Anything else that the system says.
    #[error("nobody can listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's words.
        #[source]
        source: io::Error,
    },
}

/// The usual owner of port 5000 on a Mac: its AirPlay receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AirPlay uses it")]
pub struct AirPlay;

impl ServeError {
    /// Gives the system's answer to `listen` its meaning.
    pub(crate) fn listening(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                let airplay = cfg!(target_os = "macos") && matches!(address.port(), 5000 | 7000);
                Self::PortTaken { address, by: airplay.then_some(AirPlay) }
            }
            io::ErrorKind::PermissionDenied => Self::Privileged { address },
            io::ErrorKind::AddrNotAvailable => Self::NotHere { address },
            _ => Self::Listen { address, source },
        }
    }
}

impl Fault for ServeError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        let other = match self {
            Self::PortTaken { address, .. } => SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(5000)),
            Self::Privileged { address } => SocketAddr::new(address.ip(), 5000),
            Self::NotHere { address } => SocketAddr::from(([127, 0, 0, 1], address.port())),
            Self::Listen { .. } => return None,
        };
        Some(Hint::new(format!("`polyarch serve --listen {other}`")))
    }
}

/// The words of a reason below, of which nobody needs more than the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl Cause {
    /// Takes an error's words, with those of what is behind it.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut words = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            words = format!("{words}: {cause}");
            next = cause.source();
        }
        Self(words)
    }
}

/// A certificate and a key that no client would be content with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or is not what it should be.
    #[error("{} cannot be used for TLS", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: Cause,
    },
    /// A file without a certificate.
    #[error("{} holds no certificate: expected -----BEGIN CERTIFICATE----- (PEM)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file without a key that can be read.
    #[error("{} holds no key: expected -----BEGIN PRIVATE KEY----- (PEM), without a passphrase", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is that of another certificate.
    #[error("{} is not the key of {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error("the certificate in {} has expired", path.display())]
    Expired {
        /// The certificate's file.
        path: PathBuf,
    },
    /// The certificate's time has not begun.
    #[error("the certificate in {} is not valid yet", path.display())]
    NotYet {
        /// The certificate's file.
        path: PathBuf,
    },
}

impl Fault for TlsError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Mismatch { .. } => Some(Hint::new("name the certificate and the key that were made together")),
            Self::Expired { .. } => Some(Hint::new("renew the certificate")),
            Self::NotYet { .. } => Some(Hint::new("look whether this machine's clock is right: `date`")),
            Self::NoCertificate { .. } => Some(Hint::new("--tls-cert is the certificate, --tls-key its key")),
            Self::NoKey { .. } => Some(Hint::new("`openssl pkey -in FILE -out NEW` takes the passphrase off")),
            Self::Unusable { .. } => None,
        }
    }
}

/// A file of passwords that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// It cannot be read.
    #[error("the password file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// It is larger than any such file.
    #[error("the password file {} is too large: expected at most {limit} bytes, got {got}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes.
        limit: u64,
        /// Its bytes.
        got: u64,
    },
    /// A line of it is no user with a bcrypt hash. What stands there is not said: it is secret.
    #[error("the password file {}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// It has no user at all, so that nobody would get in.
    #[error("the password file {} has no users", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with a line of a password file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// No colon, or nothing before it.
    #[error("expected NAME:HASH")]
    NoUser,
    /// The name stands there twice.
    #[error("this name has a line already")]
    Twice,
    /// MD5, SHA-1, crypt or plain text.
    #[error("expected a bcrypt hash ($2y$...), got {0}")]
    Format(&'static str),
    /// A bcrypt hash that is cut off, or changed.
    #[error("the bcrypt hash is damaged")]
    Damaged,
    /// A hash that takes longer than anybody waits.
    #[error("the bcrypt cost is out of bounds: expected 4 to {most}, got {got}")]
    Cost {
        /// The highest cost.
        most: u32,
        /// This one.
        got: u32,
    },
}

impl Fault for PasswordsError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let path = match self {
            Self::Unreadable { path, .. } | Self::Line { path, .. } | Self::Empty { path } => path.display(),
            Self::TooLarge { .. } => return Some(Hint::new("name the file that `htpasswd -B` made")),
        };
        Some(Hint::new(match self {
            Self::Unreadable { .. } => format!("`htpasswd -cB {path} NAME` makes one"),
            _ => format!("`htpasswd -B {path} NAME`"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_offers_the_next_one() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5000));
        let error = ServeError::listening(address, io::ErrorKind::AddrInUse.into());
        assert_eq!(error.to_string(), "the port is taken");
        assert_eq!(error.hint().map(|hint| hint.to_string()).as_deref(), Some("`polyarch serve --listen 127.0.0.1:5001`"));
        assert_eq!(std::error::Error::source(&error).is_some(), cfg!(target_os = "macos"));
        let privileged = ServeError::listening(SocketAddr::from(([127, 0, 0, 1], 80)), io::ErrorKind::PermissionDenied.into());
        assert_eq!(privileged.to_string(), "port 80 is for root alone");
    }
}

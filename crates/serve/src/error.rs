//! Why a registry does not start. What is wrong with a request is said to its client: `refusal.rs`.

use std::io;
use std::net::SocketAddr;

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

//! Where `serve` listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use fault::{Fault, Hint, Kind};

/// The port of everybody's registry on their own machine.
const USUAL_PORT: u16 = 5000;

/// Where to listen: `IP:PORT`, `[IPV6]:PORT`, and for this machine alone `localhost:PORT`, `:PORT` or `PORT`.
///
/// Other tools take `:PORT` for every address of the machine. Whoever wants that here has to say so:
/// `0.0.0.0:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

/// A text is no address to listen on.
#[derive(Debug, thiserror::Error)]
#[error("bad address {text:?}: expected IP:PORT, [IPV6]:PORT, localhost:PORT or PORT")]
pub struct ListenError {
    text: String,
    /// The nearest address that could work.
    instead: SocketAddr,
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Ok(address) = text.parse() {
            return Ok(Self(address));
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let number = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit())).and_then(|port| port.parse().ok());
        if let ("" | "localhost", Some(port)) = (host, number) {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        let address: Option<IpAddr> = text.trim_matches(['[', ']']).parse().ok();
        let instead = match address {
            Some(address) => SocketAddr::new(address, USUAL_PORT),
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, number.unwrap_or(USUAL_PORT))),
        };
        Err(ListenError { text: text.to_owned(), instead })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Fault for ListenError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.instead.port()));
        Some(Hint::new(if self.instead.ip().is_loopback() {
            format!("--listen {} for this machine alone, --listen {everywhere} for all that reach it", self.instead)
        } else {
            format!("--listen {}", self.instead)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_usual_way_to_write_an_address() {
        for (text, address) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:5801", "0.0.0.0:5801"),
            ("[::1]:5000", "[::1]:5000"),
            ("localhost:5801", "127.0.0.1:5801"),
            (":5801", "127.0.0.1:5801"),
            ("5801", "127.0.0.1:5801"),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string(), address, "{text}");
        }
    }

    #[test]
    fn offers_the_nearest_address_for_what_is_none() {
        for (text, instead) in [
            ("0.0.0.0", "0.0.0.0:5000"),
            ("::1", "[::1]:5000"),
            ("registry.example:80", "127.0.0.1:80"),
            ("localhost", "127.0.0.1:5000"),
            ("localhost:70000", "127.0.0.1:5000"),
            ("+80", "127.0.0.1:5000"),
            ("", "127.0.0.1:5000"),
            (":", "127.0.0.1:5000"),
        ] {
            let Err(error) = text.parse::<Listen>() else { panic!("{text} is no address") };
            assert_eq!(error.instead.to_string(), instead, "{text}");
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}

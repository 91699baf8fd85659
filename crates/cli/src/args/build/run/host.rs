//! `--add-host`: a name and its addresses.

use std::net::IpAddr;
use std::str::FromStr;

use super::error::RunWordError;

/// Docker's word for the machine behind its bridge.
const GATEWAY: &str = "host-gateway";

/// One `--add-host`: `NAME:IP` or `NAME=IP`; an address may stand in brackets, and in buildx there may be several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostWord {
    /// The name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl FromStr for HostWord {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        let shape = || RunWordError::shape("host", text, "NAME:IP or NAME=IP");
        let (name, value) = text.split_once('=').or_else(|| text.split_once(':')).ok_or_else(shape)?;
        // What is written into /etc/hosts must be one word there.
        let is_word = |character: char| !character.is_whitespace() && !character.is_control() && !matches!(character, ':' | '#');
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(shape());
        }
        if value == GATEWAY {
            return Err(RunWordError::Gateway(text.to_owned()));
        }
        let address = |text: &str| -> Option<IpAddr> {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            bare.parse().ok()
        };
        let addresses = value.split(',').map(address).collect::<Option<Vec<_>>>().ok_or_else(shape)?;
        Ok(Self { name: name.to_owned(), addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    #[test]
    fn a_host_has_addresses() {
        for (text, name, addresses) in [
            ("api:10.0.0.1", "api", &["10.0.0.1"][..]),
            ("api=10.0.0.1", "api", &["10.0.0.1"]),
            ("api.lan:::1", "api.lan", &["::1"]),
            ("api=::1", "api", &["::1"]),
            ("api:[2001:db8::1]", "api", &["2001:db8::1"]),
            ("api=[10.0.0.1]", "api", &["10.0.0.1"]),
            ("api:10.0.0.1,[::1]", "api", &["10.0.0.1", "::1"]),
        ] {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(text.parse::<HostWord>().unwrap(), HostWord { name: name.to_owned(), addresses }, "{text}");
        }
        for text in [
            "",
            "api",
            "api:",
            ":1.2.3.4",
            "=1.2.3.4",
            "api:1.2.3",
            "a:b=1.2.3.4",
            "api:1.2.3.4,",
            "a b:1.2.3.4",
            "a\n:1.2.3.4",
            "api:[::1",
        ] {
            assert!(matches!(text.parse::<HostWord>(), Err(RunWordError::Shape { .. })), "{text}");
        }
    }

    #[test]
    fn this_machine_has_no_gateway() {
        for text in ["host.docker.internal:host-gateway", "host.docker.internal=host-gateway"] {
            let error = text.parse::<HostWord>().unwrap_err();
            assert!(error.to_string().contains("no bridge"), "{error}");
            assert!(error.hint().unwrap().to_string().ends_with("--add-host host.docker.internal:127.0.0.1"));
        }
    }
}

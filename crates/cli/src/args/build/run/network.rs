//! `--network` and `--allow`: what of the network a `RUN` sees, and what it may ask for.

use std::str::FromStr;

use dockerfile::nearest_name;

use super::error::RunWordError;

/// What `--network` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkWord {
    /// Nothing: this machine's network.
    #[default]
    Default,
    /// This machine's network, and a `RUN --network=host` may have it, too.
    Host,
    /// None.
    None,
}

impl FromStr for NetworkWord {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        match text {
            "" | "default" => Ok(Self::Default),
            "host" => Ok(Self::Host),
            "none" => Ok(Self::None),
            _ => Err(RunWordError::Network(text.to_owned())),
        }
    }
}

/// What a `RUN` may ask for, in BuildKit's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// `RUN --network=host`.
    HostNetwork,
    /// `RUN --security=insecure`.
    Insecure,
}

/// BuildKit's words for them.
const RIGHTS: [(&str, Right); 2] = [("network.host", Right::HostNetwork), ("security.insecure", Right::Insecure)];

impl FromStr for Right {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        let found = RIGHTS.iter().find(|(word, _)| *word == text).map(|(_, right)| *right);
        found.ok_or_else(|| RunWordError::Right { text: text.to_owned(), nearest: nearest_name(text, RIGHTS.map(|(word, _)| word)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fault::Fault;

    #[test]
    fn networks_are_this_machines_or_none() {
        for (text, network) in
            [("", NetworkWord::Default), ("default", NetworkWord::Default), ("host", NetworkWord::Host), ("none", NetworkWord::None)]
        {
            assert_eq!(text.parse::<NetworkWord>().unwrap(), network, "{text}");
        }
        for text in ["bridge", "container:x", "Host"] {
            let error = text.parse::<NetworkWord>().unwrap_err();
            assert_eq!(error.to_string(), format!("bad network {text:?}: expected default, host or none"));
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn rights_are_those_that_a_run_can_ask_for() {
        assert_eq!("network.host".parse::<Right>().unwrap(), Right::HostNetwork);
        assert_eq!("security.insecure".parse::<Right>().unwrap(), Right::Insecure);
        for (text, hint) in [
            ("network.hosts", Some("did you mean network.host")),
            ("device=vendor.com/gpu", Some("no device of this machine is handed to a RUN")),
            ("fs.read=/", None),
            ("", None),
        ] {
            let error = text.parse::<Right>().unwrap_err();
            assert_eq!(error.hint().map(|hint| hint.to_string()).as_deref(), hint, "{text}");
        }
    }
}

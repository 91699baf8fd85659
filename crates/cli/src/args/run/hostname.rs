//! `--hostname`: what a program's machine is called.

use std::str::FromStr;

use super::error::ProgramWordError;

/// How long the name of a machine may be (sethostname(2), `__NEW_UTS_LEN`).
const LONGEST: usize = 64;

/// A name of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostnameWord(pub String);

impl FromStr for HostnameWord {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        // It is written into /etc/hosts, too.
        let is_odd = |character: char| character.is_whitespace() || character.is_control() || character == '#';
        if text.is_empty() || text.len() > LONGEST || text.contains(is_odd) {
            return Err(ProgramWordError::shape("hostname", text, "one word of at most 64 bytes"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostname_is_one_word() {
        assert_eq!("box.lan".parse::<HostnameWord>().unwrap().0, "box.lan");
        for text in ["", "a b", "a\nb", "a#b", &"x".repeat(65)] {
            assert!(text.parse::<HostnameWord>().is_err(), "{text}");
        }
    }
}

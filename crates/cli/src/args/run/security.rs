//! `--security-opt`: what else holds a program, or does not.

use std::str::FromStr;

use super::error::ProgramWordError;

/// One `--security-opt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityWord {
    /// `no-new-privileges`: no program gives it more.
    NoNewPrivileges(bool),
    /// `seccomp=unconfined`: every system call is let through.
    Unfiltered,
    /// `systempaths=unconfined`: nothing of /proc and /sys is hidden.
    Unmasked,
    /// `apparmor=unconfined`, `label=disable`: it is so anyway.
    Nothing,
}

impl FromStr for SecurityWord {
    type Err = ProgramWordError;

    fn from_str(text: &str) -> Result<Self, ProgramWordError> {
        // Docker has both signs.
        Ok(match text.replacen(':', "=", 1).as_str() {
            "no-new-privileges" | "no-new-privileges=true" => Self::NoNewPrivileges(true),
            "no-new-privileges=false" => Self::NoNewPrivileges(false),
            "seccomp=unconfined" => Self::Unfiltered,
            "systempaths=unconfined" => Self::Unmasked,
            "apparmor=unconfined" | "label=disable" => Self::Nothing,
            _ => {
                let expected = "no-new-privileges, seccomp=unconfined or systempaths=unconfined";
                return Err(ProgramWordError::shape("security option", text, expected));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_docker_as_far_as_they_are_there() {
        for (text, expected) in [
            ("no-new-privileges", SecurityWord::NoNewPrivileges(true)),
            ("no-new-privileges:false", SecurityWord::NoNewPrivileges(false)),
            ("seccomp=unconfined", SecurityWord::Unfiltered),
            ("seccomp:unconfined", SecurityWord::Unfiltered),
            ("systempaths=unconfined", SecurityWord::Unmasked),
            ("label=disable", SecurityWord::Nothing),
        ] {
            assert_eq!(text.parse::<SecurityWord>().unwrap(), expected, "{text}");
        }
        for text in ["", "seccomp", "seccomp=profile.json", "apparmor=docker-default", "no-new-privileges=maybe"] {
            assert!(text.parse::<SecurityWord>().is_err(), "{text}");
        }
    }
}

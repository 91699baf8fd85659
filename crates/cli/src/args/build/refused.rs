//! Flags of `docker build` and `docker buildx build` that do nothing here: THE ONE TABLE.

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use fault::{Fault, Hint, Kind};

/// Whether a flag has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Always.
    Value,
    /// `--flag` or `--flag=true`.
    Truth,
}

/// A flag that other tools have.
struct Foreign {
    long: &'static str,
    short: Option<char>,
    takes: Takes,
    /// Values that ask for what is done anyway; `*` is any.
    harmless: &'static [&'static str],
    /// Why it is not there, after "it is not there:".
    reason: &'static str,
    /// What to do.
    instead: &'static str,
}

const fn value(long: &'static str, harmless: &'static [&'static str], (reason, instead): (&'static str, &'static str)) -> Foreign {
    Foreign { long, short: None, takes: Takes::Value, harmless, reason, instead }
}

const fn truth(long: &'static str, harmless: &'static [&'static str], (reason, instead): (&'static str, &'static str)) -> Foreign {
    Foreign { long, short: None, takes: Takes::Truth, harmless, reason, instead }
}

const fn short(letter: char, flag: Foreign) -> Foreign {
    Foreign { short: Some(letter), ..flag }
}

const BOUNDS: (&str, &str) = (
    "polyarch does not bound what a RUN uses of the machine",
    "bound the build as a whole, such as by `systemd-run --user --scope -p MemoryMax=4G polyarch build ...`",
);
const CACHE: (&str, &str) = ("no cache is shared between machines yet", "leave it out: the image is the same without it");
const ATTESTATION: (&str, &str) = ("no attestations are made yet", "leave it out, or say false");
const CHECK: (&str, &str) = ("checks are not made without a build yet", "polyarch plan reads the Dockerfile, and builds nothing");
const BUILDER: (&str, &str) = ("there are no builders, as polyarch builds itself", "leave it out");
const DEBUGGER: (&str, &str) = ("there is no debugger of builds", "leave it out");
const POLICY: (&str, &str) = ("there are no policies of sources yet", "name bases by their digests: FROM NAME@sha256:...");
const NOTHING: (&str, &str) = ("it changes nothing here", "leave it out");

/// Every one of them.
const FOREIGN: &[Foreign] = &[
    // What a RUN would have of a daemon.
    value("cgroup-parent", &[], BOUNDS),
    short('m', value("memory", &[], BOUNDS)),
    value("memory-swap", &[], BOUNDS),
    short('c', value("cpu-shares", &[], BOUNDS)),
    value("cpu-period", &[], BOUNDS),
    value("cpu-quota", &[], BOUNDS),
    value("cpuset-cpus", &[], BOUNDS),
    value("cpuset-mems", &[], BOUNDS),
    value("resource", &[], BOUNDS),
    value("device", &[], ("no device of this machine is handed to a RUN", "copy what needs the device out of the image, and run it there")),
    value(
        "security-opt",
        &[],
        (
            "every RUN is held by Docker's seccomp profile",
            "a RUN that needs more says so: RUN --security=insecure, and --allow security.insecure",
        ),
    ),
    value("isolation", &["default"], ("kinds of isolation are for containers of Windows", "leave it out, or say default")),
    // What is not there yet, or is not meant to be.
    value("cache-from", &[], CACHE),
    value("cache-to", &[], CACHE),
    value("attest", &["type=provenance,disabled=true", "type=sbom,disabled=true"], ATTESTATION),
    value("provenance", &["false"], ATTESTATION),
    value("sbom", &["false"], ATTESTATION),
    value("call", &["build"], CHECK),
    value("print", &[], CHECK),
    truth("check", &["false"], CHECK),
    value("builder", &[], BUILDER),
    value("invoke", &[], DEBUGGER),
    value("on", &[], DEBUGGER),
    value("policy", &[], POLICY),
    truth("squash", &["false"], ("layers are not merged", "a last stage with one COPY has one layer")),
    short('D', truth("debug", &["false"], ("it is another word here", "--verbose"))),
    truth(
        "disable-content-trust",
        &["true"],
        ("Docker's signatures of content trust are not looked at", "name bases by their digests: FROM NAME@sha256:..."),
    ),
    // Nothing is left behind, no container runs, and no context is sent: docker's BuildKit ignores them, too.
    truth("rm", &["*"], NOTHING),
    truth("force-rm", &["*"], NOTHING),
    truth("compress", &["*"], NOTHING),
];

/// A flag that was given and asks for something that is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} is not there: {reason}")]
pub struct RefusedFlag {
    flag: &'static str,
    reason: &'static str,
    instead: &'static str,
}

impl Fault for RefusedFlag {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(self.instead))
    }
}

/// The flags of the table, as far as they were given. None of their values is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused(Option<RefusedFlag>);

impl Refused {
    /// Passes where every one that was given asks for what is done anyway.
    ///
    /// # Errors
    /// The first one in the table that asks for more.
    pub fn check(&self) -> Result<(), RefusedFlag> {
        self.0.clone().map_or(Ok(()), Err)
    }
}

impl Args for Refused {
    fn augment_args(command: Command) -> Command {
        FOREIGN.iter().fold(command, |command, flag| {
            let arg = Arg::new(flag.long).long(flag.long).hide(true).action(ArgAction::Append).value_parser(ValueParser::string());
            let arg = match flag.short {
                Some(letter) => arg.short(letter),
                None => arg,
            };
            command.arg(match flag.takes {
                Takes::Value => arg.num_args(1).allow_hyphen_values(true),
                Takes::Truth => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Refused {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut refused = Self::default();
        refused.update_from_arg_matches(matches)?;
        Ok(refused)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for flag in FOREIGN {
            let given = matches.try_get_many::<String>(flag.long).map_err(|_| clap::Error::new(ErrorKind::UnknownArgument))?;
            let asks = given.into_iter().flatten().any(|given| !is_harmless(flag, given));
            if asks && self.0.is_none() {
                self.0 = Some(RefusedFlag { flag: flag.long, reason: flag.reason, instead: flag.instead });
            }
        }
        Ok(())
    }
}

fn is_harmless(flag: &Foreign, given: &str) -> bool {
    let spelt = super::truth(given).map_or_else(|_| given.to_owned(), |given| given.to_string());
    flag.harmless.iter().any(|harmless| *harmless == "*" || *harmless == given || *harmless == spelt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn given(words: &[&str]) -> Result<(), RefusedFlag> {
        let command = Refused::augment_args(Command::new("build")).no_binary_name(true);
        let matches = command.try_get_matches_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Refused::from_arg_matches(&matches).unwrap().check()
    }

    #[test]
    fn every_flag_is_refused_by_name_unless_it_changes_nothing() {
        for flag in FOREIGN {
            let asking = format!("--{}=-1", flag.long);
            let refused = given(&[&asking]);
            assert_eq!(refused.is_ok(), flag.harmless == ["*"], "{asking}");
            if let Err(error) = refused {
                assert!(error.to_string().starts_with(&format!("--{} is not there: ", flag.long)), "{error}");
                assert!(error.hint().is_some());
            }
            for harmless in flag.harmless.iter().filter(|word| **word != "*") {
                assert_eq!(given(&[&format!("--{}={harmless}", flag.long)]), Ok(()), "{} {harmless}", flag.long);
            }
        }
    }

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        for words in [
            &["--rm", "--force-rm", "--compress"][..],
            &["--rm=false"],
            &["--provenance=false", "--sbom", "0"],
            &["--isolation", "default"],
            &["--disable-content-trust"],
            &[],
        ] {
            assert_eq!(given(words), Ok(()), "{words:?}");
        }
        for words in [
            &["--device", "a", "--device=b"][..],
            &["-m", "1g"],
            &["-c5"],
            &["-D"],
            &["--provenance", "mode=max"],
            &["--sbom=true"],
            &["--memory-swap", "-1"],
            &["--disable-content-trust=false"],
            &["--isolation", "default", "--isolation", "hyperv"],
            &["--check"],
        ] {
            assert!(given(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn no_flag_stands_there_twice() {
        let names: BTreeSet<&str> = FOREIGN.iter().map(|flag| flag.long).collect();
        assert_eq!(names.len(), FOREIGN.len());
    }
}

//! Flags of `docker build` and `docker buildx build` that do nothing here: THE ONE TABLE.

use crate::args::foreign::{Foreign, Table, short, truth_of as truth, value};

const BOUNDS: (&str, &str) = (
    "polyarch does not bound what a RUN uses of the machine",
    "bound the build as a whole, such as by `systemd-run --user --scope -p MemoryMax=4G polyarch build ...`",
);
const CACHE: (&str, &str) = ("no cache is shared between machines yet", "leave it out: the image is the same without it");
const PRINT: (&str, &str) = ("it has another name now", "--call outline, or --call targets");
const SBOM: (&str, &str) = (
    "an SBOM needs a scanner, and there is none",
    "leave it out, or say false: a scanner such as `syft` reads the image, and `oras attach` attaches what it writes",
);
const BUILDER: (&str, &str) = ("there are no builders, as polyarch builds itself", "leave it out");
const DEBUGGER: (&str, &str) = ("there is no debugger of builds", "leave it out");
const POLICY: (&str, &str) = ("there are no policies of sources yet", "name bases by their digests: FROM NAME@sha256:...");
const NOTHING: (&str, &str) = ("it changes nothing here", "leave it out");

/// The flags that `build` does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildFlags;

impl Table for BuildFlags {
    const FLAGS: &'static [Foreign] = FOREIGN;
}

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
    value("sbom", &["false"], SBOM),
    value("print", &[], PRINT),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args, Command, FromArgMatches};
    use fault::Fault;

    use super::*;
    use crate::args::foreign::{Refused, RefusedFlag};

    fn given(words: &[&str]) -> Result<(), RefusedFlag> {
        let command = Refused::<BuildFlags>::augment_args(Command::new("build")).no_binary_name(true);
        let matches = command.try_get_matches_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Refused::<BuildFlags>::from_arg_matches(&matches).unwrap().check()
    }

    #[test]
    fn every_flag_is_refused_by_name_unless_it_changes_nothing() {
        for flag in BuildFlags::FLAGS {
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
            &["--sbom", "0"],
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
            &["--sbom=true"],
            &["--memory-swap", "-1"],
            &["--disable-content-trust=false"],
            &["--isolation", "default", "--isolation", "hyperv"],
        ] {
            assert!(given(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn no_flag_stands_there_twice() {
        let names: BTreeSet<&str> = BuildFlags::FLAGS.iter().map(|flag| flag.long).collect();
        assert_eq!(names.len(), BuildFlags::FLAGS.len());
    }
}

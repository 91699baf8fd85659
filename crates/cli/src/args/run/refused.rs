//! Flags of `docker run` that do nothing here: THE ONE TABLE.

use crate::args::foreign::{Foreign, Table, short, truth_of as truth, value};

/// The flags that `run` does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramFlags;

impl Table for ProgramFlags {
    const FLAGS: &'static [Foreign] = FOREIGN;
}

const DETACH: (&str, &str) = (
    "a program is run as long as somebody waits for it",
    "put & behind the command, or leave it to a service manager: systemd-run polyarch run ...",
);
const PORTS: (&str, &str) = (
    "the network is this machine's: what the program listens on is reached there already",
    "leave it out; --network none hides everything",
);
const NETWORKS: (&str, &str) =
    ("polyarch has no networks of its own", "leave it out: the program sees this machine's network, or none with --network none");
const NAMES: (&str, &str) =
    ("names are found as this machine finds them", "--add-host NAME:IP, or mount a file of your own: -v ./resolv.conf:/etc/resolv.conf");
const BOUNDS: (&str, &str) = (
    "what a program uses is bounded by --memory, --pids-limit and --ulimit alone",
    "bound it as a whole: systemd-run --user --scope -p CPUQuota=50% polyarch run ...",
);
const DEVICES: (&str, &str) = ("no device of this machine is handed to a program", "run what needs the device on this machine itself");
const SPACES: (&str, &str) = ("a program has namespaces of its own, but for the network", "leave it out");
const VOLUMES: (&str, &str) = ("there are no volumes by name, and no containers that have some", "name a folder: -v ./data:/data");
const KEPT: (&str, &str) = ("nothing is left of a program that has ended", "run it again where it is to be run again");
const HEALTH: (&str, &str) = ("nobody asks a program how it does", "leave it out");
const STREAMS: (&str, &str) = ("both output streams are shown, and -i passes the input on", "redirect what is not to be seen");
const RUNTIME: (&str, &str) = ("polyarch runs programs itself", "leave it out");
const WINDOWS: (&str, &str) = ("it is for containers of Windows", "leave it out");
const SYSTEM: (&str, &str) = ("the kernel's settings are this machine's", "set it on this machine: sysctl -w KEY=VALUE");
const GROUPS: (&str, &str) = ("groups are those of the user in the image", "name user and group: --user USER:GROUP");
const NOTHING: (&str, &str) = ("it changes nothing here", "leave it out");

/// Every one of them.
const FOREIGN: &[Foreign] = &[
    short('d', truth("detach", &["false"], DETACH)),
    value("detach-keys", &[], DETACH),
    value("restart", &["", "no"], DETACH),
    value("cidfile", &[], KEPT),
    value("log-driver", &[], STREAMS),
    value("log-opt", &[], STREAMS),
    short('a', value("attach", &[], STREAMS)),
    truth("sig-proxy", &["true"], ("signals are always passed on", "leave it out, and send none")),
    // The network.
    short('p', value("publish", &[], PORTS)),
    short('P', truth("publish-all", &["false"], PORTS)),
    value("ip", &[], NETWORKS),
    value("ip6", &[], NETWORKS),
    value("link", &[], NETWORKS),
    value("link-local-ip", &[], NETWORKS),
    value("mac-address", &[], NETWORKS),
    value("network-alias", &[], NETWORKS),
    value("net-alias", &[], NETWORKS),
    value("dns", &[], NAMES),
    value("dns-option", &[], NAMES),
    value("dns-opt", &[], NAMES),
    value("dns-search", &[], NAMES),
    value("domainname", &[], NAMES),
    // What it may use.
    value("blkio-weight", &["0"], BOUNDS),
    value("blkio-weight-device", &[], BOUNDS),
    value("cgroup-parent", &[], BOUNDS),
    value("cpu-period", &["0"], BOUNDS),
    value("cpu-quota", &["0"], BOUNDS),
    value("cpu-rt-period", &["0"], BOUNDS),
    value("cpu-rt-runtime", &["0"], BOUNDS),
    short('c', value("cpu-shares", &["0"], BOUNDS)),
    value("cpus", &["0"], BOUNDS),
    value("cpuset-cpus", &[], BOUNDS),
    value("cpuset-mems", &[], BOUNDS),
    value("device-read-bps", &[], BOUNDS),
    value("device-read-iops", &[], BOUNDS),
    value("device-write-bps", &[], BOUNDS),
    value("device-write-iops", &[], BOUNDS),
    value("kernel-memory", &[], BOUNDS),
    value("memory-reservation", &[], BOUNDS),
    value("memory-swap", &[], BOUNDS),
    value("memory-swappiness", &["-1"], BOUNDS),
    truth("oom-kill-disable", &["false"], BOUNDS),
    value("oom-score-adj", &["0"], BOUNDS),
    value("storage-opt", &[], BOUNDS),
    value("sysctl", &[], SYSTEM),
    // What it sees of this machine.
    value("device", &[], DEVICES),
    value("device-cgroup-rule", &[], DEVICES),
    value("gpus", &[], DEVICES),
    truth(
        "use-api-socket",
        &["false"],
        ("there is no daemon whose socket that would be", "mount it: -v /var/run/docker.sock:/var/run/docker.sock"),
    ),
    value("cgroupns", &[""], SPACES),
    value("ipc", &["", "private"], SPACES),
    value("pid", &[""], SPACES),
    value("userns", &[""], SPACES),
    value("uts", &[""], SPACES),
    value("group-add", &[], GROUPS),
    value("volume-driver", &[], VOLUMES),
    value("volumes-from", &[], VOLUMES),
    value("runtime", &[], RUNTIME),
    value("isolation", &["default"], WINDOWS),
    value("cpu-count", &["0"], WINDOWS),
    value("cpu-percent", &["0"], WINDOWS),
    value("io-maxbandwidth", &["0"], WINDOWS),
    value("io-maxiops", &["0"], WINDOWS),
    value("health-cmd", &[], HEALTH),
    value("health-interval", &[], HEALTH),
    value("health-retries", &[], HEALTH),
    value("health-start-interval", &[], HEALTH),
    value("health-start-period", &[], HEALTH),
    value("health-timeout", &[], HEALTH),
    truth("no-healthcheck", &["*"], NOTHING),
    truth(
        "disable-content-trust",
        &["true"],
        ("Docker's signatures of content trust are not looked at", "name the image by its digest: NAME@sha256:..."),
    ),
    // Words about a container that others look at, and none of these can.
    value("annotation", &["*"], NOTHING),
    value("expose", &["*"], NOTHING),
    short('l', value("label", &["*"], NOTHING)),
    value("label-file", &["*"], NOTHING),
    value("stop-signal", &["*"], NOTHING),
    value("stop-timeout", &["*"], NOTHING),
    // Signals end a program as they end any other here, and nothing outlives it.
    truth("init", &["*"], NOTHING),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Args, Command, FromArgMatches};
    use fault::Fault;

    use super::*;
    use crate::args::foreign::{Refused, RefusedFlag};

    fn given(words: &[&str]) -> Result<(), RefusedFlag> {
        let command = Refused::<ProgramFlags>::augment_args(Command::new("run")).no_binary_name(true);
        let matches = command.try_get_matches_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Refused::<ProgramFlags>::from_arg_matches(&matches).unwrap().check()
    }

    #[test]
    fn every_flag_is_refused_by_name_unless_it_changes_nothing() {
        let mut names = BTreeSet::new();
        for flag in FOREIGN {
            assert!(names.insert(flag.long), "{} stands there twice", flag.long);
            let refused = given(&[&format!("--{}=x", flag.long)]);
            assert_eq!(refused.is_ok(), flag.harmless == ["*"], "{}", flag.long);
            if let Err(error) = refused {
                assert!(error.to_string().starts_with(&format!("--{} is not there: ", flag.long)), "{error}");
                assert!(error.hint().is_some());
            }
        }
    }

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        for words in
            [&["--init", "-l", "a=b", "--expose", "80"][..], &["--detach=false", "--restart", "no", "--sig-proxy"], &["--ipc=private"]]
        {
            assert_eq!(given(words), Ok(()), "{words:?}");
        }
        for words in [&["-d"][..], &["-p", "80:80"], &["-p80:80"], &["--publish=80"], &["-P"], &["--restart", "always"], &["--pid=host"]] {
            assert!(given(words).is_err(), "{words:?}");
        }
    }
}

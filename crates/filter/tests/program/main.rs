//! The filter, run by an interpreter of classic BPF, against the profile as it stands.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod machine;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use filter::profile::{Answer, DOCKER, ENOSYS, EPERM, Rule, Test, When};
use filter::{Architecture, Host, LONGEST, Program, Setting};
use machine::{ALLOW, KILL, error, run};
use proptest::prelude::*;

/// The rights that Docker gives (0xa80425fb), without and with CAP_SYS_ADMIN, and all.
const DOCKERS: u64 = 0xa804_25fb;
const SYS_ADMIN: u64 = 1 << 21;
const HOSTS: [Host; 2] = [Host::X86_64, Host::Aarch64];

fn setting(host: Host, capabilities: u64) -> Setting {
    Setting { host, capabilities, kernel: (6, 12) }
}

fn number(architecture: Architecture, name: &str) -> u32 {
    architecture.calls().find(|(call, _)| *call == name).unwrap().1
}

/// What the kernel is answered for a call by its name.
fn ask(setting: &Setting, architecture: Architecture, name: &str, arguments: [u64; 6]) -> u32 {
    run(&Program::of_docker(setting), number(architecture, name), architecture.audit(), arguments)
}

/// The rules by the calls that they name.
fn rules() -> &'static BTreeMap<&'static str, Vec<&'static Rule>> {
    static RULES: OnceLock<BTreeMap<&str, Vec<&Rule>>> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut rules: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        for rule in DOCKER {
            rule.calls.split_whitespace().for_each(|call| rules.entry(call).or_default().push(rule));
        }
        rules
    })
}

/// What the profile says of a call, read from its rules one by one; `None` where none of them is for it.
fn said(setting: &Setting, name: &str, arguments: &[u64; 6]) -> Option<u32> {
    let mut answers = Vec::new();
    for rule in rules().get(name).into_iter().flatten() {
        let has = |right: u8| setting.capabilities & (1 << right) != 0;
        let holds = match rule.when {
            When::Always => true,
            When::Kernel(major, minor) => (major, minor) <= setting.kernel,
            When::On(host) => host == setting.host,
            When::With(right) => has(right.0),
            When::Without(right) => !has(right.0),
        };
        answers.extend(holds.then(|| match rule.answer {
            Answer::Allow => ALLOW,
            Answer::AllowIf(tests) if tests.iter().any(|test: &Test| test.holds(arguments)) => ALLOW,
            Answer::AllowIf(_) => error(EPERM),
            Answer::Fail(number) => error(number),
        }));
    }
    // Whatever one of them allows is allowed.
    answers.iter().copied().find(|answer| *answer == ALLOW).or(answers.first().copied())
}

/// What is to be answered for a number.
fn expected(setting: &Setting, architecture: Architecture, names: &BTreeMap<u32, Vec<&str>>, number: u32, arguments: &[u64; 6]) -> u32 {
    let Some(names) = names.get(&number) else { return error(ENOSYS) };
    let said: Vec<u32> = names.iter().filter_map(|name| said(setting, name, arguments)).collect();
    let mark = if architecture == Architecture::X32 { 0x4000_0000 } else { 0 };
    // removexattrat, 466 everywhere, is the newest that the profile names.
    let refused = if (467..512).contains(&(number - mark)) { ENOSYS } else { EPERM };
    said.iter().copied().find(|answer| *answer == ALLOW).or(said.first().copied()).unwrap_or(error(refused))
}

fn by_number(architecture: Architecture) -> BTreeMap<u32, Vec<&'static str>> {
    let mut names: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    architecture.calls().for_each(|(name, number)| names.entry(number).or_default().push(name));
    names
}

fn check(setting: &Setting, arguments: [u64; 6], more: &[u32]) {
    let program = Program::of_docker(setting);
    assert!(program.instructions().len() <= LONGEST);
    for architecture in setting.host.architectures() {
        let names = by_number(*architecture);
        let mark = if *architecture == Architecture::X32 { 0x4000_0000 } else { 0 };
        let around = names
            .keys()
            .flat_map(|number| [*number, number + 1])
            .chain([mark])
            .chain(more.iter().map(|number| (number & 0x3FFF_FFFF) | mark));
        for number in around {
            let expected = expected(setting, *architecture, &names, number, &arguments);
            let got = run(&program, number, architecture.audit(), arguments);
            assert_eq!(got, expected, "{architecture:?} {number} {:?} {arguments:x?} {setting:?}", names.get(&number));
        }
    }
}

/// Arguments near what is asked for, in either half.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..50_u64,
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
        (0..64_u32).prop_map(|bit| 1 << bit),
        Just(0x2_0008),
        Just(u64::from(u32::MAX))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_as_the_profile_says(
        host in prop::sample::select(HOSTS.to_vec()),
        capabilities in prop_oneof![Just(DOCKERS), Just(DOCKERS | SYS_ADMIN), any::<u64>()],
        kernel in prop_oneof![Just((3, 10)), Just((4, 7)), Just((4, 8)), Just((6, 12))],
        arguments in prop::array::uniform6(argument()),
        more in prop::collection::vec(any::<u32>(), 16),
    ) {
        check(&Setting { host, capabilities, kernel }, arguments, &more);
    }
}

#[test]
fn every_family_and_every_bit_of_clone_is_answered_as_the_profile_says() {
    for host in HOSTS {
        let setting = setting(host, DOCKERS);
        let program = Program::of_docker(&setting);
        for architecture in host.architectures() {
            for name in ["socket", "clone", "personality"] {
                for value in (0..64).chain((0..64).map(|bit| 1 << bit)) {
                    let arguments = [value, 0, 0, 0, 0, 0];
                    let got = run(&program, number(*architecture, name), architecture.audit(), arguments);
                    assert_eq!(Some(got), said(&setting, name, &arguments), "{name} {value:x}");
                }
            }
        }
    }
}

#[test]
fn what_docker_is_known_for_holds() {
    let docker = setting(Host::X86_64, DOCKERS);
    let first = |value: u64| [value, 0, 0, 0, 0, 0];
    let own = |name: &str, value: u64| ask(&docker, Architecture::X86_64, name, first(value));
    for name in [
        "mount",
        "unshare",
        "setns",
        "keyctl",
        "add_key",
        "bpf",
        "perf_event_open",
        "init_module",
        "kexec_load",
        "reboot",
        "io_uring_setup",
    ] {
        assert_eq!(own(name, 0), error(EPERM), "{name}");
    }
    for name in ["read", "execve", "chroot", "chown", "mknod", "setuid", "ptrace", "arch_prctl", "seccomp"] {
        assert_eq!(own(name, 0), ALLOW, "{name}");
    }
    // AF_INET, AF_ALG, AF_VSOCK; a thread, a new user namespace; the call whose flags cannot be seen.
    assert_eq!([own("socket", 2), own("socket", 38), own("socket", 40)], [ALLOW, error(EPERM), error(EPERM)]);
    assert_eq!([own("clone", 0x3d_0f00), own("clone", 0x1000_0011)], [ALLOW, error(EPERM)]);
    assert_eq!(own("clone3", 0), error(ENOSYS));
    // Half of an argument is no argument.
    assert_eq!(own("socket", 2 | 1 << 32), error(EPERM));
    // As a program of 32 bits, or of x32.
    assert_eq!(ask(&docker, Architecture::X86, "mount", first(0)), error(EPERM));
    assert_eq!(ask(&docker, Architecture::X86, "socket", first(38)), error(EPERM));
    assert_eq!(ask(&docker, Architecture::X32, "mount", first(0)), error(EPERM));
    assert_eq!(ask(&docker, Architecture::X32, "read", first(0)), ALLOW);
    let insecure = setting(Host::X86_64, DOCKERS | SYS_ADMIN);
    assert_eq!(ask(&insecure, Architecture::X86_64, "mount", first(0)), ALLOW);
    assert_eq!(ask(&insecure, Architecture::X86_64, "clone3", first(0)), ALLOW);
    assert_eq!(ask(&insecure, Architecture::X86_64, "init_module", first(0)), error(EPERM));
    let arm = setting(Host::Aarch64, DOCKERS);
    assert_eq!(ask(&arm, Architecture::Arm, "set_tls", first(0)), ALLOW);
    assert_eq!(ask(&arm, Architecture::Arm, "usr26", first(0)), error(EPERM));
}

#[test]
fn what_is_newer_than_the_profile_is_not_there_and_another_architecture_ends_the_process() {
    let docker = setting(Host::X86_64, DOCKERS);
    let program = Program::of_docker(&docker);
    assert_eq!(ask(&docker, Architecture::X86_64, "file_getattr", [0; 6]), error(ENOSYS));
    for number in [335 + 2, 470, 1000, 0x3FFF_FFFF, 0x4000_0000 | 480, u32::MAX] {
        assert_eq!(run(&program, number, Architecture::X86_64.audit(), [0; 6]), error(ENOSYS), "{number}");
    }
    assert_eq!(run(&program, 0, Architecture::Aarch64.audit(), [0; 6]), KILL);
    assert_eq!(run(&Program::of_docker(&setting(Host::Aarch64, 0)), 0, Architecture::X86.audit(), [0; 6]), KILL);
}

#[test]
fn names_of_the_profile_are_calls() {
    let known: Vec<&str> =
        HOSTS.iter().flat_map(|host| host.architectures()).flat_map(|architecture| architecture.calls()).map(|(name, _)| name).collect();
    let names = DOCKER.iter().flat_map(|rule| rule.calls.split_whitespace());
    let strange: Vec<&str> = names.filter(|name| !known.contains(name)).collect();
    assert_eq!(strange, [] as [&str; 0]);
    let calls = |architecture: Architecture| architecture.calls().count();
    use Architecture::{Aarch64, Arm, X32, X86, X86_64};
    assert_eq!([X86_64, X86, X32, Aarch64, Arm].map(calls), [382, 459, 371, 325, 429]);
}

#[test]
fn the_program_is_short_and_so_is_the_way_through_it() {
    let counts = |host: Host| Program::of_docker(&setting(host, DOCKERS)).instructions().len();
    assert_eq!(HOSTS.map(counts), [858, 616]);
    let program = Program::of_docker(&setting(Host::X86_64, DOCKERS));
    let steps = |name: &str| machine::steps(&program, number(Architecture::X86_64, name), Architecture::X86_64.audit(), [0; 6]).1;
    assert!(["read", "write", "openat", "newfstatat", "futex"].map(steps).into_iter().all(|steps| steps <= 16));
}

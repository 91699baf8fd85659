//! Probes: that each tells what it is there to tell.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use emulate::{Answer, Machine, Probe};

use crate::fixture::{LIMIT, program, qemu};

fn probe(platform: &str) -> Probe {
    Probe::of(&platform.parse().unwrap()).unwrap()
}

#[test]
fn this_machine_runs_the_least_of_its_own() {
    let Some(here) = Machine::here() else { return testkit::skip("this machine is of no known kind") };
    assert_eq!(Probe::least(here).run(LIMIT), Answer::Ran);
}

#[test]
fn levels_of_this_processor_are_those_that_it_says() {
    if Machine::here() != Some(Machine::Amd64) {
        return testkit::skip("this is about x86-64");
    }
    let said = fs::read_to_string("/proc/cpuinfo").unwrap();
    let flags: Vec<&str> = said.lines().find(|line| line.starts_with("flags")).unwrap_or_default().split_whitespace().collect();
    let levels: [(&str, &[&str]); 3] = [
        ("linux/amd64/v2", &["sse4_2", "popcnt"]),
        ("linux/amd64/v3", &["avx2", "bmi2", "fma"]),
        ("linux/amd64/v4", &["avx512f", "avx512bw", "avx512dq", "avx512cd", "avx512vl"]),
    ];
    for (platform, needed) in levels {
        let expected = if needed.iter().all(|flag| flags.contains(flag)) { Answer::Ran } else { Answer::Illegal };
        assert_eq!(probe(platform).run(LIMIT), expected, "{platform}");
    }
}

#[test]
fn every_machine_has_an_emulator_that_runs_its_probes() {
    for probe in Probe::all() {
        let Some(qemu) = qemu(probe.machine()) else { continue };
        // QEMU has no AVX-512.
        let expected = if probe.to_string() == "linux/amd64/v4" { Answer::Illegal } else { Answer::Ran };
        assert_eq!(probe.run_by(&qemu, &[], LIMIT).to_string(), expected.to_string(), "{probe}");
    }
}

#[test]
fn an_older_processor_does_not_run_a_higher_level() {
    /// A platform, and whether its probe runs.
    type Level = (&'static str, bool);
    let cases: [(Machine, &str, &[Level]); 6] = [
        (Machine::Arm, "arm926", &[("linux/arm/v5", true), ("linux/arm/v6", false), ("linux/arm/v7", false)]),
        (Machine::Arm, "arm1176", &[("linux/arm/v6", true), ("linux/arm/v7", false)]),
        (Machine::Arm, "cortex-a9", &[("linux/arm/v6", true), ("linux/arm/v7", true), ("linux/arm/v8", false)]),
        (Machine::Amd64, "qemu64,-sse4.2,-popcnt", &[("linux/amd64", true), ("linux/amd64/v2", false)]),
        (Machine::Amd64, "Nehalem", &[("linux/amd64/v2", true), ("linux/amd64/v3", false)]),
        (Machine::Amd64, "Haswell", &[("linux/amd64/v3", true), ("linux/amd64/v4", false)]),
    ];
    for (machine, processor, levels) in cases {
        let Some(qemu) = qemu(machine) else { continue };
        for (platform, runs) in levels {
            let expected = if *runs { Answer::Ran } else { Answer::Illegal };
            assert_eq!(probe(platform).run_by(&qemu, &["-cpu", processor], LIMIT), expected, "{platform} on {processor}");
        }
    }
}

#[test]
fn programs_of_another_machine_are_refused_where_nothing_runs_them() {
    let folder = Path::new("/proc/sys/fs/binfmt_misc");
    let is_foreign = |machine: &Machine| !Machine::here().is_some_and(|here| here.may_run(*machine));
    let answers: Vec<_> = Machine::ALL.into_iter().filter(is_foreign).map(|machine| (machine, Probe::least(machine).run(LIMIT))).collect();
    // A container may have handlers that it does not see, so either is an honest answer; nothing else is.
    for (machine, answer) in &answers {
        assert!(matches!(answer, Answer::Ran | Answer::Refused), "{machine}: a probe {answer}");
    }
    if let Ok(handlers) = emulate::Handlers::read(folder) {
        for (machine, answer) in answers.iter().filter(|_| handlers.state != emulate::State::Unseen) {
            assert_eq!(*answer == Answer::Ran, handlers.find(*machine).is_some(), "{machine}");
        }
    }
}

#[test]
fn what_runs_it_may_end_crash_or_hang() {
    let folder = tempfile::tempdir().unwrap();
    let by = |name: &str, text: &str, limit| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Probe::least(Machine::Arm).run_by(Path::new("/bin/sh"), &[path.to_str().unwrap()], limit)
    };
    assert_eq!(by("ends", "exit 3", LIMIT), Answer::Ended(3));
    assert_eq!(by("crashes", "kill -SEGV $$", LIMIT), Answer::Crashed(11));
    assert_eq!(by("hangs", "exec sleep 60", Duration::from_millis(100)), Answer::Hung);
    let missing = Probe::least(Machine::Arm).run_by(Path::new("/nowhere/qemu"), &[], LIMIT);
    assert!(matches!(missing, Answer::Failed(cause) if cause.number() == 2), "{missing}");
}

#[test]
fn a_processor_that_lacks_a_level_leaves_no_core_file() {
    let folder = tempfile::tempdir().unwrap();
    for (machine, processor, platform) in [(Machine::Arm, "arm926", "linux/arm/v7"), (Machine::Amd64, "Nehalem", "linux/amd64/v3")] {
        let Some(qemu) = qemu(machine) else { continue };
        program(&folder.path().join("program"), &probe(platform).program());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -c unlimited && exec \"$0\" -cpu \"$1\" ./program"]).arg(qemu).arg(processor);
        let status = command.current_dir(folder.path()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), None, "{platform}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{platform}");
    }
}

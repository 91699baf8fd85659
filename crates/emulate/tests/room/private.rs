//! Handlers, registered with a real kernel: in a user namespace of the test's own, where they are nobody else's.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use emulate::{Answer, Flags, Handlers, Interpreter, Machine, Probe};

use crate::fixture::{LIMIT, program, qemu};

/// Runs a script where binfmt_misc is mounted on `misc` in a folder, as its own. `None` if that cannot be here: before Linux 6.7
/// there is one of the whole machine, which no user namespace may mount.
fn run(folder: &Path, script: &str) -> Option<String> {
    let unshare = testkit::binary("unshare")?;
    fs::create_dir(folder.join("misc")).unwrap();
    let script = format!("mount -t binfmt_misc none misc || exit 99\n{script}");
    let output = Command::new(unshare).args(["-Urm", "sh", "-c", &script]).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // 1 is unshare's own: it may not.
    if matches!(output.status.code(), Some(99)) || said.contains("unshare:") {
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Names the folder of binfmt_misc to the test that is started in the namespace.
const INSIDE: &str = "POLYARCH_TEST_BINFMT_MISC";

#[test]
fn the_kernel_takes_every_registration_and_runs_every_probe_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = |machine: &Machine| Machine::here() != Some(*machine);
    let machines: Vec<_> = Machine::ALL.into_iter().filter(foreign).filter_map(|machine| Some((machine, qemu(machine)?))).collect();
    let test = std::env::current_exe().unwrap();
    let mut script = String::from("status() { \"$@\"; echo $?; }\nmkdir empty shown\n");
    // What hands over the program as a path, and what hands it over opened; both keep the interpreter.
    let opened = Flags { preserves_name: true, opens_program: true, takes_credentials: true, is_fixed: true };
    for flags in [Flags { is_fixed: true, ..Flags::default() }, opened] {
        for (machine, qemu) in &machines {
            let line = folder.path().join(format!("{machine}-{flags}"));
            fs::write(&line, machine.registration(qemu, flags).unwrap()).unwrap();
            program(&folder.path().join(format!("{machine}-program")), &Probe::least(*machine).program());
            writeln!(script, "cat {machine}-{flags} > misc/register && status ./{machine}-program").unwrap();
            writeln!(script, "cp {machine}-program empty/program && status chroot empty /program").unwrap();
            writeln!(script, "cat misc/polyarch-{machine} > shown/{machine}").unwrap();
        }
        let name = "private::probes_run_from_memory_by_every_handler";
        writeln!(script, "{INSIDE}=$PWD/misc {} --exact {name} >&2 || exit 1", test.display()).unwrap();
        writeln!(script, "for handler in misc/polyarch-*; do echo -1 > $handler; done").unwrap();
    }
    script.push_str("cat misc/status > shown/status\n");
    let Some(said) = run(folder.path(), &script) else { return testkit::skip("no binfmt_misc of one's own here") };
    assert_eq!(said.lines().collect::<Vec<_>>(), vec!["77"; 4 * machines.len()]);

    let handlers = Handlers::read(&folder.path().join("shown")).unwrap();
    for (machine, qemu) in &machines {
        let handler = handlers.find(*machine).unwrap();
        assert_eq!((handler.path.as_path(), handler.magic.as_slice()), (qemu.as_path(), &machine.magic()[..]));
        assert_eq!((handler.flags, handler.mask.as_slice()), (opened, &machine.mask()[..]));
        assert_eq!(handler.interpreter, Interpreter::Static);
    }
}

/// Part of the test above, in a namespace. By itself it has nothing to look at.
#[test]
fn probes_run_from_memory_by_every_handler() {
    let Some(folder) = std::env::var_os(INSIDE) else { return };
    let handlers = Handlers::read(Path::new(&folder)).unwrap();
    let machines: Vec<_> = Machine::ALL.into_iter().filter(|machine| handlers.find(*machine).is_some()).collect();
    assert_eq!(machines.len(), handlers.list.len());
    for machine in machines {
        assert_eq!(Probe::least(machine).run(LIMIT), Answer::Ran, "{machine}");
    }
}

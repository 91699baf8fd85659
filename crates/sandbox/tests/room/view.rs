//! What a process sees.

use sandbox::{Attributes, Mount, MountKind, Network, Spec};

use crate::fixture::{Fixture, everyone};

#[test]
fn dev_is_small_and_works() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let names = fixture.run("ls /dev | tr '\\n' ' '");
        assert_eq!(names, "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero", "{who:?}");
        assert_eq!(fixture.run("cat /dev/null | wc -c; dd if=/dev/zero bs=7 count=1 2>/dev/null | wc -c"), "0\n7");
        assert_eq!(fixture.run("stat -c %a /dev/null /dev/shm /dev/pts/ptmx"), "666\n1777\n666");
        assert_eq!(fixture.run("stat -c '%t:%T %F' /dev/null /dev/tty"), "1:3 character special file\n5:0 character special file");
        assert_eq!(fixture.run("df -k /dev/shm | grep shm | tr -s ' ' | cut -d ' ' -f 2"), "65536");
        assert_eq!(fixture.run("readlink /proc/self/fd/0; cat"), "/dev/null");
    }
}

#[test]
fn only_its_own_processes_are_there() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        assert_eq!(fixture.run("echo $$; ls /proc > /tmp/names; grep -c '^[0-9]' /tmp/names"), "1\n2", "{who:?}");
    }
}

#[test]
fn masked_paths_show_nothing() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        assert_eq!(
            fixture
                .run("cat /proc/kcore /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware /proc/acpi 2>/dev/null | grep -v : | wc -w"),
            "0\n0",
            "{who:?}"
        );
        assert_ne!(fixture.run("ls /sys/class | wc -l"), "0");
    }
}

#[test]
fn read_only_paths_cannot_be_written_to() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for path in ["/proc/sys/kernel/domainname", "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run"] {
            let outcome = fixture.try_run(&format!(
                "test -e {path} || exit 0; (echo h > {path}) 2>&1 | grep -q 'Read-only' && exit 0; ls -la {path}; exit 3"
            ));
            assert_eq!(outcome.end, Ok(sandbox::Exit::Code(0)), "{who:?}: {path}: {outcome:?}");
        }
    }
}

#[test]
fn a_read_only_root_has_writable_mounts() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let kind = MountKind::Tmpfs { size: Some(1 << 20), mode: 0o1777, attributes: Attributes::default() };
        let mut spec = fixture.spec("touch /x 2>&1; touch /tmp/y && echo fine");
        spec.read_only = true;
        spec.mounts.push(Mount { target: "/tmp".into(), kind, keep_target: false });
        assert_eq!(fixture.outcome(&spec).stdout, "touch: /x: Read-only file system\nfine", "{who:?}");
    }
}

#[test]
fn the_machine_has_a_name_of_its_own() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        assert_eq!(fixture.run("hostname"), "buildkitsandbox", "{who:?}");
    }
}

#[test]
fn without_a_network_there_is_only_itself() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let mut spec = fixture.spec("ls /sys/class/net; ip addr | grep -o 'inet6* [^ ]*'; ip link | grep -c UP");
        spec.network = Network::None;
        assert_eq!(fixture.outcome(&spec).stdout, "lo\ninet 127.0.0.1/8\ninet6 ::1/128\n1", "{who:?}");
        let host = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
        assert_eq!(fixture.run("readlink /proc/self/ns/net"), host);
    }
}

#[test]
fn all_other_namespaces_are_new() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for kind in ["mnt", "pid", "ipc", "uts"] {
            let host = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
            assert_ne!(fixture.run(&format!("readlink /proc/self/ns/{kind}")), host, "{who:?}: {kind}");
        }
    }
}

#[test]
fn a_spec_tells_no_secret() {
    let spec = Spec { environment: vec![("TOKEN".into(), "hunter2".into())], ..Spec::new(sandbox::Root::Folder("/x".into()), ["true"]) };
    assert!(!format!("{spec:?}").contains("hunter2"));
}

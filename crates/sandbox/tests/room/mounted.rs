//! What is mounted in the root, and what is left of it afterwards.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use sandbox::{Attributes, Exit, Mount, MountKind, Root, Spec};

use crate::fixture::{Fixture, everyone};

fn bind(fixture: &Fixture, source: &str, target: &str, attributes: Attributes) -> Mount {
    let kind = MountKind::Bind { source: Root::Folder(fixture.path(source).into()), inside: None, attributes };
    Mount { target: target.into(), kind, keep_target: false }
}

fn with(fixture: &Fixture, mount: Mount, script: &str) -> Spec {
    let mut spec = fixture.spec(script);
    spec.mounts.push(mount);
    spec
}

/// Lists what is in a folder, below it too.
fn tree(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        if path.is_dir() && !path.is_symlink() {
            names.extend(tree(&path));
        }
    }
    names.sort();
    names
}

#[test]
fn a_folder_of_this_machine_is_seen_as_allowed() {
    let read_only = Attributes { read_only: true, no_suid: true, no_devices: true, no_execute: true };
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::write(fixture.path("outside/file"), "content").unwrap();
        let spec = with(&fixture, bind(&fixture, "outside", "/mnt/in", read_only), "cat /mnt/in/file; touch /mnt/in/new 2>&1");
        assert_eq!(fixture.outcome(&spec).stdout, "contenttouch: /mnt/in/new: Read-only file system", "{who:?}");
        let spec = with(&fixture, bind(&fixture, "outside", "/tmp", Attributes::default()), "touch /tmp/new && ls /tmp");
        assert_eq!(fixture.outcome(&spec).stdout, "file\nnew", "{who:?}");
        let spec = with(&fixture, bind(&fixture, "outside/file", "/etc/one", read_only), "cat /etc/one");
        assert_eq!(fixture.outcome(&spec).stdout, "content", "{who:?}");
        let spec = with(&fixture, bind(&fixture, "missing", "/tmp", read_only), "true");
        assert!(fixture.outcome(&spec).end.unwrap_err().contains("on /tmp failed: No such file"), "{who:?}");
    }
}

#[test]
fn memory_is_bounded() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let kind = MountKind::Tmpfs { size: Some(64 << 10), mode: 0o700, attributes: Attributes::default() };
        let script = "stat -c %a /small; dd if=/dev/zero of=/small/x bs=1024 count=100 2>/dev/null; wc -c < /small/x";
        let spec = with(&fixture, Mount { target: "/small".into(), kind, keep_target: false }, script);
        assert_eq!(fixture.outcome(&spec).stdout, "700\n65536", "{who:?}");
    }
}

#[test]
fn a_part_of_layers_is_resolved_in_them() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        for (folder, file) in [("one", "a"), ("two", "b")] {
            fs::create_dir_all(fixture.path(folder).join("sub")).unwrap();
            fs::write(fixture.path(folder).join("sub").join(file), "").unwrap();
        }
        symlink("/../sub", fixture.path("one/link")).unwrap();
        let source = Root::Overlay { lowers: vec![fixture.path("one").into(), fixture.path("two").into()], upper: None };
        let kind = MountKind::Bind { source, inside: Some("/link".into()), attributes: Attributes::default() };
        let spec = with(&fixture, Mount { target: "/from".into(), kind, keep_target: false }, "ls /from; touch /from/x 2>/dev/null");
        let outcome = fixture.outcome(&spec);
        assert_eq!((outcome.stdout.as_str(), outcome.end), ("a\nb", Ok(Exit::Code(1))), "{who:?}");
    }
}

/// All of them together are longer than the page that `mount(2)` takes, and it would take these names apart.
#[test]
fn a_root_has_many_layers() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let names: Vec<String> = (0..200).map(|number| format!("a:b,c\\{number:0>60}")).collect();
        for name in &names {
            fs::create_dir(fixture.path(name)).unwrap();
            fs::write(fixture.path(name).join("top"), name).unwrap();
        }
        let mut spec = fixture.spec("cat /top");
        let Root::Overlay { lowers, .. } = &mut spec.root else { panic!("no overlay") };
        lowers.splice(0..0, names.iter().map(|name| fixture.path(name).into()));
        assert_eq!(fixture.outcome(&spec).stdout, names[0], "{who:?}");
    }
}

/// A target that is a link of the root to this machine's files is one in the root.
#[test]
fn cve_2024_1753_a_target_stays_inside() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::create_dir(fixture.path("victim")).unwrap();
        fs::write(fixture.path("outside/file"), "").unwrap();
        symlink(fixture.path("victim"), fixture.path("base/escape")).unwrap();
        symlink("../../../../../../..", fixture.path("base/up")).unwrap();
        for target in ["/escape/x", "/escape", "/up/x", "/../../x", "/up/tmp/y"] {
            let spec = with(&fixture, bind(&fixture, "outside", target, Attributes::default()), &format!("ls {target}"));
            let outcome = fixture.outcome(&spec);
            assert_eq!((outcome.stdout.as_str(), outcome.end), ("file", Ok(Exit::Code(0))), "{who:?}: {target}");
            assert_eq!(tree(&fixture.path("victim")), [""; 0], "{who:?}: {target}");
        }
        symlink("loop", fixture.path("base/loop")).unwrap();
        let spec = with(&fixture, bind(&fixture, "outside", "/loop/x", Attributes::default()), "true");
        assert!(fixture.outcome(&spec).end.is_err(), "{who:?}");
    }
}

/// A part of a cache or of a stage that is a link to this machine's files is one in that cache or stage.
#[test]
fn cve_2024_9675_a_source_stays_inside() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::create_dir(fixture.path("victim")).unwrap();
        symlink(fixture.path("victim"), fixture.path("outside/escape")).unwrap();
        symlink("../../../../../..", fixture.path("outside/up")).unwrap();
        for (inside, expected) in [("/escape", None), ("/up/escape", None), ("/up", Some("escape\nup")), ("/../..", Some("escape\nup"))] {
            let source = Root::Folder(fixture.path("outside").into());
            let kind = MountKind::Bind { source, inside: Some(inside.into()), attributes: Attributes::default() };
            let outcome = fixture.outcome(&with(&fixture, Mount { target: "/mnt".into(), kind, keep_target: false }, "ls /mnt"));
            assert_eq!(outcome.end.is_ok().then_some(outcome.stdout.as_str()), expected, "{who:?}: {inside}");
        }
    }
}

#[test]
fn what_was_made_for_mounts_is_gone_and_left_no_trace() {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::write(fixture.path("outside/file"), "x").unwrap();
        symlink("../run/resolv.conf", fixture.path("base/etc/resolv.conf")).unwrap();
        // The top of an overlay is the upper folder itself.
        for folder in ["upper", "base/etc"] {
            fs::File::open(fixture.path(folder)).unwrap().set_modified(old).unwrap();
        }
        let mut spec = fixture.spec("cat /etc/resolv.conf; ls -d /a/b/c; ls /etc");
        spec.mounts.push(bind(&fixture, "outside/file", "/etc/resolv.conf", Attributes::default()));
        spec.mounts.push(bind(&fixture, "outside/file", "/etc/hosts", Attributes::default()));
        spec.mounts.push(bind(&fixture, "outside", "/a/b/c", Attributes::default()));
        assert_eq!(fixture.outcome(&spec).stdout, "x/a/b/c\nhosts\nresolv.conf", "{who:?}");
        // The mount points of /proc, /dev and /sys stay, as with BuildKit.
        assert_eq!(tree(&fixture.path("upper")), ["dev", "etc", "proc", "sys"], "{who:?}");
        for folder in ["upper", "upper/etc"] {
            assert_eq!(fs::metadata(fixture.path(folder)).unwrap().modified().unwrap(), old, "{who:?}: {folder}");
        }
    }
}

#[test]
fn what_a_process_put_into_a_mount_point_stays() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        let old = fs::metadata(fixture.path("base/etc")).unwrap().modified().unwrap();
        // The folder that holds the target is filled, and another one gets a file of its own.
        let script = "touch /new/kept /etc/mine";
        let mut spec = fixture.spec(script);
        spec.mounts.push(bind(&fixture, "outside", "/new/target", Attributes::default()));
        spec.mounts.push(bind(&fixture, "outside", "/etc/target", Attributes::default()));
        assert_eq!(fixture.outcome(&spec).end, Ok(Exit::Code(0)), "{who:?}");
        assert_eq!(tree(&fixture.path("upper")), ["dev", "etc", "kept", "mine", "new", "proc", "sys"], "{who:?}");
        assert_ne!(fs::metadata(fixture.path("upper/etc")).unwrap().modified().unwrap(), old, "{who:?}");
    }
}

/// A target in something else that is mounted is no part of the root, even where the root has an empty folder of that path.
#[test]
fn nothing_of_the_root_is_taken_for_a_mount_point() {
    for who in everyone() {
        let fixture = Fixture::of(who);
        fs::create_dir_all(fixture.path("base/cache/inner")).unwrap();
        let mut spec = fixture.spec("ls /cache");
        spec.mounts.push(bind(&fixture, "outside", "/cache", Attributes::default()));
        spec.mounts.push(bind(&fixture, "base/etc", "/cache/inner", Attributes::default()));
        assert_eq!(fixture.outcome(&spec).stdout, "inner", "{who:?}");
        assert_eq!(tree(&fixture.path("upper")), ["dev", "proc", "sys"], "{who:?}");
    }
}

//! What a program sees of this machine, and what it may do to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::kitchen::Kitchen;
use crate::started::{run, script};

#[test]
fn files_and_folders_of_this_machine_are_where_they_are_wanted() {
    let Some(kitchen) = Kitchen::new() else { return };
    let home = kitchen.home.path();
    fs::create_dir_all(home.join("folder/inner")).unwrap();
    fs::write(home.join("folder/inner/file"), "in the folder\n").unwrap();
    fs::write(home.join("file"), "a file\n").unwrap();
    symlink("folder", home.join("link")).unwrap();
    let file = format!("type=bind,source={},target=/etc/motd,readonly", home.join("file").display());
    let said = script(
        &kitchen,
        &["-v", "./link:/a:ro", "-v", "./folder:/b", "--mount", &file, "--tmpfs", "/b/memory:mode=700,size=1m", "-v=./file:/new/f:ro,z"],
        "cat /a/inner/file /etc/motd /new/f; echo text > /b/out; touch /a/x 2>&1; (echo > /etc/motd) 2>&1; stat -c %a /b/memory; touch /b/memory/x; df -k /b/memory | tail -1 | awk '{print $2}'",
    );
    let refused = "touch: /a/x: Read-only file system\nsh: can't create /etc/motd: Read-only file system\n";
    assert_eq!(said, format!("in the folder\na file\na file\n{refused}700\n1024\n"));
    assert_eq!(fs::read_to_string(home.join("folder/out")).unwrap(), "text\n");
    let names: Vec<_> = fs::read_dir(home.join("folder")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| ["inner", "out", "memory"].contains(&name.as_str())), "{names:?}");
}

#[test]
fn a_root_that_is_read_only_has_the_images_volumes() {
    let Some(kitchen) = Kitchen::new() else { return };
    kitchen.built("RUN mkdir -p /data/sub && echo old > /data/sub/file && chown -R 5:6 /data\nVOLUME /data /none/yet /tmp\n", &[]);
    let text = "touch /x 2>&1; cat /data/sub/file; echo new > /data/sub/file; cat /data/sub/file; stat -c %u:%g /data; touch /none/yet/x && echo made";
    for _ in 0..2 {
        let ran = kitchen.home.run(&["run", "-q", "--read-only", "--tmpfs=/tmp", "made:1", "sh", "-c", text]);
        assert_eq!(ran.stdout, "touch: /x: Read-only file system\nold\nnew\n5:6\nmade\n", "{}", ran.stderr);
    }
    kitchen.is_tidy();
}

#[test]
fn the_network_is_this_machines_or_none() {
    let Some(kitchen) = Kitchen::new() else { return };
    let links = "ls /sys/class/net 2>/dev/null | sort; ip -o link 2>/dev/null | cut -d: -f2 | tr -d ' '";
    let alone = script(&kitchen, &["--network=none"], "ip -o link | cut -d: -f2; ip -o addr show lo | grep -c 127.0.0.1");
    assert_eq!(alone, " lo\n1\n");
    let own = std::process::Command::new("sh").args(["-c", "ls /sys/class/net | sort"]).output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    assert!(script(&kitchen, &["--net", "host"], links).contains(&own), "{own}");
    let hosts = script(&kitchen, &["--add-host=db:10.1.2.3", "--hostname", "box"], "cat /etc/hosts /etc/hostname; hostname");
    assert!(hosts.starts_with("127.0.0.1\tlocalhost box\n") && hosts.ends_with("10.1.2.3\tdb\nbox\nbox\n"), "{hosts}");
    let resolv = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(script(&kitchen, &[], "cat /etc/resolv.conf"), resolv);
}

#[test]
fn rights_are_dockers_until_somebody_says_more_or_less() {
    let Some(kitchen) = Kitchen::new() else { return };
    let capabilities =
        |flags: &[&str]| script(&kitchen, flags, "grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t\\n' ' '");
    let usual = "CapEff: 00000000a80425fb CapBnd: 00000000a80425fb NoNewPrivs: 0 Seccomp: 2 ";
    assert_eq!(capabilities(&[]), usual);
    assert_eq!(capabilities(&["--cap-drop=ALL", "--cap-add=NET_RAW"]), usual.replace("a80425fb", "00002000"));
    assert_eq!(capabilities(&["--cap-add=SYS_PTRACE"]), usual.replace("a80425fb", "a80c25fb"));
    // Where there is one user only, a filter has the others played.
    let is_lone =
        script(&kitchen, &[], "cat /proc/self/uid_map").split_whitespace().eq(["0", &rustix::process::getuid().as_raw().to_string(), "1"]);
    let unfiltered = if is_lone { "Seccomp: 2 " } else { "Seccomp: 0 " };
    let open = capabilities(&["--security-opt=no-new-privileges", "--security-opt=seccomp=unconfined"]);
    assert!(open.ends_with(&format!("NoNewPrivs: 1 {unfiltered}")), "{open}");
    let all = capabilities(&["--privileged"]);
    assert!(all.ends_with(unfiltered) && !all.contains("a80425fb"), "{all}");
    // Who is played is root all the same.
    let of_nobody = if is_lone { "CapEff:\t00000000a80425fb" } else { "CapEff:\t0000000000000000" };
    assert_eq!(script(&kitchen, &["--user=nobody"], "grep CapEff /proc/self/status").trim(), of_nobody);
    // The name is this machine's root's to change.
    let free = if testkit::is_root() { "free\n0" } else { "0" };
    let masked = "(echo free > /proc/sys/kernel/hostname) 2> /dev/null && hostname; mount | grep -c '/proc/'; true";
    assert_eq!(script(&kitchen, &["--security-opt=systempaths=unconfined"], masked).trim(), free);
    assert!(!script(&kitchen, &[], masked).contains("free"));
}

#[test]
fn limits_hold() {
    let Some(kitchen) = Kitchen::new() else { return };
    let flags = ["--ulimit=nofile=100:200", "--ulimit", "core=0", "--shm-size=1m"];
    assert_eq!(
        script(&kitchen, &flags, "ulimit -n; ulimit -Hn; ulimit -c; df -k /dev/shm | tail -1 | awk '{print $2}'"),
        "100\n200\n0\n1024\n"
    );
    // Without a control group some 300 more get through.
    let many = if testkit::is_root() { 16 } else { 600 };
    let forks = &format!("number=0; while [ $number -lt {many} ]; do sleep 5 & number=$((number + 1)); done; echo all");
    let ran = run(&kitchen, &["--pids-limit=8"], &["sh", "-c", forks]);
    assert!(ran.code != 0 && ran.stderr.contains("can't fork"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(script(&kitchen, &["--pids-limit=-1"], forks), "all\n");
}

#[test]
fn a_program_owns_nothing_of_this_machine() {
    let Some(kitchen) = Kitchen::new() else { return };
    let outside = kitchen.home.path().join("outside");
    fs::write(&outside, "of the machine\n").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).unwrap();
    let said = script(
        &kitchen,
        &[],
        &format!(
            "cat {0} 2>&1; ls /proc | grep -c '^[0-9]'; ls -l /proc/self/fd 2> /dev/null | grep -c -e '-> /[^dp]'; true",
            outside.display()
        ),
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("No such file or directory"), "{said}");
    assert!(lines[1].parse::<u32>().unwrap() <= 4 && lines[2] == "0", "{said}");
}

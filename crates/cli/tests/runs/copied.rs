//! Where the kernel lays no folders over each other, such as on an overlay, layers are copied.

use std::fs;
use std::process::{Command, Stdio};

use testkit::refuse::{self, Refusal};

use crate::kitchen::{Kitchen, written};
use crate::program::{Ran, binary};

#[test]
fn a_store_on_an_overlay_runs_commands_in_copies() {
    let Some(kitchen) = Kitchen::new() else { return };
    if !testkit::is_root() {
        return testkit::skip("only root mounts an overlay for the store to be on");
    }
    let place = kitchen.home.path().join("place");
    for folder in ["lower", "upper", "work", "merged"] {
        fs::create_dir_all(place.join(folder)).unwrap();
    }
    kitchen.put(
        "Dockerfile",
        "FROM base\nRUN mkdir -p /a/b && touch /a/1 && ln /a/1 /a/h && echo made > /m && rm /etc/os-release && chown 4:7 /m\n\
         RUN rm -r /a/b && mkdir /c && rmdir /var/www && touch /var/www\nWORKDIR /w/x\nRUN ls /a; cat /m; stat -c %u:%g /m; pwd; ls -d /a/b /etc/os-release 2>&1; true\n\
         FROM base\nRUN --mount=from=0,source=/a,target=/t,rw touch /t/new && ls /t\nCOPY --from=0 /m /var/www /got/\n",
    );
    let script = "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(binary()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.args([
        "--store",
        "merged/store",
        "build",
        "--build-context=base=oci-layout://../base:amd64",
        "-o",
        "type=local,dest=../out",
        "../context",
    ]);
    let ran = Ran::of(command.env("HOME", kitchen.home.path()).current_dir(&place));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = written(&ran.stderr);
    for line in
        ["1", "h", "made", "4:7", "/w/x", "ls: /a/b: No such file or directory", "ls: /etc/os-release: No such file or directory", "new"]
    {
        assert!(lines.contains(&line), "{line}: {}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(kitchen.home.path().join("out/got/m")).unwrap(), "made\n");
    let roots = place.join("upper/store/roots");
    let standings: Vec<_> = fs::read_dir(&roots).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(standings, ["root-copied"], "an overlay on an overlay is refused, and so are its marks");
    assert_eq!(fs::read_dir(roots.join("root-copied/work")).unwrap().count(), 0);
}

/// Of all that the sandbox mounts by this call, overlays alone are for no folders below.
#[test]
fn where_an_overlay_is_refused_after_all_it_is_said_once() {
    const NOT_PERMITTED: u32 = 1;
    const BELOW_TOO: u64 = 0x4000;
    let Some(kitchen) = Kitchen::new() else { return };
    if !testkit::is_root() {
        return testkit::skip("everybody else tries out a user namespace by the same call");
    }
    kitchen.put("Dockerfile", "FROM base\nRUN echo one > /1\nRUN cat /1\n");
    let mut command = kitchen.home.command(&["build", "--build-context=base=oci-layout://base:amd64", "-t", "made:1", "context"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let refused = [Refusal::of(libc::SYS_mount).without(3, BELOW_TOO)];
    let ended = refuse::spawn(&mut command, &refused, NOT_PERMITTED).unwrap().wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{stderr}");
    assert!(written(&stderr).contains(&"one"), "{stderr}");
    let roots = fs::read_dir(kitchen.home.path().join(".local/share/polyarch/roots")).unwrap();
    if roots.flatten().any(|standing| standing.file_name().to_string_lossy().ends_with("-copied")) {
        return testkit::skip("the store is where nothing can be laid over each other, which is known before");
    }
    let warning = "every command runs on a copy of the layers below it, which takes longer: laying folders over each other failed: ";
    assert_eq!(stderr.matches(warning).count(), 1, "{stderr}");
}

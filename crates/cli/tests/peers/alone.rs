//! The first thing that people do, as anybody may do it: no root, no network, no daemon, nothing installed.

use std::process::Command;

use crate::gallery::{PLATFORMS, example};
use crate::program::{Home, Ran, binary};

/// Whom nothing belongs to.
const NOBODY: &str = "65534";

#[test]
fn an_ordinary_user_without_a_network_builds_for_every_platform() {
    if !testkit::is_root() {
        return testkit::skip("only root takes a network away and becomes somebody else");
    }
    if testkit::binary("unshare").is_none() || testkit::binary("setpriv").is_none() {
        return testkit::skip("unshare and setpriv are not installed");
    }
    let home = Home::new();
    // Where the program and the example are, others may have no way to.
    let folder = home.path().join("theirs");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(binary(), folder.join("polyarch")).unwrap();
    assert!(Command::new("cp").arg("-r").arg(example()).arg(folder.join("hello")).status().unwrap().success());
    for path in [home.path(), &folder] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    let as_nobody = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--net", "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).args(words);
        Ran::of(command.current_dir(&folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &folder))
    };
    if as_nobody(&["true"]).code != 0 {
        return testkit::skip("no network can be taken away here");
    }
    let platforms = PLATFORMS.join(",");
    let built = as_nobody(&["./polyarch", "build", "--platform", &platforms, "--tag", "hello:1.0", "hello"]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    assert_eq!(as_nobody(&["./polyarch", "digest", "hello:1.0"]).stdout.trim(), built.digest());
    let check = as_nobody(&["./polyarch", "store", "check"]);
    assert_eq!(check.code, 0, "{}{}", check.stdout, check.stderr);
}

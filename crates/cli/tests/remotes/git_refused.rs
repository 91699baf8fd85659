//! Repositories that mean it ill, or are none.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::place::{build, kept, write};
use crate::program::Home;
use crate::program::web::{Reply, Web};
use crate::repository::{Repositories, has_git};

/// Builds with an ADD of this address; nothing is left of it.
fn refused(address: &str, parts: &[&str]) {
    let home = Home::new();
    let scratch = home.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    write(&home, &format!("FROM scratch\nADD {address} /\n"));
    let mut command = home.command(&["build", "--platform", "linux/amd64", "c"]);
    let ran = crate::program::Ran::of(command.env("TMPDIR", &scratch));
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert_eq!((kept(&home), fs::read_dir(&scratch).unwrap().count()), (0, 0));
}

#[test]
fn what_is_no_repository_is_told() {
    if !has_git() {
        testkit::skip("needs git");
        return;
    }
    let web = Web::start(|asked| match asked.path.as_str() {
        path if path.starts_with("/file.git") => Reply::ok("just a file"),
        path if path.starts_with("/page.git") => Reply::to("/login"),
        path if path.starts_with("/closed.git") => Reply::status(401),
        path if path.starts_with("/cloud.git") => Reply::to("http://169.254.169.254/latest"),
        "/login" => Reply::ok("<html>"),
        _ => Reply::status(404),
    });
    refused(&web.url("/none.git"), &["there is no repository at", "hint: name what `git clone` takes"]);
    refused(&web.url("/file.git"), &["has no commit: it is empty, or no repository", "hint: "]);
    refused(&web.url("/page.git"), &["there is no repository at", "/login"]);
    refused(&web.url("/closed.git"), &["answered 401, it wants a name and a password", "hint: "]);
    refused(&web.url("/cloud.git"), &["169.254.169.254 is not asked", "hint: "]);
    refused("git://169.254.169.254/a.git", &["169.254.169.254 is not asked"]);
    refused("ssh://git@169.254.169.254/a.git", &["169.254.169.254 is not asked"]);
    refused("ssh://git@127.0.0.1:1/a.git", &["cannot fetch", "cause: git says: ", "--ssh default"]);
}

#[test]
fn what_a_repository_does_not_have_is_told() {
    if !has_git() {
        testkit::skip("needs git");
        return;
    }
    let all = Repositories::new();
    let commit = all.make("a", &[("f", "f"), ("out", "-> /etc"), ("d/x", "x")]);
    let web = all.smart();
    let url = web.url("/a.git");
    refused(&format!("{url}#none"), &["has no none: expected a branch, a tag or a whole commit", "git ls-remote"]);
    refused(&format!("{url}#{}", "1".repeat(40)), &["hint: "]);
    refused(&format!("{url}#:none"), &["has no folder none"]);
    refused(&format!("{url}#:out"), &["has no folder out"]);
    refused(&format!("{url}#:f"), &["has no folder f"]);
    refused(&format!("--checksum={} {url}", "1".repeat(40)), &["is not the commit that was meant", &commit]);
    refused(&format!("{url}?checksum=1111111"), &["expected 1111111, got ", &commit]);
}

#[test]
fn without_git_it_is_said_what_is_missing() {
    let web = Web::start(|_| Reply::ok(""));
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /\n", web.url("/a.git")));
    let mut command = home.command(&["build", "--platform", "linux/amd64", "c"]);
    let ran = crate::program::Ran::of(command.env("PATH", home.path()));
    assert!(ran.code == 3 && ran.stderr.contains("no program git on PATH") && ran.stderr.contains("hint: install git"), "{}", ran.stderr);
}

#[test]
fn nothing_of_the_person_s_settings_counts() {
    if !has_git() {
        testkit::skip("needs git");
        return;
    }
    let all = Repositories::new();
    all.make("a", &[("f", "f"), (".gitattributes", "f filter=evil")]);
    let web = all.smart();
    let home = Home::new();
    let mark = home.path().join("mark");
    let touch = format!("touch {}", mark.display());
    let settings = format!(
        "[filter \"evil\"]\nsmudge = {touch}\nrequired = true\n[core]\nfsmonitor = {touch}\nsshCommand = {touch}\n[credential]\nhelper = !{touch}\n[url \"file:///\"]\ninsteadOf = http://\n"
    );
    fs::write(home.path().join(".gitconfig"), settings).unwrap();
    write(&home, &format!("FROM scratch\nADD {} /x\n", web.url("/a.git")));
    let ran = build(&home, &["c"]);
    assert_eq!((ran.code, mark.exists()), (0, false), "{}", ran.stderr);
}

#[test]
fn no_link_of_a_repository_leads_git_to_another_one() {
    if !has_git() {
        testkit::skip("needs git");
        return;
    }
    let all = Repositories::new();
    all.make("victim", &[(".gitmodules", "[submodule \"x\"]\npath = x\nurl = ../x.git\n")]);
    let victim = all.work("victim");
    let commit = all.git(&victim, &["rev-parse", "HEAD"]);
    all.git(&victim, &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},x")]);
    let before = fs::read(victim.join(".git/config")).unwrap();
    let modules = "[submodule \"a\"]\npath = link\nurl = ../a.git\n[submodule \"b\"]\npath = ../../victim\nurl = ../a.git\n";
    all.make("a", &[("f", "f"), ("link", &format!("-> {}", victim.display())), (".gitmodules", modules)]);
    let web = all.smart();
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /x\n", web.url("/a.git")));
    let ran = build(&home, &["c"]);
    assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
    assert!(fs::read(victim.join(".git/config")).unwrap() == before);
}

#[test]
fn git_ends_where_somebody_interrupts() {
    if !has_git() {
        testkit::skip("needs git");
        return;
    }
    // The first request is ours, the next git's.
    let count = std::sync::atomic::AtomicUsize::new(0);
    let web = Web::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Reply::ok("x"),
        _ => Reply::Stalls,
    });
    let home = Home::new();
    let scratch = home.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let url = web.url("/a.git");
    let mut command = home.command(&["build", "--platform", "linux/amd64", &url]);
    let mut child = command.env("TMPDIR", &scratch).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let mut asked = 0;
    while asked < 2 {
        asked += web.asked().len();
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // What it has started has that address among its words.
    let is_left = || {
        fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&url)
        })
    };
    while is_left() {
        assert!(begun.elapsed() < Duration::from_secs(30), "git is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

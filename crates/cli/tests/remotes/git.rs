//! Contexts and ADD from repositories.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use crate::place::{build, build_with, built, file, traces, write};
use crate::program::Home;
use crate::program::web::{Reply, Web};
use crate::repository::{Repositories, TIME, backend, has_git};

const DOCKERFILE: &str = "FROM scratch\nCOPY . /all\n";

fn skipped() -> bool {
    if !has_git() {
        testkit::skip("needs git");
    }
    !has_git()
}

fn exists(home: &Home, path: &str) -> bool {
    home.path().join("out").join(path).exists()
}

#[test]
fn a_repository_is_a_context_as_old_as_its_commit() {
    if skipped() {
        return;
    }
    let all = Repositories::new();
    all.make("a", &[("Dockerfile", DOCKERFILE), ("run*", "program"), ("sub/Dockerfile", "FROM scratch\nCOPY x /\n"), ("sub/x", "inner")]);
    all.then("a", &["tag", "-a", "-m", "one", "v1"]);
    let web = all.smart();
    let home = Home::new();
    let ran = built(&home, &[&web.url("/a.git")]);
    assert!(ran.stderr.contains("a.git is commit "), "{}", ran.stderr);
    assert!(exists(&home, "all/Dockerfile") && !exists(&home, "all/.git"));
    let found = std::fs::metadata(home.path().join("out/all/run")).unwrap();
    assert_eq!((found.mode() & 0o7777, found.mtime()), (0o755, TIME));
    assert!(home.done(&["inspect", "x:1", "--full", "--json"]).contains("2020-09-13T12:26:40Z"));
    // The same commit is the same image anywhere, and is not fetched again.
    let again = built(&home, &[&web.url("/a.git#main")]);
    assert!(again.stderr.contains("which is here already"), "{}", again.stderr);
    assert_eq!((again.digest(), built(&Home::new(), &[&web.url("/a.git?tag=v1")]).digest()), (ran.digest(), ran.digest()));
    built(&home, &[&web.url("/a.git#v1:sub")]);
    assert_eq!(file(&home, "x"), "inner");
    // Who says a time is not told another one.
    let ran = build_with(&home, &[&web.url("/a.git")], &[("SOURCE_DATE_EPOCH", "1000000000")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(home.done(&["inspect", "x:1", "--full", "--json"]).contains("2001-09-09T01:46:40Z"));
    built(&home, &["--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", &web.url("/a.git")]);
    assert!(exists(&home, "all/.git/HEAD"));
    assert!(file(&home, "all/.git/config").contains(&web.url("/a.git")));
}

#[test]
fn a_repository_is_added_from_every_kind_of_server() {
    if skipped() {
        return;
    }
    let all = Repositories::new();
    let old = all.make("a", &[("f", "old")]);
    let new = all.commit("a", &[("f", "new"), ("d/g", "g"), ("link", "-> f")]);
    let (smart, plain) = (all.smart(), all.plain());
    for web in [&smart, &plain] {
        let home = Home::new();
        let url = web.url("/a.git");
        write(
            &home,
            &format!(
                "FROM scratch\nADD {url} /tip\nADD {url}#{old} /old\nADD --checksum={new} {url}#main:d /d/\nADD --keep-git-dir=true {url} /kept\n"
            ),
        );
        built(&home, &["c"]);
        assert_eq!(
            (file(&home, "tip/f"), file(&home, "old/f"), file(&home, "d/g"), file(&home, "tip/link")),
            ("new".into(), "old".into(), "g".into(), "new".into())
        );
        assert!(!exists(&home, "tip/.git") && exists(&home, "kept/.git/HEAD"));
        // A whole commit that is here needs nobody.
        web.asked();
        write(&home, &format!("FROM scratch\nADD {url}#{old} /old\n"));
        built(&home, &["--no-cache", "c"]);
        assert_eq!(web.asked().len(), 0);
    }
}

#[test]
fn git_s_own_protocol_is_spoken() {
    if skipped() {
        return;
    }
    let all = Repositories::new();
    all.make("a", &[("f", "daemon")]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut daemon = Command::new("git")
        .args(["daemon", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}")])
        .arg(format!("--base-path={}", all.folder.path().display()))
        .arg(all.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD git://127.0.0.1:{port}/a.git /x\n"));
    let ran = build(&home, &["c"]);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert_eq!((ran.code, file(&home, "x/f").as_str()), (0, "daemon"), "{}", ran.stderr);
}

#[test]
fn repositories_in_it_come_along() {
    if skipped() {
        return;
    }
    let all = Repositories::new();
    all.make("last", &[("l", "last")]);
    all.make("inner", &[("i", "inner")]);
    let inner = all.work("inner");
    all.git(&inner, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../last.git", "deep"]);
    all.commit("inner", &[]);
    all.make("a", &[("f", "outer")]);
    let work = all.work("a");
    all.git(&work, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner.git", "sub"]);
    all.commit("a", &[]);
    let web = all.smart();
    all.git(&work, &["config", "-f", ".gitmodules", "submodule.sub.url", "../inner.git"]);
    all.commit("a", &[]);
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {0} /with\nADD {0}?submodules=false /without\n", web.url("/a.git")));
    built(&home, &["c"]);
    assert_eq!((file(&home, "with/sub/i"), file(&home, "with/sub/deep/l")), ("inner".to_owned(), "last".to_owned()));
    assert!(!exists(&home, "with/sub/.git") && !exists(&home, "without/sub/i"));
    // Nobody asks for one where a cloud tells machines their secrets.
    all.git(&work, &["config", "-f", ".gitmodules", "submodule.sub.url", "http://169.254.169.254/x.git"]);
    all.commit("a", &[]);
    write(&home, &format!("FROM scratch\nADD {} /with\n", web.url("/a.git")));
    let ran = build(&home, &["c"]);
    assert!(ran.code == 3 && ran.stderr.contains("169.254.169.254 is not asked"), "{}", ran.stderr);
    // None that is a path of this machine, or a command.
    for address in [format!("{}", all.folder.path().join("inner.git").display()), "ext::touch x".to_owned()] {
        all.git(&work, &["config", "-f", ".gitmodules", "submodule.sub.url", &address]);
        all.commit("a", &[]);
        write(&home, &format!("FROM scratch\nADD {} /with\n", web.url("/a.git")));
        let ran = build(&home, &["c"]);
        assert!(ran.code == 3 && ran.stderr.contains("git says: "), "{}", ran.stderr);
    }
}

#[test]
fn a_token_is_shown_to_its_host_alone_and_is_nowhere_else() {
    if skipped() {
        return;
    }
    let all = Repositories::new();
    all.make("a", &[("f", "open")]);
    all.make("closed", &[("f", "closed")]);
    let other = all.smart();
    let (target, root) = (other.url("/a.git/info/refs?service=git-upload-pack"), all.folder.path().to_owned());
    let web = Web::start(move |asked| match asked.header("authorization") {
        None => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"x\""),
        // x-access-token:hunter2, me:hunter2
        Some("basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg==" | "basic bWU6aHVudGVyMg==") if asked.path.starts_with("/moved") => Reply::to(&target),
        Some("basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg==" | "basic bWU6aHVudGVyMg==") => backend(&root, asked),
        Some(_) => Reply::status(403),
    });
    let home = Home::new();
    write(&home, &format!("FROM scratch\nADD {} /a\nADD {} /b\n", web.url("/closed.git"), web.url("/moved.git")));
    let ran = build(&home, &["c"]);
    assert!(ran.code == 3 && ran.stderr.contains("answered 401, it wants a name and a password"), "{}", ran.stderr);
    let secret = "id=GIT_AUTH_TOKEN,env=TOKEN";
    let ran = build_with(&home, &["--secret", secret, "c"], &[("TOKEN", "hunter2")]);
    assert_eq!((ran.code, file(&home, "a/f").as_str(), file(&home, "b/f").as_str()), (0, "closed", "open"), "{}", ran.stderr);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    write(&home, &format!("FROM scratch\nADD --keep-git-dir=true http://me:hunter2@{}/closed.git /a\n", web.host));
    let ran = build(&home, &["--verbose", "c"]);
    assert_eq!((ran.code, file(&home, "a/f").as_str()), (0, "closed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2") && !file(&home, "a/.git/config").contains("hunter2"), "{}", ran.stderr);
    assert_eq!(traces(&home, "hunter2"), [""; 0]);
}

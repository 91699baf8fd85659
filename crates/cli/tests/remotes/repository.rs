//! A repository of git, and servers for it.

#![allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::web::{Asked, Reply, Web};

/// When every commit is made, in seconds since 1970.
pub const TIME: i64 = 1_600_000_000;

/// Repositories below a folder, each `NAME.git`.
pub struct Repositories {
    pub folder: tempfile::TempDir,
}

/// Tells whether there is git to make one with.
pub fn has_git() -> bool {
    testkit::binary("git").is_some()
}

impl Repositories {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn git(&self, folder: &Path, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(words).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        let date = format!("{TIME} +0000");
        for (key, value) in [
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@b"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@b"),
            ("GIT_AUTHOR_DATE", date.as_str()),
            ("GIT_COMMITTER_DATE", date.as_str()),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ] {
            command.env(key, value);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a repository with one commit of these files on `main`; those whose name ends with `*` are programs. Returns the commit.
    pub fn make(&self, name: &str, files: &[(&str, &str)]) -> String {
        let work = self.work(name);
        fs::create_dir_all(&work).unwrap();
        self.git(&work, &["init", "--quiet", "-b", "main"]);
        self.commit(name, files)
    }

    /// Adds a commit, and publishes it.
    pub fn commit(&self, name: &str, files: &[(&str, &str)]) -> String {
        let work = self.work(name);
        for (path, text) in files {
            let file = work.join(path.trim_end_matches('*'));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, &file).unwrap(),
                None => fs::write(&file, text).unwrap(),
            }
            if path.ends_with('*') {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        self.git(&work, &["add", "-A"]);
        self.git(&work, &["commit", "--quiet", "--allow-empty", "-m", "x"]);
        self.publish(name);
        self.git(&work, &["rev-parse", "HEAD"])
    }

    /// Runs git in a work tree, and publishes what came of it.
    pub fn then(&self, name: &str, words: &[&str]) {
        self.git(&self.work(name), words);
        self.publish(name);
    }

    fn publish(&self, name: &str) {
        let bare = self.folder.path().join(format!("{name}.git"));
        let _ = fs::remove_dir_all(&bare);
        self.git(self.folder.path(), &["clone", "--quiet", "--bare", &format!("work-{name}"), &format!("{name}.git")]);
        self.git(&bare, &["update-server-info"]);
        fs::write(bare.join("git-daemon-export-ok"), "").unwrap();
    }

    pub fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("work-{name}"))
    }

    /// Serves them as GitHub does.
    pub fn smart(&self) -> Web {
        let root = self.folder.path().to_owned();
        Web::start(move |asked| backend(&root, asked))
    }

    /// Serves them as plain files.
    pub fn plain(&self) -> Web {
        let root = self.folder.path().to_owned();
        Web::start(move |asked| {
            let path = root.join(asked.path.split('?').next().unwrap().trim_start_matches('/'));
            fs::read(path).map_or_else(|_| Reply::status(404), Reply::ok)
        })
    }
}

/// Runs git's own server program (RFC 3875).
pub fn backend(root: &Path, asked: &Asked) -> Reply {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let header = |name: &str| asked.header(name).unwrap_or_default().to_owned();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &asked.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&asked.body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    let lines: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let status = lines.iter().find(|(name, _)| *name == "Status").map_or(200, |(_, text)| text[..3].parse().unwrap());
    lines.iter().fold(Reply::Is(status, Vec::new(), body), |reply, (name, value)| reply.with(name, value))
}

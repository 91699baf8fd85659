//! A real Docker Engine (Debian's `dockerd`) with a folder and a socket of its own, and no network.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long an engine may take until it answers, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the engine until its standard input ends, which is when the test's process is gone,
/// however that came about. Then nothing of it may remain.
const KEEPER: &str = r#"folder=$0; "$@" & engine=$!; read -r _; kill "$engine"; wait "$engine"; rm -rf "$folder""#;

/// A running engine; dropping it ends it and forgets its images.
#[derive(Debug)]
pub struct Dockerd {
    keeper: Child,
    /// The keeper ends the engine when this is closed.
    leash: Option<ChildStdin>,
    folder: PathBuf,
}

impl Dockerd {
    /// Returns the one engine of this test binary. `None`, with a line on stderr, where none can run.
    ///
    /// It ends with the process; tests that share it use image names of their own.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Dockerd>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            crate::skip("no Docker Engine can run here");
        }
        shared
    }

    /// Starts an engine and waits until it answers. `None`, with a line on stderr, where it is not
    /// installed, may not run, or does not start.
    pub fn start() -> Option<Self> {
        let Some(program) = crate::binary("dockerd").or_else(|| Some(PathBuf::from("/usr/sbin/dockerd")).filter(|file| file.is_file()))
        else {
            crate::skip("dockerd is not installed");
            return None;
        };
        if !crate::is_root() {
            crate::skip("dockerd needs root");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dockerd-").tempdir().unwrap().keep();
        let log = File::create(folder.join("log")).unwrap();
        // The machine's own configuration stays out of it.
        fs::write(folder.join("engine.json"), "{}").unwrap();
        let option = |name: &str, path: &str| format!("--{name}={}", folder.join(path).display());
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .arg(&folder)
            .arg(program)
            .args([
                option("data-root", "data"),
                option("exec-root", "exec"),
                option("pidfile", "pid"),
                option("config-file", "engine.json"),
            ])
            .arg(format!("--host=unix://{}", folder.join("socket").display()))
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let leash = keeper.stdin.take();
        // From here on dropping ends the engine, whatever happens.
        let engine = Self { keeper, leash, folder };
        let start = Instant::now();
        while !engine.answers() {
            let log = fs::read_to_string(engine.folder.join("log")).unwrap_or_default();
            if start.elapsed() > PATIENCE || ["failed to start daemon", "unable to configure"].iter().any(|words| log.contains(words)) {
                crate::skip(&format!("dockerd does not start here: {}", log.lines().last().unwrap_or_default()));
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(engine)
    }

    /// Returns the socket's path.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Returns what `DOCKER_HOST` would be: `unix:///...`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Runs `docker` against it. `None`, with a line on stderr, where that is not installed.
    pub fn docker(&self, arguments: &[&str]) -> Option<Output> {
        let Some(program) = crate::binary("docker") else {
            crate::skip("docker is not installed");
            return None;
        };
        // Its own configuration folder: that of whoever runs the tests stays out of it.
        let mut docker = Command::new(program);
        docker.args(arguments).env("DOCKER_HOST", self.host()).env("DOCKER_CONFIG", self.folder.join("config")).stdin(Stdio::null());
        Some(docker.output().unwrap())
    }

    /// Loads an archive as `docker load` does.
    ///
    /// # Panics
    /// Where the engine refuses it.
    pub fn load(&self, archive: &[u8]) {
        let answer = self.request("POST", "/images/load?quiet=1", archive);
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("errorDetail"), "dockerd refused to load: {answer}");
    }

    /// Sends one request and returns the whole answer, head and body.
    ///
    /// # Panics
    /// Where the engine does not answer.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> String {
        ask(&self.socket(), method, path, body).unwrap_or_else(|error| panic!("dockerd does not answer {method} {path}: {error}"))
    }

    fn answers(&self) -> bool {
        ask(&self.socket(), "GET", "/_ping", &[]).is_ok_and(|answer| answer.ends_with("OK"))
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        drop(self.leash.take());
        // The keeper waits for the engine and removes the folder.
        self.keeper.wait().ok();
    }
}

#[cfg(unix)]
fn ask(socket: &Path, method: &str, path: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    // HTTP/1.0: the answer ends with the connection, without chunks.
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).replacen("HTTP/1.0", "HTTP/1.1", 1))
}

#[cfg(not(unix))]
fn ask(_: &Path, _: &str, _: &str, _: &[u8]) -> std::io::Result<String> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::Dockerd;

    #[test]
    fn an_engine_answers_and_leaves_nothing_behind() {
        let Some(engine) = Dockerd::start() else { return };
        assert!(engine.request("GET", "/version", &[]).contains("ApiVersion"));
        let folder = engine.folder.clone();
        drop(engine);
        assert!(!folder.exists());
    }
}

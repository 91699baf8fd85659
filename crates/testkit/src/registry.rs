//! Debian's `docker-registry` (distribution 2.8) on a free port of loopback, with a folder of its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contract::Clause;

/// How long a registry may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// A log that has not grown for so long is complete: a line is written just after its answer.
const QUIET: Duration = Duration::from_millis(40);

/// How to set the registry up; the default has neither password nor TLS.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// The one user and the password, asked for by HTTP Basic.
    pub credentials: Option<(String, String)>,
    /// Certificate chain and key, PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A running registry; dropping it ends it and forgets what it holds.
#[derive(Debug)]
pub struct DebianRegistry {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    /// How many lines of the log [`DebianRegistry::requests`] leaves out.
    cleared: Mutex<usize>,
}

impl DebianRegistry {
    /// The clauses of the contract that this version cannot hold: it answers DELETE of a tag with
    /// 400 DIGEST_INVALID.
    pub const GAPS: &[Clause] = &[Clause::RemoveName];

    /// Starts the registry and waits until it answers. `None`, with a line on stderr, where a
    /// program it needs is not installed.
    ///
    /// # Panics
    /// Where the registry is installed and does not start.
    pub fn start(options: &RegistryOptions) -> Option<Self> {
        let Some(program) = crate::binary("docker-registry") else {
            crate::skip("docker-registry is not installed");
            return None;
        };
        let passwords = match &options.credentials {
            Some((user, password)) => Some(hash(user, password)?),
            None => None,
        };
        // A port that was free when it was chosen may be taken before the registry gets it.
        for _ in 0..5 {
            if let Some(registry) = Self::attempt(&program, options, passwords.as_deref()) {
                return Some(registry);
            }
        }
        panic!("docker-registry found its port taken five times");
    }

    fn attempt(program: &Path, options: &RegistryOptions, passwords: Option<&[u8]>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let address = free_address();
        if let Some(passwords) = passwords {
            fs::write(path.join("passwords"), passwords).unwrap();
        }
        fs::write(path.join("config.yml"), configuration(address, path, options).to_string()).unwrap();
        let child = Command::new(program)
            .arg("serve")
            .arg(path.join("config.yml"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(File::create(path.join("log")).unwrap())
            .stderr(File::create(path.join("errors")).unwrap())
            .spawn()
            .unwrap();
        // From here on dropping ends the child, whatever happens.
        let mut registry = Self { child, address, folder, cleared: Mutex::new(0) };
        if registry.answers(options.tls.is_some()) {
            registry.clear_log();
            return Some(registry);
        }
        let errors = registry.errors();
        assert!(errors.contains("address already in use"), "docker-registry did not start:\n{errors}");
        None
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, as references name it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the folder that holds its content, to break or count things in it.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns what it wrote to stderr.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    /// Returns its access log since the start or [`DebianRegistry::clear_log`], in order of the
    /// answers: `GET /v2/app/manifests/v1 200`. Waits a moment for the last line.
    pub fn requests(&self) -> Vec<String> {
        let log = self.quiet_log();
        log.lines().skip(*self.cleared.lock().unwrap()).filter_map(request).collect()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        let lines = self.quiet_log().lines().count();
        *self.cleared.lock().unwrap() = lines;
    }

    fn quiet_log(&self) -> String {
        let path = self.folder.path().join("log");
        let mut log = fs::read_to_string(&path).unwrap();
        loop {
            std::thread::sleep(QUIET);
            let later = fs::read_to_string(&path).unwrap();
            if later == log {
                return log;
            }
            log = later;
        }
    }

    /// Waits for an answer. False where the process ended before it gave one.
    fn answers(&mut self, tls: bool) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            // Somebody else may answer on a port that was taken: its own words are the proof.
            if self.errors().contains("listening on") && (tls && TcpStream::connect(self.address).is_ok() || speaks_http(self.address)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("docker-registry does not answer after {PATIENCE:?}:\n{}", self.errors());
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hashes a password as the registry wants it (bcrypt). `None` where `htpasswd` is not installed.
fn hash(user: &str, password: &str) -> Option<Vec<u8>> {
    let Some(program) = crate::binary("htpasswd") else {
        crate::skip("htpasswd (apache2-utils) is not installed");
        return None;
    };
    let output = Command::new(program).arg("-Bbn").args([user, password]).output().unwrap();
    assert!(output.status.success(), "htpasswd failed: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The configuration file; JSON is YAML.
fn configuration(address: SocketAddr, folder: &Path, options: &RegistryOptions) -> Value {
    let mut tree = json!({
        "version": "0.1",
        "log": { "level": "info", "accesslog": { "disabled": false } },
        "storage": {
            "filesystem": { "rootdirectory": folder.join("data") },
            "delete": { "enabled": true },
            "maintenance": { "uploadpurging": { "enabled": false } },
        },
        "http": { "addr": address.to_string(), "secret": "testkit" },
    });
    if options.credentials.is_some() {
        tree["auth"] = json!({ "htpasswd": { "realm": "testkit", "path": folder.join("passwords") } });
    }
    if let Some((certificate, key)) = &options.tls {
        tree["http"]["tls"] = json!({ "certificate": certificate, "key": key });
    }
    tree
}

/// Returns an address of loopback whose port nobody has at this moment.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap()
}

fn speaks_http(address: SocketAddr) -> bool {
    let asked = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(answer == *b"HTTP/")
    };
    asked().unwrap_or(false)
}

/// Reads one line of the Apache combined log format: the request is the first text in quotes.
fn request(line: &str) -> Option<String> {
    let mut parts = line.split('"');
    let (words, status) = (parts.nth(1)?, parts.next()?);
    let (call, _protocol) = words.rsplit_once(' ')?;
    Some(format!("{call} {}", status.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_access_log() {
        let line = r#"127.0.0.1 - - [20/Nov/2026:19:36:56 +0000] "GET /v2/app/tags/list?n=1 HTTP/1.1" 404 111 "" "curl/7.88.1""#;
        assert_eq!(request(line).as_deref(), Some("GET /v2/app/tags/list?n=1 404"));
        assert_eq!(request("panic: no log line"), None);
    }
}

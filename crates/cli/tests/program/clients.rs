//! The docker clients of this machine, to be compared with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Home, Ran};

/// A docker client, and how old it is.
#[derive(Clone, Debug)]
pub struct Client {
    pub path: PathBuf,
    /// The major version: 20, 28.
    pub version: u32,
}

impl Client {
    /// Finds every client on PATH once, or says why nothing is compared.
    pub fn all() -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap();
        let mut files: Vec<PathBuf> =
            std::env::split_paths(&path).map(|folder| folder.join("docker")).filter(|file| file.is_file()).collect();
        let mut seen = std::collections::HashSet::new();
        files.retain(|file| seen.insert(file.canonicalize().unwrap()));
        let clients: Vec<Self> = files.into_iter().filter_map(Self::ask).collect();
        if clients.is_empty() {
            testkit::skip("no docker client is installed");
        }
        clients
    }

    fn ask(path: PathBuf) -> Option<Self> {
        let said = Command::new(&path).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = said.strip_prefix("Docker version ")?.split('.').next()?.parse().ok()?;
        Some(Self { path, version })
    }

    /// Tells whether it knows OCI's manifests, and keeps the bytes of what it read (docker 23).
    pub const fn knows_oci(&self) -> bool {
        self.version >= 23
    }

    /// Runs it in a home, where its configuration is the folder `docker`.
    pub fn run(&self, home: &Home, words: &[&str]) -> Ran {
        let mut command = Command::new(&self.path);
        let config = home.path().join("docker");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path());
        Ran::of(command.env("DOCKER_CLI_EXPERIMENTAL", "enabled").arg("--config").arg(config).args(words))
    }
}

/// Returns the files of docker's lists below a configuration folder, with what is in them.
pub fn lists(config: &Path) -> BTreeMap<String, serde_json::Value> {
    let mut found = BTreeMap::new();
    let folders = std::fs::read_dir(config.join("manifests")).into_iter().flatten().map(|folder| folder.unwrap());
    for folder in folders.filter(|folder| !folder.file_name().to_string_lossy().starts_with('.')) {
        let list = folder.file_name().to_string_lossy().into_owned();
        found.insert(list.clone(), serde_json::Value::Null);
        for file in std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()) {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.path().display()));
            found.insert(format!("{list}/{}", file.file_name().to_string_lossy()), value);
        }
    }
    found
}

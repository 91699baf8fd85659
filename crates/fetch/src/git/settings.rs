//! What git is told: variables and settings of our own, and nothing of the person's.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use remote::Proxies;

/// What git is told of this machine.
#[derive(Clone, Debug, Default)]
pub struct GitSettings {
    /// Folders in which `git`, and what it starts, are looked for.
    pub programs: Vec<PathBuf>,
    /// Proxies for HTTP.
    pub proxies: Proxies,
    /// Files with certificates of authorities to trust beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// The socket of an SSH agent.
    pub agent: Option<PathBuf>,
}

impl GitSettings {
    /// Finds the program.
    pub(super) fn program(&self) -> Option<PathBuf> {
        self.programs.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join("git")).find(|path| path.is_file())
    }
}

/// Settings that hold in every repository: no hook, no helper, no question, no redirect, no work of its own.
const SETTINGS: [(&str, &str); 15] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    ("core.autocrlf", "false"),
    ("credential.helper", ""),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("init.defaultBranch", "main"),
    ("advice.detachedHead", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("safe.directory", "*"),
    ("protocol.allow", "never"),
];

/// Protocols that repositories, and those in them, may be fetched by.
const PROTOCOLS: [&str; 4] = ["http", "https", "ssh", "git"];

/// How ssh is started: it asks nobody, and what it knows of hosts is what stands in the person's `known_hosts`.
const SSH: &str = "ssh -o BatchMode=yes -o ForwardAgent=no -o PermitLocalCommand=no -o ConnectTimeout=30";

/// The file of authorities, which lies beside the copy of the repository.
const AUTHORITIES: &str = "authorities.pem";

/// Settings and variables of one run.
pub(super) struct Configuration {
    settings: Vec<(String, String)>,
    variables: Vec<(String, OsString)>,
}

impl Configuration {
    /// Begins with what always holds; certificates are written into the folder.
    pub(super) fn new(machine: &GitSettings, folder: &Path) -> io::Result<Self> {
        let mut own = Self { settings: Vec::new(), variables: Vec::new() };
        SETTINGS.iter().for_each(|(key, value)| own.set(key, value));
        PROTOCOLS.iter().for_each(|protocol| own.set(&format!("protocol.{protocol}.allow"), "always"));
        let path = std::env::join_paths(&machine.programs).unwrap_or_default();
        let fixed: [(&str, &str); 9] = [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git"),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
            ("GIT_SSH_COMMAND", SSH),
            ("GIT_SSH_VARIANT", "ssh"),
            ("LC_ALL", "C"),
        ];
        fixed.iter().for_each(|(key, value)| own.variable(key, (*value).into()));
        own.variable("PATH", path);
        // What curl reads there (.netrc) is the person's, and so is nothing.
        own.variable("HOME", "/nonexistent".into());
        if let Some(agent) = &machine.agent {
            own.variable("SSH_AUTH_SOCK", agent.into());
        }
        let proxies =
            [("http_proxy", &machine.proxies.http), ("https_proxy", &machine.proxies.https), ("no_proxy", &machine.proxies.except)];
        for (key, value) in proxies {
            if let Some(value) = value {
                own.variable(key, value.into());
            }
        }
        if !machine.ca_files.is_empty() {
            let mut all = Vec::new();
            for file in &machine.ca_files {
                all.extend(fs::read(file)?);
                all.push(b'\n');
            }
            let bundle = folder.join(AUTHORITIES);
            fs::write(&bundle, all)?;
            own.variable("GIT_SSL_CAINFO", bundle.into());
            own.variable("GIT_SSL_CAPATH", "/etc/ssl/certs".into());
        }
        Ok(own)
    }

    /// Adds a setting.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    fn variable(&mut self, key: &str, value: OsString) {
        self.variables.push((key.to_owned(), value));
    }

    /// Returns all that git finds in its environment. Settings are there, too, so that nobody sees them in a list of processes.
    pub(super) fn variables(self) -> Vec<(String, OsString)> {
        let Self { settings, mut variables } = self;
        variables.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string().into()));
        for (number, (key, value)) in settings.into_iter().enumerate() {
            variables.push((format!("GIT_CONFIG_KEY_{number}"), key.into()));
            variables.push((format!("GIT_CONFIG_VALUE_{number}"), value.into()));
        }
        variables
    }
}

//! A command, decided: what runs, and what it sees beside the root.

use dockerfile::{CacheMount, Network, ResolvedMount, SecretMount, Security, SshMount};

use crate::stage::Inline;

/// A `RUN` with what it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// The program and its arguments, with the shell in front where that reads them.
    pub words: Vec<String>,
    /// A script that stood in the Dockerfile and is a file below `/dev/pipes`: its name, and its content.
    pub inline: Option<Inline>,
    /// `--mount`, with absolute targets.
    pub mounts: Vec<ResolvedMount>,
    /// `--network`.
    pub network: Network,
    /// `--security`.
    pub security: Security,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// The folder it runs in.
    pub working: String,
    /// The user it runs as.
    pub user: String,
}

impl RunStep {
    /// Lists the stages, contexts and images whose files are mounted.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| match mount {
            ResolvedMount::Bind { from, .. } | ResolvedMount::Cache(CacheMount { from, .. }) => from.as_deref(),
            ResolvedMount::Tmpfs { .. } | ResolvedMount::Secret(_) | ResolvedMount::Ssh(_) => None,
        })
    }
}

/// Makes a mount's target absolute: a relative one is below the working folder.
pub(crate) fn below(mount: ResolvedMount, working: &str) -> ResolvedMount {
    let absolute = |target: String| if target.starts_with('/') { target } else { format!("{}/{target}", working.trim_end_matches('/')) };
    match mount {
        ResolvedMount::Bind { from, source, target, read_only } => {
            ResolvedMount::Bind { from, source, target: absolute(target), read_only }
        }
        ResolvedMount::Cache(mount) => ResolvedMount::Cache(CacheMount { target: absolute(mount.target), ..mount }),
        ResolvedMount::Tmpfs { target, size, read_only } => ResolvedMount::Tmpfs { target: absolute(target), size, read_only },
        ResolvedMount::Secret(mount) => ResolvedMount::Secret(SecretMount { target: mount.target.map(absolute), ..mount }),
        ResolvedMount::Ssh(mount) => ResolvedMount::Ssh(SshMount { target: mount.target.map(absolute), ..mount }),
    }
}

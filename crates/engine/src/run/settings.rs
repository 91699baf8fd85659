//! What holds for every command of a build: what its flags say, and nothing of the Dockerfile.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dockerfile::Network;
use sandbox::Limit;

use crate::ground::SHARED_MEMORY;

/// What holds for every command of a build.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--network`: what of the network a `RUN` sees that does not say so itself.
    pub network: Access,
    /// `--allow`: what a `RUN` may ask for.
    pub rights: Rights,
    /// `--add-host`: names and their addresses, in the order of the command line.
    pub hosts: Vec<(String, IpAddr)>,
    /// `--shm-size`, in bytes.
    pub shared_memory: u64,
    /// `--ulimit`.
    pub limits: Vec<Limit>,
    /// `--secret`, by id.
    pub secrets: BTreeMap<String, Secret>,
    /// `--ssh`: the sockets of agents, by id.
    pub agents: BTreeMap<String, PathBuf>,
    /// Variables that every command gets and no key knows: those of proxies, as the command line or the configuration says.
    pub proxies: Vec<(String, String)>,
    /// `BUILDKIT_SANDBOX_HOSTNAME`: the name of the machine.
    pub hostname: Option<String>,
    /// `BUILDKIT_CACHE_MOUNT_NS`: what the ids of cache mounts are told apart by.
    pub cache_namespace: String,
    /// How many commands run at once.
    pub parallel: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: Access::Host,
            rights: Rights::default(),
            hosts: Vec::new(),
            shared_memory: SHARED_MEMORY,
            limits: Vec::new(),
            secrets: BTreeMap::new(),
            agents: BTreeMap::new(),
            proxies: Vec::new(),
            hostname: None,
            cache_namespace: String::new(),
            parallel: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Settings {
    /// Returns what of the network a `RUN` sees that says this of it.
    pub const fn access(&self, said: Network) -> Access {
        match said {
            Network::Default => self.network,
            Network::None => Access::None,
            Network::Host => Access::Host,
        }
    }
}

/// What of the network a command sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// All that this machine sees.
    #[default]
    Host,
    /// Only itself.
    None,
}

/// What a `RUN` may ask for, beyond what all have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// `network.host`: `RUN --network=host`.
    pub network_host: bool,
    /// `security.insecure`: `RUN --security=insecure`.
    pub insecure: bool,
}

/// A secret, whose content is in no text that this program writes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Vec<u8>>);

impl Secret {
    /// Takes its content.
    pub fn new(content: Vec<u8>) -> Self {
        Self(Arc::new(content))
    }

    /// Returns its content.
    pub fn content(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({} bytes)", self.0.len())
    }
}

//! The words that say what a `RUN` sees: secrets, agents, the network, names, limits.

mod agent;
mod error;
mod host;
mod limit;
mod memory;
mod network;
mod secret;

use clap::Args;

pub use agent::AgentWord;
pub use error::RunWordError;
pub use host::HostWord;
pub use limit::LimitWord;
pub use memory::MemorySize;
pub use network::{NetworkWord, Right};
pub use secret::{SecretError, SecretSource, SecretWord};

/// What every `RUN` of a build sees.
#[derive(Args, Clone, Debug, Default)]
pub struct RunWords {
    /// A secret for RUN --mount=type=secret, of a file or a variable; id=ID alone is the variable ID, else the file ID
    #[arg(long = "secret", value_name = "id=ID[,src=FILE|,env=VARIABLE]", help_heading = "What RUN sees")]
    pub secrets: Vec<SecretWord>,
    /// The socket of an SSH agent for RUN --mount=type=ssh; default is the id, and $SSH_AUTH_SOCK the socket where none is said
    #[arg(long = "ssh", value_name = "ID[=SOCKET]", help_heading = "What RUN sees")]
    pub agents: Vec<AgentWord>,
    /// The network of a RUN that does not say so itself: default and host are this machine's, none is none
    #[arg(long, value_name = "default|host|none", default_value = "default", hide_default_value = true, help_heading = "What RUN sees")]
    pub network: NetworkWord,
    /// What a RUN may ask for by --network=host or --security=insecure
    #[arg(long, value_name = "network.host|security.insecure", value_delimiter = ',', help_heading = "What RUN sees")]
    pub allow: Vec<Right>,
    /// A name and its addresses, for /etc/hosts
    #[arg(long = "add-host", value_name = "NAME:IP", help_heading = "What RUN sees")]
    pub hosts: Vec<HostWord>,
    /// A limit of each process: nofile=1024:4096, core=0, nproc=unlimited
    #[arg(long = "ulimit", value_name = "TYPE=SOFT[:HARD]", help_heading = "What RUN sees")]
    pub limits: Vec<LimitWord>,
    /// The size of /dev/shm [default: 64m]
    #[arg(long = "shm-size", value_name = "BYTES", help_heading = "What RUN sees")]
    pub shared_memory: Option<MemorySize>,
    /// How many RUN there may be at once, and as many by emulators [default: the number of processors]
    #[arg(long, value_name = "COUNT", help_heading = "What RUN sees")]
    pub parallel: Option<std::num::NonZeroUsize>,
}

//! Why commands of a build cannot have what the command line says that they see.

use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};

use super::secrets::LONGEST;

/// Something that is not as the command line says.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// The file of a secret is not there.
    #[error("secret {id}: nothing is at {}", path.display())]
    NoFile {
        /// The secret.
        id: String,
        /// Where it was to be.
        path: PathBuf,
    },
    /// The variable of a secret is not set.
    #[error("secret {id}: the variable {name} is not set")]
    NoVariable {
        /// The secret.
        id: String,
        /// The variable.
        name: String,
    },
    /// A secret of which only the id is said, and neither is there.
    #[error("secret {0}: expected a variable or a file of that name, found neither")]
    Neither(String),
    /// The file of a secret cannot be read.
    #[error("secret {id}: cannot read {}", path.display())]
    Unreadable {
        /// The secret.
        id: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// More than a secret can be.
    #[error("secret {0} is too long: expected at most {LONGEST} bytes")]
    TooLong(String),
    /// Nobody says where the agent is.
    #[error("ssh agent {0}: expected the path of its socket, and SSH_AUTH_SOCK is not set")]
    NoAgent(String),
    /// The socket of an agent is not there.
    #[error("ssh agent {id}: nothing is at {}", path.display())]
    NoSocket {
        /// The agent.
        id: String,
        /// Where it was to be.
        path: PathBuf,
    },
    /// A key, which buildx would put into an agent of its own.
    #[error("ssh agent {id}: expected the socket of an agent, got the file {}", path.display())]
    KeyFile {
        /// The agent.
        id: String,
        /// The file.
        path: PathBuf,
    },
    /// Something else that is no socket.
    #[error("ssh agent {id}: expected the socket of an agent, got {}", path.display())]
    Other {
        /// The agent.
        id: String,
        /// What was named.
        path: PathBuf,
    },
    /// Nobody listens.
    #[error("ssh agent {id}: nobody answers at {}", path.display())]
    Unanswered {
        /// The agent.
        id: String,
        /// Its socket.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        problem: io::Error,
    },
    /// More than one socket for an agent, or an agent that was named before.
    #[error("ssh agent {0}: expected one socket, got two")]
    TwoSockets(String),
    /// No name that a machine can have.
    #[error("bad BUILDKIT_SANDBOX_HOSTNAME {0:?}: expected one word of at most 64 bytes")]
    Hostname(String),
    /// An argument that cannot differ by platform.
    #[error("--build-arg {0} differs by platform: expected one value, as it is about the whole build")]
    Differs(&'static str),
}

impl Fault for RunningError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::NoFile { id, .. } => format!("name it from the folder you are in: --secret id={id},src=FILE"),
            Self::NoVariable { name, .. } => format!("export {name}"),
            Self::Neither(id) => format!("--secret id={id},src=FILE or --secret id={id},env=VARIABLE"),
            Self::NoAgent(id) => format!("`eval $(ssh-agent); ssh-add` starts one; --ssh {id}=SOCKET names one"),
            Self::KeyFile { id, path } => format!("give the key to your agent: `ssh-add {}`, and name that: --ssh {id}", path.display()),
            Self::NoSocket { .. } | Self::Unanswered { .. } => "`eval $(ssh-agent); ssh-add` starts a new one".to_owned(),
            Self::Differs(key) => format!("--build-arg {key}=VALUE, without a platform"),
            _ => return None,
        };
        Some(Hint::new(hint))
    }
}

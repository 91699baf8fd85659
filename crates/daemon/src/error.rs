//! What can go wrong with an engine.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use fault::{Fault, Hint, Kind};
use oci::ReferenceError;

use crate::Endpoint;

/// An engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// No address of an engine.
    #[error("bad DOCKER_HOST {text:?}: expected unix:///PATH or tcp://HOST:PORT")]
    Endpoint {
        /// What was given, users and passwords left out.
        text: String,
    },
    /// Docker reaches engines by ssh; polyarch does not.
    #[error("an engine behind ssh ({host}) cannot be reached directly")]
    Ssh {
        /// The host.
        host: String,
    },
    /// A way to reach engines that polyarch does not have.
    #[error("engines cannot be reached by {scheme}: expected unix or tcp")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// HTTPS was asked for without saying whom to trust.
    #[error("{text} needs certificates")]
    NoCertificates {
        /// What was given.
        text: String,
    },
    /// A certificate or key cannot be used.
    #[error("cannot use {}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        problem: Cause,
    },
    /// Nobody listens there.
    #[error("no Docker Engine answers at {endpoint}")]
    Unreachable {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// What the system said.
        #[source]
        problem: Cause,
    },
    /// The socket belongs to others.
    #[error("the Docker Engine at {endpoint} may not be used by this user")]
    Denied {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// What the system said.
        #[source]
        problem: Cause,
    },
    /// Somebody else listens there.
    #[error("expected a Docker Engine at {endpoint}, got something else")]
    NotDocker {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// What came instead of an answer.
        #[source]
        problem: Cause,
    },
    /// The connection broke in the middle.
    #[error("the Docker Engine at {endpoint} stopped answering while polyarch tried to {wish}")]
    Broken {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// What was asked, as a verb.
        wish: String,
        /// What broke.
        #[source]
        problem: Cause,
    },
    /// The engine answered no.
    #[error("the Docker Engine at {endpoint} refused to {wish}: {message} (HTTP {status})")]
    Refused {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// What was asked, as a verb.
        wish: String,
        /// The engine's own words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// The engine took the archive and could not use it.
    #[error("the Docker Engine at {endpoint} could not load {name}: {message}")]
    Load {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// The image.
        name: String,
        /// The engine's own words.
        message: String,
    },
    /// The engine said that it loaded an image, and it has another one or none.
    #[error("after loading {name} the Docker Engine at {endpoint}: expected image {expected}, got {got}")]
    NotLoaded {
        /// Where.
        endpoint: Arc<Endpoint>,
        /// The image.
        name: String,
        /// The image's id.
        expected: String,
        /// The id it has now.
        got: String,
    },
    /// No name of an image.
    #[error("{name:?} names no image of an engine")]
    Name {
        /// What was given.
        name: String,
        /// Why not.
        #[source]
        problem: ReferenceError,
    },
    /// The folder for temporary files cannot be used.
    #[error("cannot keep a copy in {}", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        problem: io::Error,
    },
}

/// The innermost reason of a failed request: the words of the system or of TLS, without addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl Cause {
    pub(crate) fn new(text: impl ToString) -> Self {
        Self(text.to_string())
    }
}

impl Fault for DaemonError {
    fn kind(&self) -> Kind {
        match self {
            Self::Endpoint { .. } | Self::Ssh { .. } | Self::Scheme { .. } | Self::NoCertificates { .. } | Self::Name { .. } => Kind::Usage,
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        let text = match self {
            Self::Endpoint { .. } | Self::Scheme { .. } => {
                "set DOCKER_HOST=unix:///var/run/docker.sock, or to the engine's own address".to_owned()
            }
            Self::Ssh { host } => {
                format!(
                    "run `ssh -nNL /tmp/docker.sock:/var/run/docker.sock {host}` beside it, and set DOCKER_HOST=unix:///tmp/docker.sock"
                )
            }
            Self::NoCertificates { .. } => {
                "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem".to_owned()
            }
            Self::Certificate { .. } => "DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem".to_owned(),
            Self::Unreachable { endpoint, .. } => match &**endpoint {
                Endpoint::Tls { certificates, .. } => {
                    format!("look whether the engine runs, and whether {} holds its ca.pem", certificates.display())
                }
                Endpoint::Unix(_) | Endpoint::Tcp { .. } => "start Docker, or set DOCKER_HOST".to_owned(),
            },
            Self::Denied { .. } => "join the group docker (`sudo usermod -aG docker $USER`, then log in again), or use sudo".to_owned(),
            Self::NotDocker { endpoint, .. } if matches!(**endpoint, Endpoint::Tcp { .. }) => {
                "look at DOCKER_HOST; an engine on port 2376 mostly wants TLS: DOCKER_TLS_VERIFY=1".to_owned()
            }
            Self::NotDocker { .. } => "look at DOCKER_HOST".to_owned(),
            _ => return None,
        };
        Some(Hint::new(text))
    }
}

impl From<DaemonError> for content::Error {
    fn from(error: DaemonError) -> Self {
        Self::place(error)
    }
}

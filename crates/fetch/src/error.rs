//! Why something cannot be fetched.

use fault::{Fault, Hint, Kind};
use oci::Digest;
use remote::RemoteError;

/// Something from elsewhere that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its server, or the way there, did not do what was asked.
    #[error("cannot fetch {address}")]
    Remote {
        /// The address, without a login.
        address: String,
        /// What is wrong.
        #[source]
        problem: Box<RemoteError>,
    },
    /// It has too many bytes, or never ends.
    #[error("cannot fetch {address}: it is too large, expected at most {limit} bytes")]
    TooLarge {
        /// The address, without a login.
        address: String,
        /// The most bytes.
        limit: u64,
    },
    /// It is something else than was meant.
    #[error("{address} is not what its checksum says: expected {expected}, got {got}")]
    Checksum {
        /// The address, without a login.
        address: String,
        /// The checksum that was given.
        expected: Digest,
        /// The one that it has.
        got: Digest,
    },
    /// No address.
    #[error("bad address {0:?}: expected http://HOST/PATH or https://HOST/PATH")]
    Address(String),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] content::Error),
}

impl FetchError {
    pub(crate) fn remote(address: &str, problem: RemoteError) -> Self {
        Self::Remote { address: address.to_owned(), problem: Box::new(problem) }
    }
}

impl Fault for FetchError {
    fn kind(&self) -> Kind {
        match self {
            Self::Remote { problem, .. } => problem.kind(),
            Self::TooLarge { .. } | Self::Checksum { .. } => Kind::Place,
            Self::Address(_) => Kind::Usage,
            Self::Store(problem) => problem.kind(),
        }
    }

    fn hint(&self) -> Option<Hint> {
        let host = |address: &str| address.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
        match self {
            Self::Remote { address, problem } => match &**problem {
                RemoteError::Status { status: 401 | 403, .. } => {
                    let host = host(address);
                    Some(Hint::new(format!(
                        "give what it wants by --secret id=HTTP_AUTH_TOKEN_{host},env=NAME, or id=HTTP_AUTH_HEADER_{host}"
                    )))
                }
                RemoteError::Status { status: 404 | 410, .. } => Some(Hint::new("is the address written right, and does a browser get it")),
                RemoteError::AnswersHttp { .. } => {
                    Some(Hint::new("write http:// for a server without TLS, and --checksum for what comes from it"))
                }
                RemoteError::Certificate { .. } => Some(Hint::new("`--ca-file FILE` names an authority that signed it")),
                RemoteError::RateLimited { .. } => Some(Hint::new("wait, and build again")),
                RemoteError::Redirect { .. } => Some(Hint::new("if that is where it is, name that address")),
                _ => problem.hint(),
            },
            Self::TooLarge { .. } => Some(Hint::new("if it is that large, set POLYARCH_DOWNLOAD_LIMIT (64G); else its server never ends")),
            Self::Checksum { got, .. } => {
                Some(Hint::new(format!("whoever changed it has to say why; where that is known, --checksum={got}")))
            }
            Self::Address(_) => None,
            Self::Store(problem) => problem.hint(),
        }
    }
}

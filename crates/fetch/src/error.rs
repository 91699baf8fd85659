//! Why something cannot be fetched.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use fault::{Fault, Hint, Kind};
use layer::LayerError;
use oci::Digest;
use remote::RemoteError;

/// The last lines of git, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSaid(pub(crate) Vec<String>);

impl fmt::Display for GitSaid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => formatter.write_str("git failed without a word"),
            lines => write!(formatter, "git says: {}", lines.join("; ")),
        }
    }
}

impl Error for GitSaid {}

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
    /// A server wants to know who asks.
    #[error("cannot fetch {address}: {host} answered {status}, it wants a name and a password, or has no such repository")]
    Closed {
        /// The address, without a login.
        address: String,
        /// The host.
        host: String,
        /// `http` or `https`.
        scheme: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is something else than a repository.
    #[error("cannot fetch {address}: there is no repository at {leads}")]
    NoRepository {
        /// The address, without a login.
        address: String,
        /// Where it was sought.
        leads: String,
    },
    /// A repository has nothing, or is none.
    #[error("{0} has no commit: it is empty, or no repository")]
    NoCommit(String),
    /// A repository has no such branch, tag or commit.
    #[error("{address} has no {reference}: expected a branch, a tag or a whole commit")]
    NoReference {
        /// The address, without a login.
        address: String,
        /// What was asked for.
        reference: String,
    },
    /// Repositories are in each other without an end.
    #[error("{address} has repositories in each other: expected at most {depth} of them")]
    TooDeep {
        /// The address, without a login.
        address: String,
        /// How many there may be.
        depth: usize,
    },
    /// A commit has no such folder.
    #[error("{address} has no folder {folder}")]
    NoFolder {
        /// The address, without a login.
        address: String,
        /// The folder.
        folder: String,
    },
    /// A branch or tag is another commit than was meant.
    #[error("{address} is not the commit that was meant: expected {expected}, got {got}")]
    Commit {
        /// The address, without a login.
        address: String,
        /// What it was to begin with.
        expected: String,
        /// The commit.
        got: String,
    },
    /// There is no git.
    #[error("cannot fetch {0}: no program git on PATH")]
    NoGit(String),
    /// A program cannot be started.
    #[error("cannot run {}", program.display())]
    NotStarted {
        /// Which.
        program: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// Git did not do it.
    #[error("cannot fetch {address}")]
    Git {
        /// The address, without a login.
        address: String,
        /// It was asked by SSH.
        is_ssh: bool,
        /// Its last lines.
        #[source]
        said: GitSaid,
    },
    /// Nothing comes any more.
    #[error("cannot fetch {address}: expected a sign of life from git, got {seconds} s of silence")]
    Silent {
        /// The address, without a login.
        address: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The files of a repository cannot be taken.
    #[error("cannot take the files of {address}")]
    Files {
        /// The address, without a login.
        address: String,
        /// Why not.
        #[source]
        problem: Box<LayerError>,
    },
    /// There is no room to work in.
    #[error("cannot write to the scratch folder")]
    Scratch(#[source] io::Error),
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
            Self::Address(_) => Kind::Usage,
            Self::Files { problem, .. } => problem.kind(),
            Self::Store(problem) => problem.kind(),
            _ => Kind::Place,
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
            Self::Closed { scheme, .. } if scheme == "http" => Some(Hint::new("take https://: no password is safe without it")),
            Self::Closed { host, .. } => {
                Some(Hint::new(format!("give a token by --secret id=GIT_AUTH_TOKEN.{host},env=NAME; nobody is asked for one")))
            }
            Self::NoRepository { .. } | Self::NoCommit(_) => {
                Some(Hint::new("name what `git clone` takes; a file is taken by an address without .git"))
            }
            Self::NoReference { .. } => Some(Hint::new("`git ls-remote ADDRESS` lists what it has; a commit is written whole")),
            Self::Commit { .. } => Some(Hint::new("if it may move, leave the checksum out; else whoever moved it has to say why")),
            Self::NoGit(_) => Some(Hint::new("install git, or fetch it before the build and name the folder")),
            Self::Git { is_ssh: true, .. } => Some(Hint::new(
                "`--ssh default` lets git use the keys of your agent; the host has to stand in ~/.ssh/known_hosts; nobody is asked",
            )),
            Self::Git { .. } => Some(Hint::new(
                "does `git ls-remote ADDRESS` get there; for a repository that is closed, --secret id=GIT_AUTH_TOKEN,env=NAME",
            )),
            Self::Silent { .. } => Some(Hint::new("is the server there, and does it let this machine in")),
            Self::Files { problem, .. } => problem.hint(),
            Self::TooDeep { .. } => Some(Hint::new("?submodules=false leaves them out")),
            Self::Address(_) | Self::NoFolder { .. } | Self::NotStarted { .. } => None,
            Self::Scratch(_) => Some(Hint::new("TMPDIR names another one")),
            Self::Store(problem) => problem.hint(),
        }
    }
}

//! What can go wrong between this machine and a registry.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use fault::{Fault, Hint, Kind};
use oci::ReferenceError;

use crate::retry::is_passing;
use crate::web::forbidden;

/// The innermost reason of a failure, as the layer that met it says it; never a URL, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Cause {}

/// With what a registry was asked when it said no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The registry's host.
    pub host: String,
    /// Which credentials were used, or where none were found; never the credentials.
    pub credentials: String,
    /// The scope that was asked for: `pull,push`; empty where there was none.
    pub scope: String,
    /// What the registry or its token server said.
    pub said: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.credentials)?;
        if !self.scope.is_empty() {
            write!(formatter, "; scope asked: {}", self.scope)?;
        }
        match &self.said {
            Some(said) => write!(formatter, "; {} says: {said}", self.host),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

/// A registry, or the way to it, did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No connection came about.
    #[error("{host} is unreachable")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        source: Cause,
    },
    /// Connected, and then no sign of life.
    #[error("{host} stopped answering: expected a sign of life, got {seconds} s of silence")]
    Silent {
        /// The host.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Signs of life, and hardly more.
    #[error("{host} is too slow: expected {least} bytes in {seconds} s, got fewer")]
    TooSlow {
        /// The host.
        host: String,
        /// The fewest bytes.
        least: u64,
        /// In this time.
        seconds: u64,
    },
    /// The tag exists, and its registry lets nobody move it.
    #[error("tag {tag} of {place} is immutable: expected to move it, the registry keeps it where it is")]
    Immutable {
        /// The tag.
        tag: String,
        /// The repository.
        place: String,
        /// What the registry said.
        source: Option<Cause>,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection to {host} broke")]
    Dropped {
        /// The host.
        host: String,
        /// Why.
        source: Cause,
    },
    /// The peer does not speak TLS but HTTP.
    #[error("it answers HTTP, HTTPS was expected")]
    AnswersHttp {
        /// The host.
        host: String,
    },
    /// The peer's certificate is not accepted.
    #[error("the certificate of {host} was not accepted")]
    Certificate {
        /// The host.
        host: String,
        /// Why.
        source: Cause,
    },
    /// TLS failed for another reason than the certificate.
    #[error("no secure connection to {host} could be made")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        source: Cause,
    },
    /// 401 or 403, with everything we have.
    #[error("denied")]
    Denied {
        /// The repository, as messages name it.
        place: String,
        /// With what it was asked.
        source: Box<Refusal>,
    },
    /// The token server does not work.
    #[error("the token server {url} answered {status}, expected 200")]
    TokenServer {
        /// Its address, secrets left out.
        url: String,
        /// The HTTP status.
        status: u16,
        /// How long it wants to be left alone (`Retry-After`).
        after: Option<Duration>,
        /// What it said.
        source: Option<Cause>,
    },
    /// The token server's answer holds no token.
    #[error("the token server {url} answered without a token")]
    NoToken {
        /// Its address, secrets left out.
        url: String,
    },
    /// The registry wants credentials sent to an address they must not be sent to.
    #[error("{host} names a token server that is not safe to ask: expected an https address, got {url}")]
    UnsafeTokenServer {
        /// The registry's host.
        host: String,
        /// The token server's address, as the registry gave it.
        url: String,
    },
    /// 429, again and again.
    #[error("{host} answers no more for now: its rate limit is reached")]
    RateLimited {
        /// The host.
        host: String,
        /// What it said.
        source: Option<Cause>,
    },
    /// A status that was not expected.
    #[error("{request} was answered {status}")]
    Status {
        /// Method and address, secrets left out.
        request: String,
        /// The HTTP status.
        status: u16,
        /// What the registry said.
        source: Option<Cause>,
    },
    /// An answer that breaks the protocol.
    #[error("the answer to {request} is broken: expected {expected}")]
    Answer {
        /// Method and address, secrets left out.
        request: String,
        /// What should have been there.
        expected: &'static str,
    },
    /// An answer longer than such a document may be.
    #[error("the answer to {request} is too long: expected at most {limit} bytes")]
    TooLong {
        /// Method and address, secrets left out.
        request: String,
        /// The most bytes.
        limit: u64,
    },
    /// A redirect that is not followed.
    #[error("{request} was redirected to {target}, which is not followed: {reason}")]
    Redirect {
        /// Method and address, secrets left out.
        request: String,
        /// Where it would have gone, secrets left out.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// An address that only machines themselves ask.
    #[error("{host}{} is not asked: it is link-local, or where a cloud tells a machine its own credentials", forbidden(.address.as_ref()))]
    Forbidden {
        /// The host.
        host: String,
        /// Its address, where that is not what it is called.
        address: Option<std::net::IpAddr>,
    },
    /// A file that the settings name cannot be used.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// A file of settings or credentials is not written as such files are.
    #[error("{}:{line}:{column}: expected {expected}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 where the line as a whole is meant.
        column: usize,
        /// What should stand there.
        expected: String,
    },
    /// A file of credentials cannot be changed.
    #[error("{} cannot be changed", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// There is no folder for Docker's `config.json`.
    #[error("there is no folder to keep credentials in")]
    NoConfig,
    /// A credential helper did not do its work.
    #[error("{program} did not {task} the credentials of {server}")]
    Helper {
        /// The program.
        program: String,
        /// `keep` or `forget`.
        task: &'static str,
        /// The key of the credentials.
        server: String,
        /// What it said.
        source: Cause,
    },
    /// A file of the person's or the machine's forbids it.
    #[error("{name} is blocked by {}", file.display())]
    Blocked {
        /// The repository.
        name: String,
        /// The file.
        file: PathBuf,
    },
    /// The name of no registry.
    #[error("{0:?} is no registry: expected HOST[:PORT][/PATH]")]
    Account(String),
    /// A registry does not know a name and password that were tried.
    #[error("the name and password were refused, nothing was kept")]
    LoginRefused(#[source] Box<Refusal>),
    /// A proxy's address is none.
    #[error("the proxy given for {scheme} requests cannot be used")]
    Proxy {
        /// `http` or `https`.
        scheme: &'static str,
        /// Why.
        source: Cause,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client could be made")]
    Client {
        /// Why.
        source: Cause,
    },
    /// Not a tag.
    #[error(transparent)]
    Tag(ReferenceError),
    /// The place that the bytes come from failed while they were on their way.
    #[error(transparent)]
    Source(Box<content::Error>),
}

impl RemoteError {
    /// Returns how long whoever refused wants to be left alone.
    pub(crate) const fn after(&self) -> Option<Duration> {
        if let Self::TokenServer { after, .. } = self { *after } else { None }
    }

    /// Tells whether the host could not be asked at all, as without a network.
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Silent { .. } | Self::Dropped { .. })
    }

    /// Tells whether the registry does not let us see it. Many say so of what is not there, too.
    pub const fn is_denial(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// Tells whether the same request may work in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Dropped { .. } | Self::RateLimited { .. } => true,
            Self::Status { status, .. } | Self::TokenServer { status, .. } => reqwest::StatusCode::from_u16(*status).is_ok_and(is_passing),
            _ => false,
        }
    }
}

impl From<RemoteError> for content::Error {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Source(inner) => *inner,
            other => Self::place(other),
        }
    }
}

impl From<content::Error> for RemoteError {
    fn from(error: content::Error) -> Self {
        Self::Source(Box::new(error))
    }
}

impl Fault for RemoteError {
    fn kind(&self) -> Kind {
        match self {
            Self::Tag(_) | Self::File { .. } | Self::Proxy { .. } | Self::NoConfig | Self::Account(_) => Kind::Usage,
            Self::Source(inner) => inner.kind(),
            _ => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Unreachable { host, .. } => {
                Some(Hint::new(format!("is {host} written right, and does this machine reach it (proxy, firewall, VPN)")))
            }
            Self::AnswersHttp { host } => {
                Some(Hint::new(format!("`--plain-http={host}`; for Docker: \"insecure-registries\" in daemon.json")))
            }
            Self::Certificate { host, .. } => {
                Some(Hint::new(format!("`--ca-file FILE`, or put the CA in /etc/docker/certs.d/{host}/ca.crt")))
            }
            Self::Denied { source, .. } => Some(Hint::new(format!("run `polyarch login {}`", source.host))),
            Self::RateLimited { host, .. } => Some(Hint::new(format!("wait, or run `polyarch login {host}` for a higher limit"))),
            Self::LoginRefused(refusal) => {
                Some(Hint::new(format!("is it the password that {} takes (many want an access token instead)", refusal.host)))
            }
            Self::Damaged { path, .. } => Some(Hint::new(format!("mend {} or move it away; nothing was changed", path.display()))),
            Self::Account(_) => Some(Hint::new("a host has a dot or a port in it, or is localhost; Docker Hub is docker.io")),
            Self::Blocked { file, .. } => Some(Hint::new(format!("`blocked` stands in a [[registry]] of {}", file.display()))),
            Self::Forbidden { .. } => {
                Some(Hint::new("name a server that others may ask, too; what this machine alone may know is given by --secret"))
            }
            Self::NoConfig => Some(Hint::new("`--config DIR`, or set HOME")),
            Self::Helper { program, .. } => {
                Some(Hint::new(format!("mend {program}, or take it out of credsStore and credHelpers in docker's config.json")))
            }
            Self::Immutable { .. } => Some(Hint::new("choose another tag, or allow this one to be moved in the registry's settings")),
            Self::Source(inner) => inner.hint(),
            _ => None,
        }
    }
}

/// Returns the innermost error of a chain, with the errors inside [`std::io::Error`] looked into.
pub(crate) fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// Walks a chain of errors, outermost first.
///
/// `io::Error::source` skips the error that it wraps and gives that one's source, so a TLS error
/// inside would never be seen without this.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |outer| {
        let outer: &'a (dyn Error + 'static) = *outer;
        match outer.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => outer.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_with_what_was_asked() {
        let refusal = Refusal {
            host: "acme.azurecr.io".to_owned(),
            credentials: "credentials for acme.azurecr.io from /home/a/.docker/config.json".to_owned(),
            scope: "pull,push".to_owned(),
            said: Some("requested access to the resource is denied".to_owned()),
        };
        let error = RemoteError::Denied { place: "acme.azurecr.io/app".to_owned(), source: Box::new(refusal) };
        assert_eq!(error.to_string(), "denied");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some(
                "credentials for acme.azurecr.io from /home/a/.docker/config.json; scope asked: pull,push; acme.azurecr.io says: requested access to the resource is denied"
            )
        );
        assert_eq!(error.hint(), Some(Hint::new("run `polyarch login acme.azurecr.io`")));
    }

    #[test]
    fn looks_inside_io_errors() {
        let inner = std::io::Error::other(rustls::Error::DecryptError);
        let outer = std::io::Error::other(inner);
        assert!(chain(&outer).any(|error| error.downcast_ref::<rustls::Error>().is_some()));
        assert_eq!(innermost(&outer).to_string(), rustls::Error::DecryptError.to_string());
    }
}

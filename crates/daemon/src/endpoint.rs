//! Where an engine listens, in the words of `DOCKER_HOST`.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::DaemonError;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// Docker's ports, without and with TLS (docs.docker.com, "Configure remote access").
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// HTTP without any protection.
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// HTTPS with the certificates of a folder: `ca.pem`, and `cert.pem` with `key.pem`.
    Tls {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
        /// The folder (`DOCKER_CERT_PATH`).
        certificates: PathBuf,
    },
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::Unix(PathBuf::from(DEFAULT_SOCKET))
    }
}

impl Endpoint {
    /// Reads a value of `DOCKER_HOST`; an empty one means the usual socket. With a folder of
    /// `certificates` TCP means TLS (`DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`).
    ///
    /// # Errors
    /// Refuses what is no endpoint, and the kinds that are not spoken here.
    pub fn parse(text: &str, certificates: Option<&Path>) -> Result<Self, DaemonError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Ok(Self::default()) } else { Err(DaemonError::Endpoint { text: shown(text) }) };
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::default()),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" | "https" => Self::over_tcp(scheme, rest, certificates),
            "ssh" => Err(DaemonError::Ssh { host: host_of(rest).to_owned() }),
            _ => Err(DaemonError::Scheme { scheme: shown(scheme) }),
        }
    }

    fn over_tcp(scheme: &str, rest: &str, certificates: Option<&Path>) -> Result<Self, DaemonError> {
        let text = format!("{scheme}://{rest}");
        let wrong = || DaemonError::Endpoint { text: shown(&text) };
        // As a URL of no known scheme, or the scheme's own port would look like none.
        let url = Url::parse(&format!("tcp://{rest}")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        match certificates {
            Some(folder) => Ok(Self::Tls { host, port: url.port().unwrap_or(TLS_PORT), certificates: folder.to_owned() }),
            None if scheme == "https" => Err(DaemonError::NoCertificates { text: shown(&text) }),
            None => Ok(Self::Tcp { host, port: url.port().unwrap_or(PORT) }),
        }
    }

    /// Returns what stands before the path of a request.
    pub(crate) fn base(&self) -> String {
        match self {
            // Only a name for the Host header: the connection goes to the socket.
            Self::Unix(_) => "http://docker".to_owned(),
            Self::Tcp { host, port } => format!("http://{host}:{port}"),
            Self::Tls { host, port, .. } => format!("https://{host}:{port}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => write!(formatter, "tcp://{host}:{port}"),
        }
    }
}

/// Returns what may be repeated in an error: no user, no password.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest: String = rest.rsplit_once('@').map_or(rest, |(_, host)| host).chars().take(200).collect();
    if scheme.is_empty() { rest } else { format!("{}://{rest}", scheme.chars().take(40).collect::<String>()) }
}

fn host_of(rest: &str) -> &str {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use fault::Fault;

    use super::*;

    #[test]
    fn reads_the_words_of_docker_host() {
        for (text, shown) in [
            ("", "unix:///var/run/docker.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("tcp://engine.lan", "tcp://engine.lan:2375"),
            ("tcp://[::1]:99/", "tcp://[::1]:99"),
            ("http://engine.lan:80", "tcp://engine.lan:80"),
        ] {
            let got = Endpoint::parse(text, None).unwrap().to_string();
            assert_eq!(got, shown, "{text}");
        }
        let folder = Path::new("/certificates");
        let tls = Endpoint::parse("tcp://engine.lan", Some(folder)).unwrap();
        assert_eq!(tls, Endpoint::Tls { host: "engine.lan".to_owned(), port: 2376, certificates: folder.to_owned() });
        assert_eq!(Endpoint::parse("unix:///x", Some(folder)).unwrap(), Endpoint::Unix("/x".into()));
    }

    #[test]
    fn refuses_with_a_way_out_and_without_secrets() {
        for (text, part) in [
            ("engine.lan:2375", "expected unix:///PATH or tcp://HOST:PORT"),
            ("tcp://user:secret@engine.lan:2375", "expected unix:///PATH"),
            ("tcp://engine.lan/path", "expected unix:///PATH"),
            ("tcp://", "expected unix:///PATH"),
            ("https://engine.lan", "certificates"),
            ("ssh://user:secret@build.lan:22", "ssh"),
            ("npipe:////./pipe/docker_engine", "npipe"),
            ("fd://", "fd"),
        ] {
            let error = Endpoint::parse(text, None).unwrap_err();
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(said.contains(part) && !said.contains("secret"), "{text}: {said}");
            assert!(error.hint().is_some(), "{text}");
        }
        let error = Endpoint::parse("ssh://user@build.lan", None).unwrap_err();
        assert!(error.hint().unwrap().to_string().contains("ssh -nNL"), "{error}");
    }
}

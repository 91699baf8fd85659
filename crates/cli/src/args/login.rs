//! The words of `login` and `logout`.

use clap::Args;
use remote::Account;

/// Store a registry password where docker keeps it.
///
/// The registry is asked first, and nothing is kept that it refuses. The password goes where docker
/// would put it: to the helper program that credHelpers or credsStore name in docker's config.json, else
/// into that file. A PATH behind the host (ghcr.io/acme) makes it count for that part only, as podman
/// reads it; docker does not look at such entries.
#[derive(Args, Debug)]
pub struct Login {
    /// The registry, HOST[:PORT][/PATH] [default: Docker Hub]
    #[arg(value_name = "HOST")]
    pub account: Option<Account>,
    /// The user name [default: asked for]
    #[arg(long, short, value_name = "NAME")]
    pub username: Option<String>,
    /// The password, for everybody on this machine to see: better is --password-stdin
    #[arg(long, short, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub password: Option<String>,
    /// Read the password from the standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

/// Remove a registry password from where docker keeps it.
#[derive(Args, Debug)]
pub struct Logout {
    /// The registry, HOST[:PORT][/PATH] [default: Docker Hub]
    #[arg(value_name = "HOST", conflicts_with = "all")]
    pub account: Option<Account>,
    /// Remove every password that docker's config.json knows of
    #[arg(long, short)]
    pub all: bool,
}

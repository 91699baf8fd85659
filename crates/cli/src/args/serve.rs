//! The words of `serve`.

mod listen;
mod size;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

pub use self::listen::{Listen, ListenError};
pub use self::size::Size;

/// Offer the local store as a registry on this machine (while CMD runs).
///
/// `hello:1.0` in the store is localhost:5000/hello:1.0, and ghcr.io/acme/api:1 is
/// localhost:5000/ghcr.io/acme/api:1; what is pushed there is kept under the same names.
///
/// On this machine's own addresses everybody may read and write. An address that other machines reach
/// wants --htpasswd, or a word that says who gets in without a password: --anonymous-push, or
/// --anonymous-pull with --read-only.
///
/// Ctrl-C stops it when the requests that run are done, or CMD is; a second one stops it at once.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch serve
  polyarch serve -- docker run --rm localhost:5000/hello:1.0
  polyarch serve --listen 127.0.0.1:0 ./registry-data
  polyarch serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --htpasswd users")]
pub struct Serve {
    /// A folder to serve instead of the local store: a store, an OCI layout, or an empty folder
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// IP:PORT, or a PORT of this machine alone; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub listen: Listen,
    /// Ask for a user and password of this file, as `htpasswd -B` makes it; it is read again when it changes
    #[arg(long, value_name = "FILE", help_heading = "Who gets in")]
    pub htpasswd: Option<PathBuf>,
    /// Let everybody read without a password; with --htpasswd, or with --read-only
    #[arg(long, help_heading = "Who gets in")]
    pub anonymous_pull: bool,
    /// Let everybody read and write without a password, on any address
    #[arg(long, help_heading = "Who gets in", conflicts_with_all = ["htpasswd", "anonymous_pull"])]
    pub anonymous_push: bool,
    /// Speak HTTPS with this certificate (PEM), those of its issuers behind it
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "Who gets in")]
    pub tls_cert: Option<PathBuf>,
    /// The key of --tls-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "Who gets in")]
    pub tls_key: Option<PathBuf>,
    /// Refuse every push and every removal
    #[arg(long, help_heading = "What is taken")]
    pub read_only: bool,
    /// Refuse a larger blob: 10GB, 512MiB
    #[arg(long, value_name = "SIZE", help_heading = "What is taken")]
    pub max_upload: Option<Size>,
    /// Refuse more uploads at once
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..), help_heading = "What is taken")]
    pub max_uploads: u32,
    /// Take an index of which not every image was pushed; `store check` tells what is missing
    #[arg(long, help_heading = "What is taken")]
    pub allow_sparse: bool,
    /// Serve while this command runs, and end with its exit code; $POLYARCH_REGISTRY holds the address
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

//! The words of `serve`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Offer the local store as a registry on this machine (while CMD runs).
///
/// `hello:1.0` in the store is localhost:5000/hello:1.0, and ghcr.io/acme/api:1 is
/// localhost:5000/ghcr.io/acme/api:1; what is pushed there is kept under the same names.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  polyarch serve
  polyarch serve -- docker run --rm localhost:5000/hello:1.0
  polyarch serve --listen 127.0.0.1:0 ./registry-data")]
pub struct Serve {
    /// A folder to serve instead of the local store: a store, an OCI layout, or an empty folder
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub listen: SocketAddr,
    /// Serve while this command runs, and end with its exit code; $POLYARCH_REGISTRY holds the address
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

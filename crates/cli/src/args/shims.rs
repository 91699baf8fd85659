//! The words of `shims`.

use std::path::PathBuf;

use clap::Subcommand;

/// Let docker manifest, manifest-tool and mquery mean polyarch.
#[derive(Debug, Subcommand)]
pub enum ShimsCommand {
    /// Put links into a folder: docker-manifest, manifest-tool, mquery
    ///
    /// Scripts that find the folder first on their PATH run polyarch under these names, with the other
    /// tool's words, output and exit codes.
    Install {
        /// The folder; it is made where it is missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// A `docker` too: `docker manifest` and `docker buildx imagetools` run here, and every other word
        /// goes unchanged to the docker behind it on PATH
        #[arg(long)]
        docker: bool,
    },
    /// List the links in a folder, or on PATH, and whether they are found first
    Ls {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Remove the links from a folder
    Remove {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

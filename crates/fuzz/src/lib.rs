//! What must hold for any bytes at all: one function for each kind of input from elsewhere.
//!
//! A target takes bytes and panics where a property is broken: what is printed reads back as the
//! same, a digest is that of its bytes, nothing leads out of where it belongs. It needs no engine: the
//! inputs in `corpus/` are replayed by an ordinary test, and `cargo xtask fuzz` looks for more with
//! libFuzzer, which lives in `engine/`, outside the workspace. Nothing of the product imports this
//! room. Start at [`TARGETS`].

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod archives;
mod dockerfiles;
mod documents;
#[cfg(target_os = "linux")]
mod emulators;
mod files;
mod headers;
mod layers;
mod names;
mod paths;
mod records;
mod specs;
mod templates;

use tempfile::TempDir;
use tokio::runtime::Runtime;

/// One kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line; its inputs lie in the folder of that name in `corpus/`.
    pub name: &'static str,
    /// Panics where a property does not hold for these bytes.
    pub run: fn(&[u8]),
}

/// Every target, in the order of their names.
pub const TARGETS: &[Target] = &[
    Target { name: "account", run: files::account },
    Target { name: "archive", run: archives::images },
    Target { name: "archive-bytes", run: archives::bytes },
    Target { name: "auth-file", run: files::credentials },
    Target { name: "binary", run: layers::binary },
    Target { name: "challenge", run: headers::challenge },
    Target { name: "config", run: documents::config },
    Target { name: "dockerfile", run: dockerfiles::dockerfile },
    Target { name: "dockerignore", run: dockerfiles::dockerignore },
    #[cfg(target_os = "linux")]
    Target { name: "emulator", run: emulators::program },
    #[cfg(target_os = "linux")]
    Target { name: "emulator-version", run: emulators::version },
    #[cfg(target_os = "linux")]
    Target { name: "handler", run: emulators::handler },
    Target { name: "index", run: documents::index },
    Target { name: "layer-tar", run: layers::tar },
    Target { name: "link", run: headers::link },
    Target { name: "locator", run: names::locator },
    Target { name: "manifest", run: documents::manifest },
    Target { name: "manifest-tool-spec", run: specs::manifest_tool },
    Target { name: "page", run: paths::page },
    Target { name: "platform", run: names::platform },
    Target { name: "problem", run: headers::problem },
    Target { name: "range", run: headers::range },
    Target { name: "reference", run: names::reference },
    #[cfg(target_os = "linux")]
    Target { name: "registration", run: emulators::registration },
    Target { name: "registries-conf", run: files::registries },
    Target { name: "retry-after", run: headers::retry_after },
    Target { name: "route", run: paths::route },
    Target { name: "shown-url", run: headers::shown_url },
    Target { name: "template", run: templates::template },
];

/// Waits for what needs neither a socket nor a clock.
fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// Makes a folder in memory, where the system offers that: nothing here is to outlive a power cut.
fn memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Takes the bytes as text, where they are.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

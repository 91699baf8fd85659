//! What of other machines runs here, for the verbs that run something.

use std::env::split_paths;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use emulate::Places;
use engine::machines::{Machines, Outlook};
use oci::Platform;

use crate::args::EmulationWords;
use crate::commands::Session;

/// The kernel's list of handlers.
pub const HANDLERS: &str = "/proc/sys/fs/binfmt_misc";

/// The folder of emulators that were installed, in the local store's.
pub const INSTALLED: &str = "emulators";

/// How long a probe may take. An emulator that is asked for nothing but to end does so in a few milliseconds.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Returns what knows by what programs run here.
pub fn machines(session: &Session, words: &EmulationWords) -> Arc<Machines> {
    let outlook = Outlook {
        wish: words.binfmt,
        handlers: HANDLERS.into(),
        places: places(session, words.emulators.clone()),
        registers: session.stand.is_own,
        limit: LIMIT,
    };
    Arc::new(Machines::new(host(), outlook))
}

/// Returns where emulators are looked for.
pub fn places(session: &Session, named: Option<PathBuf>) -> Places {
    let path = session.context.variable("PATH").unwrap_or_default();
    Places { named, installed: Some(session.context.store.join(INSTALLED)), path: split_paths(&path).collect() }
}

/// What this machine runs where nobody says more: Linux, on machines that are no Windows.
pub fn host() -> Platform {
    let host = Platform::host();
    let system = if host.os == "windows" { "windows" } else { "linux" };
    Platform::new(system, &host.architecture, host.variant.as_deref()).normalized()
}

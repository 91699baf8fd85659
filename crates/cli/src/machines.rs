//! What of other machines runs here, for the verbs that run something.

use std::env::split_paths;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use emulate::{Decision, EmulatorError, Facts, Means, Obstacle, Places, Search, decide};
use engine::machines::{Machines, Outlook};
use oci::Platform;

use crate::args::EmulationWords;
use crate::commands::Session;
use crate::standing::wants_handlers;

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

/// Tells by what a build would run the programs of each platform, if it were for that one alone. Nothing is registered for it; a probe of
/// each platform is run.
///
/// # Errors
/// An emulator in the folder that was named cannot be used.
pub fn prospects(session: &Session, words: &EmulationWords, platforms: &[Platform]) -> Result<Vec<Decision>, EmulatorError> {
    let places = places(session, words.emulators.clone());
    let search = Search { handlers: HANDLERS.as_ref(), places: &places, has_private: false, limit: LIMIT };
    let mut facts = Facts::gather(platforms, &search)?;
    let can_register = matches!(session.stand.registers, Some(Ok(())));
    let prospect = |platform: &Platform| {
        // Root has handlers of its own where the machine has none.
        facts.has_private = can_register && (!sandbox::is_root() || wants_handlers(words.binfmt, &[platform]));
        let means = match decide(std::slice::from_ref(platform), &facts, words.binfmt) {
            Ok(decided) => decided.into_iter().next().map(|decision| decision.means),
            Err(problem) => problem.unmet.into_iter().next().map(|(_, obstacle)| Means::None(obstacle)),
        };
        Decision { platform: platform.clone(), means: means.unwrap_or(Means::None(Obstacle::Unknown)) }
    };
    Ok(platforms.iter().map(prospect).collect())
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

/// Says what becomes of what an emulated program starts, where nobody may follow that.
pub fn unfollowed(reason: impl Display) -> String {
    format!("what an emulated program starts does not run by the emulator, and mostly not at all: {reason}")
}

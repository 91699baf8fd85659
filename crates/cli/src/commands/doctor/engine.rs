//! Whether there is a Docker Engine that may be used: for `load` and `docker-daemon:`, and for nothing else.

use daemon::{DaemonError, Endpoint, Engine};
use fault::Failure;

use super::check::{Check, State};
use crate::commands::Session;

/// Asks the engine who it is.
pub async fn check(session: &Session) -> Check {
    let name = "docker";
    let context = &session.context;
    let host = context.docker_host.as_deref().unwrap_or_default();
    let asked = async {
        let endpoint = Endpoint::parse(host, context.docker_certificates.as_deref())?;
        Engine::connect(endpoint, session.console.events()).await
    };
    match asked.await {
        Ok(engine) => Check::ok(name, format!("Docker Engine {} at {}", engine.version(), engine.endpoint())),
        Err(problem) if is_absence(&problem) => Check::ok(name, "no engine is here, and only `load` and docker-daemon: need one"),
        Err(problem @ DaemonError::Denied { .. }) => {
            Check::limited(name, problem.to_string()).mended_by("sudo usermod -aG docker \"$(id -un)\" # then log in again")
        }
        // Nothing that is built or pushed needs it.
        Err(problem) => Check { state: State::Limited, ..Check::failed(name, &Failure::from(problem)) },
    }
}

/// Tells whether there is no socket at all.
fn is_absence(problem: &DaemonError) -> bool {
    let DaemonError::Unreachable { endpoint, .. } = problem else { return false };
    matches!(&**endpoint, Endpoint::Unix(path) if !path.exists())
}

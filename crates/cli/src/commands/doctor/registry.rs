//! Whether a registry answers, and lets us in.

use fault::Failure;

use super::check::Check;
use crate::args::Site;
use crate::commands::Session;
use crate::open::Opener;

/// Asks the registry that was named.
pub async fn check(session: &Session, site: &Site) -> Check {
    let name = "registry";
    let host = match site {
        Site::Host(host) => host.as_str(),
        Site::Repository(reference) => reference.registry(),
    };
    let opener = Opener::new(session.context.clone(), session.console.clone());
    session.console.say(format!("asking {host}"));
    let asked = async { Ok::<_, Failure>(opener.client()?.greet(host).await?) };
    match asked.await {
        Ok(greeting) => match greeting.credentials {
            Some(credentials) => Check::ok(name, format!("{host} lets us in: {credentials}")),
            None => Check::ok(name, format!("{host} lets everybody in")),
        },
        Err(failure) => Check::failed(name, &failure),
    }
}

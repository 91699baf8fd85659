//! `rm`: names go from the local store.

use fault::{Failure, Wishing};

use crate::args::Remove;
use crate::commands::{Done, Session};
use crate::open::Opener;

/// Runs the verb. All names are looked up before the first goes.
pub async fn run(session: &Session, arguments: &Remove) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    for name in &arguments.names {
        if store.named(name).await?.is_none() {
            let item = content::Item::Tag(name.target_tag().map(|tag| tag.to_string()).unwrap_or_default());
            let missing = content::Error::missing(item, format!("{} (local store)", name.familiar_name()));
            return Err(missing).wishing(|| format!("remove {}", name.familiar()));
        }
    }
    for name in &arguments.names {
        let gone = store.unname(name).await.wishing(|| format!("remove {}", name.familiar()))?;
        session.console.data(format!("{}@{}", gone.reference.familiar(), gone.descriptor.digest));
    }
    session.console.say("removed; content that no name needs goes with `polyarch store prune`");
    Ok(Done::Well)
}

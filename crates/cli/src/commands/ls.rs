//! `ls`: the images in the local store.

use fault::{Failure, Wishing};
use serde_json::json;

use crate::args::List;
use crate::commands::{Done, Session};
use crate::console::{Table, bytes};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, arguments: &List) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let mut entries = opener.store()?.list().await.wishing(|| "list the local store".to_owned())?;
    let empty = entries.is_empty();
    entries.retain(|entry| {
        // Both are names of it: hello:1.0 and docker.io/library/hello:1.0.
        let (short, full) = (entry.named.reference.familiar(), entry.named.reference.to_string());
        arguments.names.is_empty() || arguments.names.iter().any(|name| short.starts_with(name) || full.starts_with(name))
    });
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchLs": 1, "images": entries})));
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["NAME", "DIGEST", "PLATFORMS", "SIZE", "FROM", "SINCE"]);
    for entry in &entries {
        let platforms: Vec<String> = entry.platforms.iter().map(ToString::to_string).collect();
        let origin = match entry.named.origin {
            store::NameOrigin::Made => "made here",
            store::NameOrigin::Pulled => "pulled",
        };
        table.row([
            entry.named.reference.familiar(),
            entry.named.descriptor.digest.short(),
            if entry.whole { platforms.join(" ") } else { format!("{} (incomplete)", platforms.join(" ")).trim().to_owned() },
            bytes(entry.size),
            origin.to_owned(),
            entry.named.time.get(..10).unwrap_or(&entry.named.time).to_owned(),
        ]);
    }
    if empty {
        session.console.say("the local store is empty");
    } else if entries.is_empty() {
        session.console.say(format!("no name here begins with {}", arguments.names.join(" or ")));
    }
    session.console.table(&table);
    Ok(Done::Well)
}

//! `cache`: what builds remember.

use fault::{Failure, Wishing};
use serde_json::json;
use store::{CachePlan, Store};

use crate::args::{CacheCommand, CachePrune};
use crate::commands::{Done, Session};
use crate::console::{Table, bytes, counted};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, command: CacheCommand) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    match command {
        CacheCommand::Du => usage(session, store).await.wishing(|| "measure what builds remember".to_owned()),
        CacheCommand::Prune(arguments) => prune(session, store, &arguments).await.wishing(|| "tidy what builds remember".to_owned()),
    }
}

/// Tells what is on a shelf.
fn shelf(name: &str) -> &str {
    match name {
        "steps" => "layers of steps",
        "shapes" => "steps met before",
        "files" => "files of contexts",
        "paths" => "paths of bases",
        "fetched" => "fetched addresses",
        "layers" => "layers as folders",
        "caches" => "cache mounts",
        "logs" => "logs of builds",
        other => other,
    }
}

async fn usage(session: &Session, store: &Store) -> Result<Done, Failure> {
    let usage = store.cache_usage().await?;
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchCacheDu": 1, "usage": usage})));
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["WHAT", "COUNT", "SIZE"]);
    for usage in usage {
        table.row([shelf(&usage.shelf).to_owned(), usage.documents.to_string(), bytes(usage.bytes)]);
    }
    session.console.table(&table);
    Ok(Done::Well)
}

async fn prune(session: &Session, store: &Store, arguments: &CachePrune) -> Result<Done, Failure> {
    let plan = store.cache_plan(arguments.wish()).await?;
    let json = session.context.global.json;
    if !json {
        list(session, &plan);
    }
    let verb = if plan.kept == 1 { "stays" } else { "stay" };
    let why = if arguments.is_usual() && plan.kept > 0 { ", used in the last 30 days" } else { "" };
    let stay = format!("{} ({}) {verb}{why}", counted(plan.kept, "document"), bytes(plan.kept_bytes));
    if arguments.dry_run {
        if json {
            session.console.data(format!("{:#}", json!({"polyarchCachePrune": 1, "plan": plan})));
        }
        let goes = counted(plan.items.len() as u64, "document");
        session.console.say(format!("{goes} ({}) would go, {stay}; nothing was removed: this was a dry run", bytes(plan.bytes())));
        return Ok(Done::Well);
    }
    let whole = json.then(|| json!(plan));
    let pruned = store.cache_prune(plan).await?;
    if let Some(plan) = whole {
        session.console.data(format!("{:#}", json!({"polyarchCachePrune": 1, "plan": plan, "pruned": pruned})));
    }
    session.console.say(format!("removed {} ({}), {stay}", counted(pruned.removed, "document"), bytes(pruned.bytes)));
    if pruned.spared > 0 {
        let were = if pruned.spared == 1 { "was" } else { "were" };
        session.console.say(format!("{} {were} used again meanwhile", counted(pruned.spared, "document")));
    }
    Ok(Done::Well)
}

fn list(session: &Session, plan: &CachePlan) {
    let mut table = Table::new(&["WHAT", "KEY", "SIZE", "LAST USED"]);
    for item in &plan.items {
        // A log is called by its time, all else by a digest.
        let letters = if item.shelf == "logs" { usize::MAX } else { 12 };
        let key = item.path.file_stem().map(|name| name.to_string_lossy().chars().take(letters).collect());
        table.row([shelf(&item.shelf).to_owned(), key.unwrap_or_default(), bytes(item.size), item.last_used.clone()]);
    }
    session.console.table(&table);
}

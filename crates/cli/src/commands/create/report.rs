//! What `create` says: the plan, what was done, and the text for `--metadata-file`.

use index::{Outcome, Plan, Role};
use oci::Selector;
use serde_json::{Value, json};

use super::tags::Tag;
use crate::commands::Session;
use crate::console::{Table, bytes, counted};
use crate::open::Answer;

/// Writes buildx's keys, so that scripts that read its file can read this one.
pub fn metadata(plan: &Plan, tags: &[Tag]) -> String {
    let names: Vec<&str> = tags.iter().map(|tag| tag.opened.label.as_str()).collect();
    let value = json!({
        "containerimage.digest": plan.document.digest(),
        "containerimage.descriptor": plan.document.descriptor(),
        "image.name": names.join(","),
    });
    format!("{value:#}\n")
}

/// Returns a selector as messages name it.
pub fn name_of(selector: &Selector) -> String {
    match selector {
        Selector::Only => "the image".to_owned(),
        Selector::Name(name) => name.clone(),
        Selector::Digest(digest) => digest.to_string(),
    }
}

/// Shows what the index will be.
pub fn plan(session: &Session, plan: &Plan) {
    let mut table = Table::new(&["PLATFORM", "DIGEST", "SIZE", "SOURCE"]);
    for entry in &plan.entries {
        let platform = match &entry.role {
            Role::Image(platform) => platform.to_string(),
            Role::Attestation(_) => "  attestation".to_owned(),
            Role::Other => "  other".to_owned(),
        };
        table.row([platform, entry.descriptor.digest.short(), bytes(entry.descriptor.size), entry.label.clone()]);
    }
    for line in table.lines() {
        session.console.say(line);
    }
}

/// Prints the exact bytes, or the whole plan as JSON.
pub fn dry_run(session: &Session, plan: &Plan, tags: &[Tag]) {
    session.console.say("nothing was written: this was a dry run");
    if !session.context.global.json {
        session.console.document(plan.document.bytes());
        return;
    }
    let mut value =
        summary(plan, tags, |tag| if tag.current.as_ref() == Some(plan.document.digest()) { "unchanged" } else { "would move" });
    value["document"] = Value::String(String::from_utf8_lossy(plan.document.bytes()).into_owned());
    session.console.data(format!("{value:#}"));
}

/// Prints what was done; `moved` are the labels of the tags that moved.
pub fn outcome(session: &Session, plan: &Plan, tags: &[Tag], moved: &[&str], outcome: &Outcome) {
    let state = |tag: &Tag| if moved.contains(&tag.opened.label.as_str()) { "moved" } else { "unchanged" };
    let copied = outcome.copied;
    if session.context.global.json {
        let mut value = summary(plan, tags, state);
        value["copied"] = json!({"sent": copied.sent, "mounted": copied.mounted, "present": copied.present, "bytes": copied.bytes});
        session.console.data(format!("{value:#}"));
    } else {
        for tag in tags {
            session.console.data(format!("{}@{}", without_digest(&tag.opened.label), outcome.digest));
        }
    }
    if copied.sent + copied.mounted > 0 {
        let (pieces, size) = (counted(copied.sent, "piece"), bytes(copied.bytes));
        session.console.say(format!("{pieces} sent ({size}), {} mounted, {} there already", copied.mounted, copied.present));
    }
    for tag in tags {
        session.console.say(what_became_of(tag, state(tag)));
    }
    if let Some(tag) = tags.iter().find(|tag| state(tag) == "moved") {
        session.console.say(next(tag));
    }
}

fn summary(plan: &Plan, tags: &[Tag], state: impl Fn(&Tag) -> &'static str) -> Value {
    let platforms: Vec<_> = plan.platforms().map(ToString::to_string).collect();
    let names: Vec<_> = tags.iter().map(|tag| json!({"name": tag.opened.label, "state": state(tag)})).collect();
    let descriptor = plan.document.descriptor();
    json!({
        "polyarchCreate": 1,
        "digest": descriptor.digest,
        "mediaType": descriptor.media_type,
        "size": descriptor.size,
        "platforms": platforms,
        "tags": names,
    })
}

/// Cuts the digest off a name that is moved; one that is only a digest keeps it.
pub fn without_digest(label: &str) -> &str {
    label.split('@').next().unwrap_or(label)
}

/// Says what became of a name.
pub fn what_became_of(tag: &Tag, state: &str) -> String {
    let name = without_digest(&tag.opened.label);
    match (&tag.opened.answer, state) {
        (_, "unchanged") => format!("unchanged: {name} is this already, nothing was written"),
        (Answer::Store | Answer::Pulled(_), _) => format!("kept in the local store as {name}, not pushed"),
        (Answer::Registry(reference), _) => format!("pushed to {}", reference.registry()),
        (Answer::Named, _) => format!("written to {name}"),
    }
}

/// Names the word to type next.
fn next(tag: &Tag) -> String {
    let shown = match &tag.opened.selector {
        Selector::Digest(_) => &tag.opened.label,
        _ => without_digest(&tag.opened.label),
    };
    match tag.opened.answer {
        Answer::Store => format!("next: polyarch inspect {shown} | polyarch serve (a registry on this machine)"),
        _ => format!("next: polyarch inspect {shown}"),
    }
}

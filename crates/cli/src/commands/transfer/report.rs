//! What is said of images that were moved.

use content::{Copied, Followed, Placed, Tagged};
use oci::{Digest, Platform, Selector};
use serde_json::{Value, json};

use super::{Data, Job, Moved, Wanted, Word};
use crate::commands::Session;
use crate::console::{bytes, counted};
use crate::open::Answer;

/// Says one line of one image among many.
pub fn one(session: &Session, word: Word, wanted: &Wanted, job: &Job, moved: &Moved) {
    let (name, digest) = (name_of(job), moved.shipment.document().digest().short());
    session.console.say(format!("{}: {name} {digest}, {}", state(word, wanted, moved), platforms(moved)));
}

/// Prints what was done: one line of data for each image, and the rest for people.
pub fn all(session: &Session, word: Word, wanted: &Wanted, moved: &[(&Job, Moved)]) {
    let copied = moved.iter().fold(Copied::default(), |mut sum, (_, one)| {
        sum += one.copied;
        sum
    });
    if wanted.data == Data::None {
        // Standard output is somebody else's.
    } else if session.context.global.json {
        let images: Vec<Value> = moved.iter().map(|(job, one)| image(word, wanted, job, one)).collect();
        let sum = json!({"sent": copied.sent, "mounted": copied.mounted, "present": copied.present, "bytes": copied.bytes});
        session.console.data(format!("{:#}", json!({word.json: 1, "images": images, "copied": sum})));
    } else {
        for (job, one) in moved {
            session.console.data(format!("{}@{}", name_of(job), one.shipment.document().digest()));
        }
    }
    if let [(_, only)] = moved {
        session.console.say(platforms(only));
        if wanted.referrers {
            session.console.say(referrers(&only.referrers));
        }
    }
    if copied.sent + copied.mounted > 0 {
        let (pieces, size) = (counted(copied.sent, "piece"), bytes(copied.bytes));
        session.console.say(format!("{pieces} sent ({size}), {} mounted, {} there already", copied.mounted, copied.present));
    }
    if wanted.dry_run {
        session.console.say("nothing was written: this was a dry run");
        return;
    }
    match moved {
        [(job, one)] => {
            session.console.say(last_word(word, job, one));
            if wanted.data == Data::Lines {
                session.console.say(next(job));
            }
        }
        many => {
            let unchanged = many.iter().filter(|(_, one)| one.tagged == Tagged::Unchanged).count();
            session.console.say(format!("{} {}, {unchanged} unchanged", counted((many.len() - unchanged) as u64, "image"), word.did));
        }
    }
}

/// Returns what became of a referrer, as JSON has it.
pub fn followed(followed: &Followed) -> Value {
    let tags: Vec<&str> = followed.tags.iter().map(|(tag, _)| tag.as_str()).collect();
    let state = if followed.placed == Placed::Present { "unchanged" } else { "copied" };
    json!({"digest": followed.digest, "subject": followed.subject, "tags": tags, "state": state})
}

fn image(word: Word, wanted: &Wanted, job: &Job, moved: &Moved) -> Value {
    let shipment = &moved.shipment;
    let names = |platforms: &[Platform]| platforms.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut value = json!({
        "source": job.from.label,
        "sourceDigest": shipment.found.digest,
        "target": name_of(job),
        "digest": shipment.document().digest(),
        "mediaType": shipment.document().media_type(),
        "size": shipment.document().bytes().len(),
        "state": state(word, wanted, moved),
        "offered": names(&shipment.offered),
        "platforms": names(&shipment.taken),
    });
    if wanted.referrers {
        value["referrers"] = json!(moved.referrers);
    }
    value
}

fn state(word: Word, wanted: &Wanted, moved: &Moved) -> &'static str {
    match moved.tagged {
        _ if moved.shipment.is_unchanged() => "unchanged",
        _ if wanted.dry_run => "would move",
        Tagged::Moved => word.did,
        Tagged::Unchanged => "unchanged",
    }
}

/// Says which platforms went in and which came out.
fn platforms(moved: &Moved) -> String {
    let (offered, taken) = (&moved.shipment.offered, &moved.shipment.taken);
    let names = |platforms: &[Platform]| platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let left: Vec<Platform> = offered.iter().filter(|platform| !taken.contains(platform)).cloned().collect();
    match (taken.len(), left.len()) {
        (0, _) if moved.shipment.document().as_index().is_some() => "an index that names no platforms itself".to_owned(),
        (0, _) => "no platforms: it is no image".to_owned(),
        (all, 0) => format!("{}: {}", counted(all as u64, "platform"), names(taken)),
        (some, _) => format!("{some} of {}: {} (not {})", counted(offered.len() as u64, "platform"), names(taken), names(&left)),
    }
}

/// Says how many signatures and the like came along.
fn referrers(all: &[Value]) -> String {
    let sent = all.iter().filter(|one| one["state"] != "unchanged").count();
    format!("{}, {sent} of them new there", counted(all.len() as u64, "referrer"))
}

/// Returns the target without the digest that it was given.
fn name_of(job: &Job) -> &str {
    let label = &job.to.label;
    label.rsplit_once('@').filter(|(_, digest)| digest.parse::<Digest>().is_ok()).map_or(label, |(name, _)| name)
}

fn last_word(word: Word, job: &Job, moved: &Moved) -> String {
    let name = name_of(job);
    match (moved.tagged, &job.to.answer) {
        (Tagged::Unchanged, _) if moved.copied.sent + moved.copied.mounted > 0 => format!("unchanged: {name} was this already"),
        (Tagged::Unchanged, _) => format!("unchanged: {name} is this already, nothing was written"),
        (_, Answer::Store | Answer::Pulled(_)) => format!("kept in the local store as {name}"),
        (_, Answer::Registry(reference)) => format!("{} to {}", word.did, reference.registry()),
        (_, Answer::Named) => format!("written to {name}"),
    }
}

/// Names the word to type next.
fn next(job: &Job) -> String {
    match &job.to.answer {
        Answer::Store => format!("next: polyarch inspect {0} | polyarch load {0} (into Docker)", name_of(job)),
        _ => match job.to.label.strip_prefix("docker-daemon:") {
            Some(name) => format!("next: docker run --rm {name}"),
            // Without the digest it would be another image, or none.
            None if matches!(job.to.selector, Selector::Digest(_)) => format!("next: polyarch inspect {}", job.to.label),
            None => format!("next: polyarch inspect {}", name_of(job)),
        },
    }
}

//! `digest`: what a name points to.

use fault::{Failure, Wishing};
use index::{Depth, IndexError, describe};
use serde_json::json;

use crate::args::Digest;
use crate::commands::{Done, Session};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, arguments: Digest) -> Result<Done, Failure> {
    let wish = format!("find the digest of {}", arguments.name);
    digest(session, &arguments).await.wishing(|| wish)
}

async fn digest(session: &Session, arguments: &Digest) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let opened = opener.source(&arguments.name).await?;
    opener.announce(&[&opened]);
    let (digest, kind) = match &arguments.platform {
        None => {
            let descriptor = opened.place.resolve(&opened.selector).await.map_err(|error| opener.explain(&opened, error))?;
            let kind = if descriptor.media_type.is_index() { "index".to_owned() } else { "image".to_owned() };
            (descriptor.digest, kind)
        }
        Some(platform) => {
            let root = opened.place.manifest(&opened.selector).await.map_err(|error| opener.explain(&opened, error))?;
            let description = describe(&*opened.place, &opened.label, &root, Depth::Document).await?;
            let entry = description.platform(platform).ok_or_else(|| {
                let offered: Vec<&str> = description.platforms.iter().map(|entry| entry.platform.as_str()).collect();
                IndexError::Absent { platform: Box::new(platform.clone()), label: opened.label.clone(), offered: offered.join(", ") }
            })?;
            (entry.digest.clone(), format!("{} image", entry.platform))
        }
    };
    if session.context.global.json {
        session.console.data(json!({"polyarchDigest": 1, "name": opened.label, "digest": digest, "kind": kind}).to_string());
    } else {
        // Pinning one platform's digest by mistake breaks the others, so it is said which this is.
        session.console.say(format!("the digest of the {kind}"));
        session.console.data(digest.to_string());
    }
    Ok(Done::Well)
}

//! `digest`: what a name points to.

use fault::{Failure, Wishing};
use index::find_image;
use oci::{Descriptor, MediaType, Selector};
use serde_json::json;

use crate::args::Digest;
use crate::commands::{Done, Session};
use crate::open::{Opened, Opener};

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
            let kind = kind_of(&opened, &descriptor).await?.to_owned();
            (descriptor.digest, kind)
        }
        Some(platform) => {
            let root = opened.place.manifest(&opened.selector).await.map_err(|error| opener.explain(&opened, error))?;
            let entry = find_image(&*opened.place, &opened.label, &root, platform).await?;
            (entry.digest, format!("{} image", entry.platform))
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

/// Says what a digest is of. A registry is asked nothing more for it, so that of a single manifest
/// may be all that is known.
async fn kind_of(opened: &Opened, descriptor: &Descriptor) -> Result<&'static str, Failure> {
    if descriptor.media_type.is_index() {
        return Ok("index");
    }
    if opened.place.origin().is_none() {
        let manifest = opened.place.manifest(&Selector::Digest(descriptor.digest.clone())).await?;
        return Ok(if manifest.as_image().is_some_and(oci::ImageManifest::is_image) { "image" } else { "artifact" });
    }
    Ok(match (&descriptor.artifact_type, &descriptor.media_type) {
        (Some(_), _) => "artifact",
        // Only OCI's manifests are made for anything else.
        (None, MediaType::DockerManifest) => "image",
        (None, _) => "manifest",
    })
}

//! `tag`: one more name for an image in the local store.

use content::{Expected, Tagged};
use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::{Digest, Thing};
use serde_json::json;
use store::NameOrigin;

use crate::args::Tag;
use crate::commands::{Done, Session};
use crate::open::Opener;

/// `tag app:1 new:1@sha256:...` of another image.
#[derive(Debug, thiserror::Error)]
#[error("expected the image to be {expected}, got {got}")]
struct OtherDigest {
    expected: Digest,
    got: Digest,
}

impl Fault for OtherDigest {
    fn kind(&self) -> Kind {
        Kind::Answer
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("leave the digest out of the new name, or name the image by it"))
    }
}

/// Runs the verb.
pub async fn run(session: &Session, arguments: &Tag) -> Result<Done, Failure> {
    tag(session, arguments).await.wishing(|| format!("name {} {}", arguments.source.familiar(), arguments.target.familiar()))
}

async fn tag(session: &Session, arguments: &Tag) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    let place = store.repository(&arguments.source, NameOrigin::Made);
    let image = place.resolve(&arguments.source.thing().into()).await?;
    if let Some(expected) = arguments.target.digest().filter(|expected| **expected != image.digest) {
        return Err(OtherDigest { expected: expected.clone(), got: image.digest }.into());
    }
    // A digest alone is no name; the store says so.
    let target = arguments.target.target_tag().map_or_else(|| arguments.target.clone(), |tag| arguments.target.with(Thing::Tag(tag)));
    let current = store.named(&target).await?.map(|named| named.descriptor.digest);
    let expected = match (&current, &arguments.if_digest) {
        // What is this image already needs no move, whatever it was expected to be before.
        (Some(current), Some(_)) if *current == image.digest => Expected::Digest(current.clone()),
        (_, Some(expected)) => expected.0.clone(),
        (_, None) => Expected::Any,
    };
    let tagged = if arguments.dry_run {
        let tag = target.target_tag().ok_or_else(|| store::StoreError::NoTag { reference: target.familiar() })?;
        content::check_expected(&store.repository(&target, NameOrigin::Made).name(), tag.as_str(), &expected, current.as_ref())?;
        if current.as_ref() == Some(&image.digest) { Tagged::Unchanged } else { Tagged::Moved }
    } else {
        store.name(&target, &image, NameOrigin::Made, &expected).await?
    };
    let name = target.familiar();
    if session.context.global.json {
        let state = match tagged {
            Tagged::Moved if arguments.dry_run => "would move",
            Tagged::Moved => "moved",
            Tagged::Unchanged => "unchanged",
        };
        session.console.data(format!("{:#}", json!({"polyarchTag": 1, "name": name, "digest": image.digest, "state": state})));
    } else {
        session.console.data(format!("{name}@{}", image.digest));
    }
    session.console.say(match tagged {
        _ if arguments.dry_run => "nothing was written: this was a dry run".to_owned(),
        Tagged::Moved => format!("kept in the local store as {name}, not pushed"),
        Tagged::Unchanged => format!("unchanged: {name} is this already"),
    });
    Ok(Done::Well)
}

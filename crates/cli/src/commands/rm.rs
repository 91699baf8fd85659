//! `rm`: names go from the local store.

use content::Item;
use fault::{Failure, Fault, Hint, Kind, Wishing};
use oci::{Digest, Reference, Tag, Thing};
use serde_json::{Value, json};
use store::Store;

use crate::args::Remove;
use crate::commands::{Done, Session};
use crate::open::Opener;

/// A digest where a name was to be removed.
#[derive(Debug, thiserror::Error)]
enum DigestError {
    /// `rm app@sha256:...`
    #[error("expected a name with a tag, got the digest {}", digest.short())]
    NoTag {
        digest: Digest,
        /// The names of that repository that point at it.
        names: Vec<String>,
    },
    /// `rm app:1@sha256:...` of another image.
    #[error("expected {name} to be {expected}, got {got}")]
    Other { name: String, expected: Digest, got: Digest },
}

impl Fault for DigestError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoTag { .. } => Kind::Usage,
            Self::Other { .. } => Kind::Answer,
        }
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::NoTag { names, .. } if names.is_empty() => "no name there points at it; `polyarch ls` shows what is here".to_owned(),
            Self::NoTag { names, .. } => format!("these point at it: {}", names.join(", ")),
            Self::Other { name, .. } => format!("to remove it whatever it is: `polyarch rm {name}`"),
        }))
    }
}

/// Runs the verb. All names are looked up before the first goes.
pub async fn run(session: &Session, arguments: &Remove) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    let mut names: Vec<Reference> = Vec::new();
    for name in &arguments.names {
        let tag = find(store, name).await.wishing(|| format!("remove {}", name.familiar()))?;
        let name = name.with(Thing::Tag(tag));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut removed: Vec<Value> = Vec::new();
    let mut ended = Ok(Done::Well);
    for name in &names {
        match store.unname(name).await.wishing(|| format!("remove {}", name.familiar())) {
            Ok(gone) => {
                let (name, digest) = (gone.reference.familiar(), gone.descriptor.digest);
                if !session.context.global.json {
                    session.console.data(format!("{name}@{digest}"));
                }
                removed.push(json!({"name": name, "digest": digest}));
            }
            Err(failure) => {
                ended = Err(failure);
                break;
            }
        }
    }
    // What is gone is gone, whatever stopped the rest.
    if session.context.global.json {
        session.console.data(format!("{:#}", json!({"polyarchRm": 1, "removed": removed})));
    }
    if ended.is_ok() {
        session.console.say("removed; content that no name needs goes with `polyarch store prune`");
    }
    ended
}

/// Returns the tag of a name that is here, and points at the digest where one was written too.
async fn find(store: &Store, name: &Reference) -> Result<Tag, Failure> {
    let place = format!("{} (local store)", name.familiar_name());
    let Some(tag) = name.target_tag() else {
        let Thing::Digest(digest) = name.thing() else { return Err(content::Error::missing(Item::Image, place).into()) };
        let repository = name.name();
        let all = store.list().await?.into_iter().map(|entry| entry.named);
        let those = all.filter(|named| named.reference.name() == repository && named.descriptor.digest == digest);
        return Err(DigestError::NoTag { names: those.map(|named| named.reference.familiar()).collect(), digest }.into());
    };
    let Some(named) = store.named(name).await? else {
        return Err(content::Error::missing(Item::Tag(tag.to_string()), place).into());
    };
    let got = named.descriptor.digest;
    if let Some(expected) = name.digest().filter(|expected| **expected != got) {
        return Err(DigestError::Other { name: named.reference.familiar(), expected: expected.clone(), got }.into());
    }
    Ok(tag)
}

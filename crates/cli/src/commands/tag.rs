//! `tag`: one more name for an image in the local store.

use content::{Expected, Tagged};
use fault::{Failure, Wishing};
use store::NameOrigin;

use crate::args::Tag;
use crate::commands::{Done, Session};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, arguments: &Tag) -> Result<Done, Failure> {
    tag(session, arguments).await.wishing(|| format!("name {} {}", arguments.source.familiar(), arguments.target.familiar()))
}

async fn tag(session: &Session, arguments: &Tag) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let store = opener.store()?;
    let place = store.repository(&arguments.source, NameOrigin::Made);
    let image = place.resolve(&arguments.source.thing().into()).await?;
    let expected = arguments.if_digest.as_ref().map_or(Expected::Any, |expected| expected.0.clone());
    if arguments.dry_run {
        let current = store.named(&arguments.target).await?.map(|named| named.descriptor.digest);
        let name = arguments.target.target_tag().map(|tag| tag.to_string()).unwrap_or_default();
        content::check_expected(&store.repository(&arguments.target, NameOrigin::Made).name(), &name, &expected, current.as_ref())?;
        session.console.data(format!("{}@{}", arguments.target.familiar(), image.digest));
        session.console.say("nothing was written: this was a dry run");
        return Ok(Done::Well);
    }
    let tagged = store.name(&arguments.target, &image, NameOrigin::Made, &expected).await?;
    session.console.data(format!("{}@{}", arguments.target.familiar(), image.digest));
    session.console.say(match tagged {
        Tagged::Moved => format!("kept in the local store as {}, not pushed", arguments.target.familiar()),
        Tagged::Unchanged => format!("unchanged: {} is this already", arguments.target.familiar()),
    });
    Ok(Done::Well)
}

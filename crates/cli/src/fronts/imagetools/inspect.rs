//! `imagetools inspect`.

use compat::imagetools::{Evidence, ImagetoolsError, Look, look, prints_view, value, view, wants_evidence, wants_images};
use content::Limits;
use fault::Failure;
use oci::Locator;
use template::{Options, Template};

use super::{Inspect, names_of, types};
use crate::commands::{Done, Session};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, words: &Inspect) -> Result<Done, Failure> {
    if words.raw && !words.format.is_empty() {
        return Err(ImagetoolsError::FormatAndRaw.into());
    }
    // One that makes no sense is said before anybody is asked.
    let template = match words.format.as_str() {
        "" => None,
        format => Some(Template::parse_with(format, Options { json_indent: true })?),
    };
    let locator: Locator = words.name.parse().map_err(|problem| ImagetoolsError::Name(Box::new(problem)))?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let opened = opener.far_source(&locator).await?;
    let names = names_of(&opened, &locator);
    let missing = |problem| ImagetoolsError::of_place(problem, &names.whole);
    let document = opened.place.manifest(&opened.selector).await.map_err(missing)?;
    let console = &session.console;
    let Some(template) = template.filter(|_| !prints_view(&words.format)) else {
        if words.raw {
            // Nothing but the bytes, on a terminal too: they have a digest.
            console.raw(document.bytes());
        } else {
            view(&names, &document).lines().for_each(|line| console.line(line));
        }
        return Ok(Done::Well);
    };
    let evidence = if wants_evidence(&words.format) { Evidence::Read } else { Evidence::Unread };
    let seen = match wants_images(&words.format) {
        true => look(&*opened.place, &document, evidence, Limits::default()).await?,
        false => Look::default(),
    };
    let tree = value(&words.name, &document, &seen, evidence == Evidence::Read);
    let shape = types::shape(document.as_index().is_some(), seen.is_of_several());
    console.raw(template.render_shaped(&tree, shape)?.as_bytes());
    Ok(Done::Well)
}

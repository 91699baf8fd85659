//! Tags: moved, and not moved where somebody else was faster or the registry lets nobody.

use std::time::Duration;

use content::{Error, Event, Expected, Result, Source, Tagged, check_expected};
use oci::{Digest, MediaType, RawManifest, Tag, Thing};
use reqwest::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Repeat};
use crate::error::Cause;
use crate::quirks;
use crate::registry::Registry;
use crate::retry::{is_passing, retry_after};

impl Registry {
    /// Moves a tag. Where something is expected of it, it is read before and after: few registries
    /// honour the conditions that are sent along, and a race they let happen is seen at least.
    /// Where nothing is expected, it is one PUT, unless the tag was seen to be there already.
    pub(crate) async fn push_tag(&self, tag: &Tag, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let thing = Thing::Tag(tag.clone());
        let guarded = *expected != Expected::Any;
        let mut found = None;
        if guarded || self.host().known.expects(self.repository(), tag.as_str(), root.digest()) {
            found = self.pointed_at(tag).await?;
            check_expected(&self.name(), tag.as_str(), expected, found.as_ref())?;
            if found.as_ref() == Some(root.digest()) {
                return Ok(Tagged::Unchanged);
            }
        }
        let moved = |found| Error::Moved { name: tag.to_string(), place: self.name(), expected: expected.clone(), found };
        let ask = self.ask_put(&thing, root).repeating(if guarded { Repeat::Never } else { Repeat::Always });
        let answer = match expected {
            Expected::Any => Some(self.send_manifest(&ask, root).await?),
            Expected::Absent => self.send_guarded(&ask.with_header(IF_NONE_MATCH, "*"), tag, root, found.as_ref()).await?,
            Expected::Digest(digest) => {
                self.send_guarded(&ask.with_header(IF_MATCH, &format!("\"{digest}\"")), tag, root, found.as_ref()).await?
            }
        };
        if let Some(answer) = &answer {
            if !answer.status.is_success() {
                self.judge_immutable(answer, tag, root.digest(), expected).await?;
            }
            let lost = guarded && answer.status == StatusCode::PRECONDITION_FAILED;
            if !lost {
                self.stored(answer, root)?;
                self.note_put(tag.as_str(), root.digest());
            }
        }
        if guarded {
            let found = self.pointed_at(tag).await?;
            // Refused and yet ours: an answer was lost, and the next try met our own work.
            if found.as_ref() != Some(root.digest()) {
                return Err(moved(found));
            }
        }
        self.note_put(tag.as_str(), root.digest());
        if !guarded && self.host().facts.lags() {
            // Whoever comes next, in a process of its own, cannot know that there is something to wait
            // for. Should it take too long, the tag is moved all the same.
            let _ = self.pointed_at(tag).await;
        }
        let recall = &self.settings().recall;
        recall.keep_document(root.digest(), root.bytes());
        recall.keep_pointer(&self.reference(tag), root.digest());
        Ok(Tagged::Moved)
    }

    /// Puts a tag that is expected to be as it was found. Where the answer is lost, the tag is read
    /// before anything is sent again: most registries take a PUT whatever its condition says, and
    /// somebody else may have come in between. `None` where it turns out to be done.
    async fn send_guarded(&self, ask: &Ask<'_>, tag: &Tag, root: &RawManifest, found: Option<&Digest>) -> Result<Option<Answer>> {
        let patience = self.settings().patience;
        let mut failed = 0;
        loop {
            let (error, after): (RemoteError, Option<Duration>) = match self.send_manifest(ask, root).await {
                Ok(answer) if !is_passing(answer.status) => return Ok(Some(answer)),
                Ok(answer) => (answer.unexpected(), retry_after(&answer.headers, (self.settings().now)())),
                Err(error) if error.is_passing() => (error, None),
                Err(error) => return Err(error.into()),
            };
            failed += 1;
            if failed >= patience.tries {
                return Err(error.into());
            }
            let pause = patience.pause(failed, after);
            self.settings().events.tell(Event::Retry(format!("{error}; looking at the tag {tag} in {:.1} s", pause.as_secs_f64())));
            tokio::time::sleep(pause).await;
            let now = self.pointed_at(tag).await?;
            if now.as_ref() == Some(root.digest()) {
                return Ok(None);
            }
            if now.as_ref() != found {
                let expected = found.map_or(Expected::Absent, |digest| Expected::Digest(digest.clone()));
                return Err(Error::Moved { name: tag.to_string(), place: self.name(), expected, found: now });
            }
        }
    }

    pub(crate) async fn pointed_at(&self, tag: &Tag) -> Result<Option<Digest>> {
        match self.head_manifest(&Thing::Tag(tag.clone())).await {
            Ok(descriptor) => Ok(Some(descriptor.digest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Refuses to move a tag that its registry keeps where it is, before anything is sent there.
    ///
    /// A tag that points elsewhere is tried with a manifest of no bytes: no registry stores that,
    /// and one with a rule for the tag answers by the rule (Harbor does before it reads the body).
    /// Where the answer says nothing, the refusal comes at the end.
    pub(crate) async fn refuse_immutable(&self, tag: &Tag, digest: &Digest) -> Result<()> {
        let found = match self.host().known.shown(self.repository(), tag.as_str()) {
            Some(shown) => shown,
            None => self.pointed_at(tag).await?,
        };
        if found.is_none_or(|found| found == *digest) {
            return Ok(());
        }
        if self.host().known.is_fixed(self.repository(), tag.as_str()) {
            return Err(self.immutable(tag, None).into());
        }
        if self.host().known.moves(self.repository()) {
            return Ok(());
        }
        let ask = self
            .ask(Method::PUT, &format!("manifests/{tag}"))
            .with_header(CONTENT_TYPE, MediaType::OciManifest.as_str())
            .repeating(Repeat::Refused);
        match self.call(&ask).await {
            Ok(answer) if quirks::never_moves(&answer) => Err(self.immutable(tag, Some(&answer)).into()),
            _ => Ok(()),
        }
    }

    /// Tells a tag that never moves from a request that was refused for another reason: it points
    /// elsewhere, and where it was expected to.
    async fn judge_immutable(&self, answer: &Answer, tag: &Tag, digest: &Digest, expected: &Expected) -> Result<()> {
        if !quirks::never_moves(answer) {
            return Ok(());
        }
        let Some(found) = self.pointed_at(tag).await? else { return Ok(()) };
        let as_expected = check_expected(&self.name(), tag.as_str(), expected, Some(&found)).is_ok();
        if found == *digest || !as_expected { Ok(()) } else { Err(self.immutable(tag, Some(answer)).into()) }
    }

    fn immutable(&self, tag: &Tag, answer: Option<&Answer>) -> RemoteError {
        self.host().known.note_fixed(self.repository(), tag.as_str());
        RemoteError::Immutable { tag: tag.to_string(), place: self.name(), source: answer.and_then(Answer::said).map(Cause::new) }
    }
}

//! One request of a probe: whatever comes back is evidence.

use oci::Digest;
use reqwest::header::HeaderName;
use url::Url;

use super::Verdict;
use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Target};
use crate::registry::Registry;

/// What came of a request.
pub(super) struct Attempt {
    /// Method, path and status; or why there is no status.
    pub evidence: String,
    /// The answer, where the registry let us in and there was one.
    pub answer: Option<Answer>,
}

impl Registry {
    pub(super) async fn attempt(&self, ask: &Ask<'_>) -> Attempt {
        self.try_once(ask).await.unwrap_or_else(|error| Attempt { evidence: format!("{}: {error}", self.shown_ask(ask)), answer: None })
    }

    /// As [`Registry::attempt`], but a registry that is not there is an error.
    pub(super) async fn try_once(&self, ask: &Ask<'_>) -> Result<Attempt, RemoteError> {
        let request = self.shown_ask(ask);
        match self.call(ask).await {
            Ok(answer) => Ok(Attempt { evidence: format!("{request}: {}", answer.status.as_u16()), answer: Some(answer) }),
            Err(RemoteError::Denied { source, .. }) => {
                let said = source.said.map(|said| format!(" ({said})")).unwrap_or_default();
                Ok(Attempt { evidence: format!("{request}: denied{said}"), answer: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Shows a request without what all of them have in common, and without an upload's state.
    fn shown_ask(&self, ask: &Ask<'_>) -> String {
        let own = format!("/v2/{}/", self.repository());
        let path = match &ask.target {
            Target::Path(path) => path.strip_prefix(&own).unwrap_or(path).to_owned(),
            Target::Url(_) => "the upload".to_owned(),
        };
        // Digests stand for themselves between any of these.
        let mut shown = format!("{} ", ask.method);
        for part in path.split_inclusive(['/', '?', '&', '=']) {
            let word = part.trim_end_matches(['/', '?', '&', '=']);
            shown.push_str(&word.parse::<Digest>().map_or_else(|_| word.to_owned(), |digest| digest.short()));
            shown.push_str(part.get(word.len()..).unwrap_or_default());
        }
        shown
    }
}

impl Attempt {
    pub(super) fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status.as_u16())
    }

    pub(super) fn succeeded(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status.is_success())
    }

    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.answer.as_ref()?.header(&HeaderName::from_static(name))
    }

    pub(super) fn location(&self) -> Option<Url> {
        self.answer.as_ref()?.location().ok().flatten()
    }

    /// Judges a request that changes something: done, refused, or nobody knows.
    pub(super) fn verdict(&self) -> Verdict {
        match self.status() {
            Some(200..=299) => Verdict::Yes,
            // 401 and 403 never come here: they say who we are, not what the registry can.
            Some(400..=499 | 501) => Verdict::No,
            _ => Verdict::Unknown,
        }
    }

    /// Returns what the registry said, in one line.
    pub(super) fn said(&self) -> String {
        self.answer.as_ref().and_then(Answer::said).unwrap_or_default()
    }
}

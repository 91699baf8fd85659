//! The questions that leave no trace.

use content::Result;
use oci::{Digest, Tag, Thing};
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::Value;
use url::Url;

use super::{Ability, Probed, Verdict};
use crate::ask::{Ask, Target};
use crate::auth::Challenge;
use crate::registry::Registry;
use crate::wire::{content_digest, full_authority, next_page, printable};

/// A kind of artifact that nobody has, to see whether the list of referrers is filtered.
const NO_TYPE: &str = "application/vnd.polyarch.probe";

impl Registry {
    pub(super) async fn read_about(&self, image: Option<&Tag>, probed: &mut Probed) -> Result<()> {
        self.ask_root(probed).await?;
        let listed = self.ask_tags(probed).await;
        let tag = image.cloned().or(listed);
        let digest = self.ask_tag(tag.as_ref(), probed).await;
        self.ask_referrers(digest.as_ref(), probed).await;
        Ok(())
    }

    async fn ask_root(&self, probed: &mut Probed) -> Result<()> {
        let ask = Ask { target: Target::Path("/v2/".to_owned()), ..self.ask(Method::GET, "") };
        let root = self.try_once(&ask).await?;
        let (demand, credentials) = self.host().demand(self.repository()).await;
        let words = [root.header("docker-distribution-api-version"), root.header("server")];
        let words: Vec<String> = words.into_iter().flatten().map(|word| printable(word, 60)).collect();
        // A demand for credentials is an answer of this API, too.
        let verdict = Verdict::of(root.succeeded() || demand.is_some());
        probed.found(Ability::Api, verdict, words.join(", "), &root.evidence);
        let (verdict, detail) = match demand {
            None => (Verdict::No, "anonymous".to_owned()),
            Some(Challenge::Basic) => (Verdict::Yes, format!("basic; {credentials}")),
            Some(Challenge::Bearer { realm, .. }) => {
                let server = Url::parse(&realm).map_or_else(|_| "nowhere".to_owned(), |url| full_authority(&url));
                (Verdict::Yes, format!("bearer, tokens from {server}; {credentials}"))
            }
        };
        let refused = if verdict == Verdict::Yes && root.succeeded() { ", after 401" } else { "" };
        probed.found(Ability::Authentication, verdict, detail, format!("{}{refused}", root.evidence));
        Ok(())
    }

    /// Returns a tag that is there.
    async fn ask_tags(&self, probed: &mut Probed) -> Option<Tag> {
        let list = self.attempt(&self.ask(Method::GET, "tags/list?n=1")).await;
        let answer = list.answer.as_ref();
        let tree: Value = answer.and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default();
        let tags = tree.get("tags").and_then(Value::as_array).filter(|_| list.succeeded());
        let pages = answer.is_some_and(|answer| next_page(&answer.headers, &answer.url).is_some());
        let (verdict, detail) = match (tags, list.status()) {
            (Some(_), _) if pages => (Verdict::Yes, "in pages of the size that is asked for".to_owned()),
            (Some(tags), _) if tags.len() > 1 => (Verdict::Yes, "the size of a page is not heeded".to_owned()),
            (Some(_), _) => (Verdict::Yes, String::new()),
            (None, Some(404)) => (Verdict::Unknown, "the repository is not there".to_owned()),
            _ => (list.verdict(), list.said()),
        };
        probed.found(Ability::Tags, verdict, detail, &list.evidence);
        tags.into_iter().flatten().find_map(|tag| tag.as_str()?.parse().ok())
    }

    async fn ask_tag(&self, tag: Option<&Tag>, probed: &mut Probed) -> Option<Digest> {
        let abilities = [Ability::Digest, Ability::ConditionalGet, Ability::RateLimit];
        let Some(tag) = tag else {
            abilities.into_iter().for_each(|ability| probed.found(ability, Verdict::Unknown, "", "no tag to look at"));
            return None;
        };
        let thing = Thing::Tag(tag.clone());
        // Docker Hub counts GETs and not HEADs, and tells in both how many are left.
        let head = self.attempt(&self.ask_manifest(Method::HEAD, &thing)).await;
        if !head.succeeded() {
            abilities.into_iter().for_each(|ability| probed.found(ability, Verdict::Unknown, "", &head.evidence));
            return None;
        }
        let digest = head.answer.as_ref().and_then(|answer| content_digest(&answer.headers));
        probed.found(Ability::Digest, Verdict::of(digest.is_some()), "", &head.evidence);
        match &digest {
            Some(digest) => {
                let ask = self.ask_manifest(Method::HEAD, &thing).with_header(IF_NONE_MATCH, &format!("\"{digest}\""));
                let again = self.attempt(&ask).await;
                probed.found(Ability::ConditionalGet, Verdict::of(again.status() == Some(304)), "", again.evidence);
            }
            None => probed.found(Ability::ConditionalGet, Verdict::Unknown, "no digest to compare with", &head.evidence),
        }
        let limits = [head.header("ratelimit-remaining"), head.header("ratelimit-limit")].map(|text| text.and_then(limit));
        let (verdict, detail) = match limits {
            [Some((left, _)), Some((all, seconds))] => (Verdict::Yes, format!("{left} of {all} left{}", span(seconds))),
            [Some((left, seconds)), None] => (Verdict::Yes, format!("{left} left{}", span(seconds))),
            _ => (Verdict::No, "none is told".to_owned()),
        };
        probed.found(Ability::RateLimit, verdict, detail, head.evidence);
        digest
    }

    async fn ask_referrers(&self, digest: Option<&Digest>, probed: &mut Probed) {
        // A list is never 404, not even of a manifest that nobody has (distribution-spec 1.1, "Listing Referrers").
        let subject = digest.cloned().unwrap_or_else(|| Digest::of(b""));
        let list = self.attempt(&self.ask(Method::GET, &format!("referrers/{subject}?artifactType={NO_TYPE}"))).await;
        let unknown_repository = list.answer.as_ref().is_some_and(|answer| answer.has_code("NAME_UNKNOWN"));
        let is_index = || {
            let tree: Option<Value> = list.answer.as_ref().and_then(|answer| serde_json::from_slice(&answer.body).ok());
            tree.is_some_and(|tree| tree.get("manifests").is_some_and(Value::is_array))
        };
        let filtered = if list.header("oci-filters-applied").is_some() { "filtered by type" } else { "" };
        let (verdict, detail) = match list.status() {
            Some(200) if is_index() => (Verdict::Yes, filtered),
            Some(200) => (Verdict::No, "the answer is no index"),
            Some(404) if unknown_repository => (Verdict::Unknown, "the repository is not there"),
            _ => (list.verdict(), ""),
        };
        probed.found(Ability::Referrers, verdict, detail, list.evidence);
    }
}

/// Reads `76;w=21600`: a number of requests, and the seconds that it is for.
fn limit(text: &str) -> Option<(u64, Option<u64>)> {
    let mut parts = text.split(';').map(str::trim);
    let count = parts.next()?.parse().ok()?;
    Some((count, parts.find_map(|part| part.strip_prefix("w=")?.parse().ok())))
}

fn span(seconds: Option<u64>) -> String {
    match seconds {
        None => String::new(),
        Some(seconds) if seconds >= 3_600 && seconds % 3_600 == 0 => format!(", for {} h", seconds / 3_600),
        Some(seconds) => format!(", for {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{limit, span};

    #[test]
    fn docker_hub_s_limits() {
        assert_eq!(limit("76;w=21600"), Some((76, Some(21_600))));
        assert_eq!(limit("100"), Some((100, None)));
        assert_eq!([limit(""), limit("many;w=1")], [None, None]);
        assert_eq!([span(Some(21_600)), span(Some(90)), span(None)], [", for 6 h", ", for 90 s", ""]);
    }
}

//! How a registry takes blobs: in pieces, whole, from another repository, and not at all after all.

use bytes::Bytes;
use oci::{Descriptor, MediaType};
use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};
use url::Url;

use super::attempt::Attempt;
use super::writing::Writing;
use super::{Ability, Verdict};
use crate::ask::{Ask, Repeat, Target};
use crate::payload::Payload;

const BINARY: &str = "application/octet-stream";

impl Writing<'_> {
    /// Begins an upload; its address, where there is one.
    async fn open(&self) -> (Attempt, Option<Url>) {
        let opened = self.registry.attempt(&self.registry.ask(Method::POST, "blobs/uploads/")).await;
        let location = opened.location().filter(|_| opened.succeeded());
        (opened, location)
    }

    /// Sends something to an upload's address, or asks something of it.
    async fn to(&self, method: Method, location: Url, range: Option<String>, bytes: Bytes) -> Attempt {
        let ask = self.registry.ask(method, "").with_header(CONTENT_TYPE, BINARY).repeating(Repeat::Refused);
        let ask = range.iter().fold(ask, |ask, range| ask.with_header(CONTENT_RANGE, range)).with_payload(Payload::Bytes(bytes));
        self.registry.attempt(&Ask { target: Target::Url(location), ..ask }).await
    }

    async fn finish(&self, mut location: Url, blob: &Descriptor, bytes: Bytes) -> Attempt {
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        self.to(Method::PUT, location, None, bytes).await
    }

    /// Brings a blob in two pieces, or whole where that fails. `None`: it is not there.
    pub(super) async fn upload_in_pieces(&mut self, bytes: &Bytes) -> Option<Descriptor> {
        let blob = Descriptor::of(MediaType::OciConfig, bytes);
        let (opened, location) = self.open().await;
        let least = opened.header("oci-chunk-min-length").and_then(|length| length.trim().parse::<u64>().ok());
        let cap = if self.registry.host().facts.takes_pieces_only() { "; takes no large body whole" } else { "" };
        let Some(location) = location else {
            self.probed.found(Ability::ChunkedUpload, Verdict::Unknown, opened.said(), opened.evidence);
            return None;
        };
        if let Some(least) = least.filter(|least| *least > 1) {
            let detail = format!("pieces of at least {least} bytes{cap}");
            self.probed.found(Ability::ChunkedUpload, Verdict::Yes, detail, opened.evidence);
            return self.kept(blob.clone(), &self.finish(location, &blob, bytes.clone()).await);
        }
        let half = bytes.len() / 2;
        let (mut location, mut notes, mut from) = (location, Vec::new(), 0);
        for piece in [bytes.slice(..half), bytes.slice(half..)] {
            let last = from + piece.len() - 1;
            let sent = self.to(Method::PATCH, location.clone(), Some(format!("{from}-{last}")), piece).await;
            if !sent.succeeded() {
                self.probed.found(Ability::ChunkedUpload, sent.verdict(), sent.said(), sent.evidence);
                self.to(Method::DELETE, location, None, Bytes::new()).await;
                return self.upload_whole(blob.media_type, bytes).await;
            }
            if sent.status() != Some(202) {
                notes.push(format!("PATCH is answered {}", sent.status().unwrap_or_default()));
            }
            if sent.header("range").is_none_or(|range| !range.ends_with(&format!("-{last}"))) {
                notes.push("Range does not tell what was stored".to_owned());
            }
            location = sent.location().unwrap_or(location);
            from += half;
        }
        let finished = self.finish(location, &blob, Bytes::new()).await;
        notes.dedup();
        notes.sort();
        notes.dedup();
        self.probed.found(Ability::ChunkedUpload, finished.verdict(), format!("{}{cap}", notes.join(", ")), &finished.evidence);
        self.kept(blob, &finished)
    }

    /// Brings a blob by one PUT. `None`: it is not there.
    pub(super) async fn upload_whole(&mut self, media_type: MediaType, bytes: &Bytes) -> Option<Descriptor> {
        let blob = Descriptor::of(media_type, bytes);
        let (_, location) = self.open().await;
        let finished = self.finish(location?, &blob, bytes.clone()).await;
        self.kept(blob, &finished)
    }

    fn kept(&mut self, blob: Descriptor, finished: &Attempt) -> Option<Descriptor> {
        if !finished.succeeded() {
            return None;
        }
        self.blobs.push(blob.digest.clone());
        Some(blob)
    }

    pub(super) async fn call_off(&mut self) {
        let (opened, location) = self.open().await;
        let ended = match location {
            Some(location) => self.to(Method::DELETE, location, None, Bytes::new()).await,
            None => opened,
        };
        self.probed.found(Ability::CancelUpload, ended.verdict(), ended.said(), ended.evidence);
    }

    /// A repository is asked to mount from itself: that another one may be read is not ours to know.
    pub(super) async fn mount(&mut self, blob: &Descriptor) {
        let own = self.registry.repository();
        let ask = self.registry.ask(Method::POST, &format!("blobs/uploads/?mount={}&from={own}", blob.digest));
        let mounted = self.registry.attempt(&ask).await;
        let (verdict, detail) = match mounted.status() {
            Some(201) => (Verdict::Yes, "tried from the repository itself"),
            Some(202) => (Verdict::No, "an upload is opened instead"),
            _ => (mounted.verdict(), ""),
        };
        if let (Some(202), Some(location)) = (mounted.status(), mounted.location()) {
            self.to(Method::DELETE, location, None, Bytes::new()).await;
        }
        self.probed.found(Ability::Mount, verdict, detail, mounted.evidence);
    }
}

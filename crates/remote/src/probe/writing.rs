//! What a registry makes of small content under a tag of its own.

use std::time::Duration;

use bytes::Bytes;
use oci::{Descriptor, Digest, MediaType, RawManifest, Tag, Thing};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, IF_NONE_MATCH};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::attempt::Attempt;
use super::{Ability, Probed, Verdict};
use crate::payload::Payload;
use crate::registry::Registry;

/// How long what was put may stay out of sight; GHCR took seconds.
const LAG: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const NO_TYPE: &str = "application/vnd.polyarch.probe";

/// A probe that writes, and what it has to remove.
pub(super) struct Writing<'a> {
    pub registry: &'a Registry,
    pub probed: &'a mut Probed,
    pub mark: &'a Tag,
    /// Blobs that are there now.
    pub blobs: Vec<Digest>,
    /// Manifests that are there now, children before parents.
    pub manifests: Vec<Digest>,
}

impl Registry {
    pub(super) async fn write_about(&self, mark: &Tag, probed: &mut Probed) {
        let mut writing = Writing { registry: self, probed, mark, blobs: Vec::new(), manifests: Vec::new() };
        writing.all().await;
        writing.remove_all().await;
        for ability in Ability::WRITTEN {
            if probed.about(ability).is_none() {
                probed.found(ability, Verdict::Unknown, "", "not tried: what it needs was refused");
            }
        }
    }
}

impl Writing<'_> {
    async fn all(&mut self) -> Option<()> {
        // Nobody else has this content, so removing it takes nothing from anybody.
        let labels = json!({ "polyarch-probe": self.mark.as_str() });
        let config =
            json!({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []}});
        let config = self.upload_in_pieces(&Bytes::from(config.to_string())).await?;
        self.call_off().await;
        self.mount(&config).await;
        let layer = self.upload_whole(MediaType::OciLayer, &Bytes::from(self.mark.to_string())).await?;
        let image = self.image(&config, &layer, None)?;
        let put = self.put(&Thing::Digest(image.digest().clone()), &image).await;
        if !put.succeeded() {
            return None;
        }
        self.manifests.push(image.digest().clone());
        let _ = self.refer_to(&image, &config, &layer).await;
        self.indexes(&image).await
    }

    async fn put(&self, thing: &Thing, manifest: &RawManifest) -> Attempt {
        let ask = self.registry.ask(Method::PUT, &format!("manifests/{thing}")).with_header(CONTENT_TYPE, manifest.media_type().as_str());
        self.registry.attempt(&ask.with_payload(Payload::Bytes(manifest.bytes().clone()))).await
    }

    /// Puts a manifest by its digest, and says what came of it.
    async fn try_put(&mut self, ability: Ability, manifest: &RawManifest) -> bool {
        let put = self.put(&Thing::Digest(manifest.digest().clone()), manifest).await;
        self.probed.found(ability, put.verdict(), put.said(), &put.evidence);
        if put.succeeded() {
            self.manifests.push(manifest.digest().clone());
        }
        put.succeeded()
    }

    fn image(&self, config: &Descriptor, layer: &Descriptor, subject: Option<&Descriptor>) -> Option<RawManifest> {
        let mut tree = json!({"schemaVersion": 2, "mediaType": MediaType::OciManifest, "config": config, "layers": [layer]});
        if let Some(subject) = subject {
            tree["artifactType"] = NO_TYPE.into();
            tree["subject"] = json!(subject);
        }
        raw(&tree)
    }

    fn index(&self, entries: &[Value]) -> Option<RawManifest> {
        let annotations = json!({"polyarch-probe": self.mark.as_str()});
        raw(&json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex, "manifests": entries, "annotations": annotations}))
    }

    /// Puts a manifest that refers to another one, and looks for it in the list.
    async fn refer_to(&mut self, image: &RawManifest, config: &Descriptor, layer: &Descriptor) -> Option<()> {
        let referrer = self.image(config, layer, Some(&image.descriptor()))?;
        let put = self.put(&Thing::Digest(referrer.digest().clone()), &referrer).await;
        if !put.succeeded() {
            self.probed.found(Ability::Subject, put.verdict(), put.said(), put.evidence);
            return None;
        }
        self.manifests.push(referrer.digest().clone());
        // The header alone is no proof: ECR sent it without having a list (sigstore/sigstore-js#1183).
        let announced = if put.header("oci-subject").is_some() { "announced by OCI-Subject" } else { "not announced by OCI-Subject" };
        let list = self.registry.attempt(&self.registry.ask(Method::GET, &format!("referrers/{}", image.digest()))).await;
        let tree: Value = list.answer.as_ref().and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default();
        let entries = tree.get("manifests").and_then(Value::as_array).filter(|_| list.succeeded());
        let listed = entries.map(|entries| entries.iter().any(|entry| entry["digest"] == referrer.digest().to_string()));
        let verdict = listed.map_or_else(|| list.verdict(), Verdict::of);
        self.probed.found(Ability::Subject, verdict, announced, list.evidence);
        Some(())
    }

    async fn indexes(&mut self, image: &RawManifest) -> Option<()> {
        let mut entry = json!(image.descriptor());
        entry["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let index = self.index(std::slice::from_ref(&entry))?;
        if !self.try_put(Ability::Index, &index).await {
            return None;
        }
        let nested = self.index(&[json!(index.descriptor())])?;
        self.try_put(Ability::NestedIndex, &nested).await;
        let mut absent = entry.clone();
        absent["digest"] = json!(Digest::of(format!("{} is not there", self.mark).as_bytes()));
        let sparse = self.index(&[entry, absent])?;
        self.try_put(Ability::SparseIndex, &sparse).await;
        self.tags(&index, image).await
    }

    async fn tags(&mut self, index: &RawManifest, image: &RawManifest) -> Option<()> {
        let tag = Thing::Tag(self.mark.clone());
        if !self.put(&tag, index).await.succeeded() {
            return None;
        }
        self.look_back(&tag).await;
        let ask = self.registry.ask(Method::PUT, &format!("manifests/{tag}")).with_header(CONTENT_TYPE, index.media_type().as_str());
        let ask = ask.with_header(IF_NONE_MATCH, "*").with_payload(Payload::Bytes(index.bytes().clone()));
        let again = self.registry.attempt(&ask).await;
        let verdict = match again.status() {
            Some(412) => Verdict::Yes,
            Some(200..=299) => Verdict::No,
            _ => Verdict::Unknown,
        };
        self.probed.found(Ability::ConditionalPut, verdict, "If-None-Match: *", again.evidence);
        let moved = self.put(&tag, image).await;
        self.probed.found(Ability::MovableTag, moved.verdict(), moved.said(), moved.evidence);
        Some(())
    }

    /// Waits until a tag that was put is there.
    async fn look_back(&mut self, tag: &Thing) {
        let start = Instant::now();
        loop {
            let look = self.registry.attempt(&self.registry.ask_manifest(Method::GET, tag)).await;
            let waited = start.elapsed();
            let (verdict, detail) = match look.status() {
                Some(404) if waited < LAG => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
                Some(200) if waited < LOOK_AGAIN => (Verdict::Yes, "at once".to_owned()),
                Some(200) => (Verdict::No, format!("after {:.1} s", waited.as_secs_f64())),
                Some(404) => (Verdict::No, format!("not within {} s", LAG.as_secs())),
                _ => (Verdict::Unknown, look.said()),
            };
            self.probed.found(Ability::ReadAfterWrite, verdict, detail, look.evidence);
            return;
        }
    }
}

/// Reads a document that we have written ourselves.
fn raw(tree: &Value) -> Option<RawManifest> {
    RawManifest::parse(tree.to_string().into(), None).ok()
}

//! Who refers to a manifest: asked of the registry, or kept in a tag where it has no such list.

use bytes::Bytes;
use content::{Error, Item, Result, Source};
use fault::Hint;
use oci::{Descriptor, Digest, MediaType, RawManifest, Tag, Thing};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::registry::Registry;

impl Registry {
    /// Lists the referrers by the API, else by the tag that stands in for it (distribution-spec 1.1,
    /// "Listing Referrers"). Only the answer to the question counts as a sign that the API is there:
    /// ECR announced it in a header without having it (sigstore/sigstore-js#1183).
    pub(crate) async fn fetch_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let Some(pages) = self.referrers_by_api(subject).await? else {
            // cosign's own tags carry a suffix; one without an index is somebody else's.
            let manifest = self.fallback(subject).await?;
            return Ok(manifest.and_then(|manifest| manifest.as_index().map(|index| index.manifests.clone())).unwrap_or_default());
        };
        let mut found = Vec::new();
        for page in &pages {
            found.extend(self.entries(&page.body, subject)?);
        }
        Ok(found)
    }

    /// Enters a manifest that was just put into the list of what it refers to, where the registry
    /// does not do so itself (distribution-spec 1.1, "Pushing Manifests with Subject").
    pub(crate) async fn announce(&self, manifest: &RawManifest) -> Result<()> {
        let Some(subject) = manifest.subject().map(|subject| &subject.digest) else { return Ok(()) };
        if self.referrers_by_api(subject).await?.is_some() {
            return Ok(());
        }
        // The list is read, changed and written; the specification has no way to do that safely
        // between processes, but within this one there is.
        let _turn = self.host().referrers_turn().lock().await;
        let current = self.fallback(subject).await?;
        let listed = current
            .as_ref()
            .and_then(RawManifest::as_index)
            .is_some_and(|index| index.manifests.iter().any(|entry| entry.digest == *manifest.digest()));
        if listed {
            return Ok(());
        }
        let tag = fallback_tag(subject)?;
        let mut tree = match &current {
            Some(current) if current.as_index().is_some() => current.tree(),
            // Somebody's image: the specification wants it reported and left alone.
            Some(_) => {
                let cannot = format!("lists what refers to a manifest in the tag {tag}, which holds an image already");
                let hint = Some(Hint::new(format!("remove the tag {tag}, if nobody needs it")));
                return Err(Error::Unsupported { place: self.name(), cannot, hint });
            }
            None => json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex, "manifests": [] }),
        };
        match tree.get_mut("manifests") {
            Some(Value::Array(entries)) => entries.push(json!(manifest.as_referrer())),
            _ => tree["manifests"] = json!([manifest.as_referrer()]),
        }
        let broken = |problem| Error::Document { item: Item::Tag(tag.to_string()), place: self.name(), problem };
        let index = RawManifest::parse(tree.to_string().into(), None).map_err(broken)?;
        self.put(&Thing::Tag(tag.clone()), &index).await
    }

    /// Asks the API; `None` where the registry has none.
    async fn referrers_by_api(&self, subject: &Digest) -> Result<Option<Vec<Answer>>> {
        match self.pages(&format!("referrers/{subject}")).await? {
            Ok(pages) => Ok(Some(pages)),
            Err(answer) if matches!(answer.status.as_u16(), 404 | 405 | 501) => Ok(None),
            Err(answer) => Err(answer.unexpected().into()),
        }
    }

    async fn fallback(&self, subject: &Digest) -> Result<Option<RawManifest>> {
        match self.fetch_manifest(&Thing::Tag(fallback_tag(subject)?)).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn entries(&self, body: &Bytes, subject: &Digest) -> Result<Vec<Descriptor>> {
        let broken = |problem| Error::Document { item: Item::Manifest(subject.clone()), place: self.name(), problem };
        let manifest = RawManifest::parse(body.clone(), None).map_err(broken)?;
        Ok(manifest.as_index().map(|index| index.manifests.clone()).unwrap_or_default())
    }
}

/// The tag that lists the referrers of a manifest; at most 128 characters, so a sha512 is cut
/// (distribution-spec 1.1, "Referrers Tag Schema").
fn fallback_tag(subject: &Digest) -> Result<Tag, crate::RemoteError> {
    let text = format!("{}-{}", subject.algorithm().name(), subject.hex().get(..64).unwrap_or(subject.hex()));
    text.parse().map_err(crate::RemoteError::Tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oci::Algorithm;

    #[test]
    fn a_long_digest_is_cut_to_fit_a_tag() {
        assert_eq!(fallback_tag(&Digest::of(b"")).unwrap().as_str(), format!("sha256-{}", Digest::of(b"").hex()));
        assert_eq!(fallback_tag(&Digest::with(Algorithm::Sha512, b"")).unwrap().as_str().len(), 7 + 64);
    }
}

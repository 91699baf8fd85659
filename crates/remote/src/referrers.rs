//! Who refers to a manifest: asked of the registry, or kept in a tag where it has no such list.

mod lists;

pub(crate) use lists::Lists;

use bytes::Bytes;
use content::{Error, Item, Result, Source};
use fault::Hint;
use oci::{Descriptor, Digest, MediaType, RawManifest, Tag, Thing};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::quirks;
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
        let has_api = match self.host().lists.has_api(self.repository()) {
            Some(known) => known,
            None => self.referrers_by_api(subject).await?.is_some(),
        };
        if has_api {
            return Ok(());
        }
        let list = self.host().lists.about(self.repository(), subject);
        list.enter(manifest.as_referrer());
        // The list is read, changed and written; the specification has no way to do that safely
        // between processes, but within this one there is.
        let _turn = list.turn.lock().await;
        if list.is_written(manifest.digest()) {
            return Ok(());
        }
        let entries = list.all();
        self.write_list(subject, &entries).await?;
        list.written(&entries);
        Ok(())
    }

    /// Adds entries to the tag that lists the referrers, as far as they are not in it.
    async fn write_list(&self, subject: &Digest, entries: &[Descriptor]) -> Result<()> {
        let tag = fallback_tag(subject)?;
        let current = self.fallback(subject).await?;
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
        if !merge(&mut tree, entries) {
            return Ok(());
        }
        let broken = |problem| Error::Document { item: Item::Tag(tag.to_string()), place: self.name(), problem };
        let index = RawManifest::parse(tree.to_string().into(), None).map_err(broken)?;
        self.put(&Thing::Tag(tag.clone()), &index).await
    }

    /// Asks the API; `None` where the registry has none.
    async fn referrers_by_api(&self, subject: &Digest) -> Result<Option<Vec<Answer>>> {
        let lists = &self.host().lists;
        if lists.has_api(self.repository()) == Some(false) {
            return Ok(None);
        }
        match self.pages(&format!("referrers/{subject}")).await? {
            Ok(pages) => {
                lists.note_api(self.repository(), true);
                Ok(Some(pages))
            }
            Err(answer) if quirks::lacks_referrers(answer.status) => {
                // Of a repository that is not there yet this says nothing.
                if !answer.has_code("NAME_UNKNOWN") {
                    lists.note_api(self.repository(), false);
                }
                Ok(None)
            }
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

/// Adds to a list what is not in it, and to its entries what they lack: some writers leave out the
/// annotations by which readers choose (sigstore/cosign#4641). Tells whether anything was added.
fn merge(tree: &mut Value, entries: &[Descriptor]) -> bool {
    if !tree["manifests"].is_array() {
        tree["manifests"] = json!([]);
    }
    let Some(listed) = tree["manifests"].as_array_mut() else { return false };
    let mut added = false;
    for entry in entries {
        let digest = entry.digest.to_string();
        let known = listed.iter_mut().find(|other| other.get("digest").and_then(Value::as_str) == Some(&digest));
        let Some(Value::Object(known)) = known else {
            listed.push(json!(entry));
            added = true;
            continue;
        };
        let Value::Object(whole) = json!(entry) else { continue };
        for (key, value) in whole {
            if known.get(&key).is_none_or(Value::is_null) {
                known.insert(key, value);
                added = true;
            }
        }
    }
    added
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
    fn an_entry_gets_what_it_lacks_and_keeps_what_it_has() {
        let mut entry = Descriptor::of(MediaType::OciManifest, b"signature");
        let mut tree = json!({ "schemaVersion": 2, "manifests": [
            { "mediaType": entry.media_type, "digest": entry.digest, "size": entry.size, "x": 1, "artifactType": "a/kept" },
        ]});
        entry.artifact_type = Some("a/b".to_owned());
        entry.annotations.insert("key".to_owned(), "value".to_owned());
        let other = Descriptor::of(MediaType::OciManifest, b"other");
        assert!(merge(&mut tree, &[entry.clone(), other.clone()]));
        let listed = &tree["manifests"];
        assert_eq!((&listed[0]["artifactType"], &listed[0]["x"]), (&json!("a/kept"), &json!(1)));
        assert_eq!((&listed[0]["annotations"], &listed[1]), (&json!({ "key": "value" }), &json!(other)));
        assert!(!merge(&mut tree, &[entry, other]), "a second time there is nothing to add");
        let mut null = json!({ "schemaVersion": 2, "manifests": null });
        assert!(merge(&mut null, &[Descriptor::of(MediaType::OciManifest, b"signature")]), "Go writes null for an empty list");
    }

    #[test]
    fn a_long_digest_is_cut_to_fit_a_tag() {
        assert_eq!(fallback_tag(&Digest::of(b"")).unwrap().as_str(), format!("sha256-{}", Digest::of(b"").hex()));
        assert_eq!(fallback_tag(&Digest::with(Algorithm::Sha512, b"")).unwrap().as_str().len(), 7 + 64);
    }
}

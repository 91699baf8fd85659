//! Manifests of a repository: reading, writing, removing.

use bytes::Bytes;
use content::{Error, Item, Placed, Result, Source};
use fault::Hint;
use oci::{Algorithm, Descriptor, Digest, MediaType, RawManifest, Tag, Thing};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};

use crate::answer::Answer;
use crate::ask::{Ask, Repeat, Target};
use crate::auth::{Action, Scopes};
use crate::payload::Payload;
use crate::quirks;
use crate::registry::{Registry, item_of};
use crate::wire::content_digest;

impl Registry {
    /// Reads a manifest by one GET, or by none where a digest names what is remembered.
    pub(crate) async fn fetch_manifest(&self, thing: &Thing) -> Result<RawManifest> {
        let remembered = match thing {
            Thing::Digest(digest) => match self.remembered(digest) {
                Some(manifest) => return Ok(manifest),
                None => None,
            },
            Thing::Tag(tag) => self.settings().recall.pointed_at(&self.reference(tag)).and_then(|digest| self.remembered(&digest)),
        };
        let mut looked = 0;
        loop {
            let read = self.read_manifest(thing, remembered.as_ref()).await;
            let seen = match &read {
                Ok(manifest) => Some(manifest.digest()),
                Err(error) if error.is_missing() => None,
                Err(_) => return read,
            };
            if !self.looks_again(&thing.to_string(), seen, &mut looked).await {
                return read;
            }
        }
    }

    async fn read_manifest(&self, thing: &Thing, remembered: Option<&RawManifest>) -> Result<RawManifest> {
        if quirks::counts_reads(&self.host().name)
            && let Thing::Tag(tag) = thing
        {
            return self.read_by_digest(tag).await;
        }
        let ask = self.ask_manifest(Method::GET, thing);
        let Some(manifest) = remembered else { return self.received(thing, &self.call(&ask).await?) };
        let ask = ask.with_header(IF_NONE_MATCH, &format!("\"{}\"", manifest.digest()));
        let answer = self.call(&ask).await?;
        if answer.status == StatusCode::NOT_MODIFIED { Ok(manifest.clone()) } else { self.received(thing, &answer) }
    }

    /// Reads a tag by a HEAD, which costs nothing of a quota, and its manifest only where it is not
    /// remembered.
    async fn read_by_digest(&self, tag: &Tag) -> Result<RawManifest> {
        let thing = Thing::Tag(tag.clone());
        let answer = self.call(&self.ask_manifest(Method::HEAD, &thing)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(&answer, item_of(&thing)));
        }
        let Some(digest) = content_digest(&answer.headers) else {
            return self.received(&thing, &self.call(&self.ask_manifest(Method::GET, &thing)).await?);
        };
        let manifest = match self.remembered(&digest) {
            Some(manifest) => manifest,
            None => {
                let thing = Thing::Digest(digest);
                self.received(&thing, &self.call(&self.ask_manifest(Method::GET, &thing)).await?)?
            }
        };
        self.settings().recall.keep_pointer(&self.reference(tag), manifest.digest());
        Ok(manifest)
    }

    /// Returns a remembered manifest, if its bytes are still the ones that the digest names.
    fn remembered(&self, digest: &Digest) -> Option<RawManifest> {
        let bytes = self.settings().recall.document(digest)?;
        if Digest::with(digest.algorithm(), &bytes) != *digest {
            return None;
        }
        RawManifest::parse_with(digest.algorithm(), bytes, None).ok()
    }

    /// Checks the bytes that a registry sent, and remembers them.
    fn received(&self, thing: &Thing, answer: &Answer) -> Result<RawManifest> {
        if answer.status != StatusCode::OK {
            return Err(self.refused(answer, item_of(thing)));
        }
        let bytes: &Bytes = &answer.body;
        let asked = if let Thing::Digest(digest) = thing { Some(digest.clone()) } else { None };
        let named = content_digest(&answer.headers);
        // As the answer to HEAD: a tag's digest is the one that the registry names, if it fits.
        let algorithm = asked.as_ref().or(named.as_ref()).map_or(Algorithm::Sha256, Digest::algorithm);
        for expected in asked.into_iter().chain(named) {
            let got = Digest::with(expected.algorithm(), bytes);
            if got != expected {
                return Err(Error::WrongDigest { item: Item::Manifest(expected), place: self.name(), got });
            }
        }
        let announced = answer.header(&CONTENT_TYPE).map(MediaType::from);
        let parsed = RawManifest::parse_with(algorithm, bytes.clone(), announced.as_ref());
        let manifest = parsed.map_err(|problem| Error::Document { item: item_of(thing), place: self.name(), problem })?;
        let recall = &self.settings().recall;
        recall.keep_document(manifest.digest(), bytes);
        if let Thing::Tag(tag) = thing {
            recall.keep_pointer(&self.reference(tag), manifest.digest());
        }
        Ok(manifest)
    }

    /// Finds what a tag or digest names by one HEAD. Registries that leave out what a descriptor
    /// needs, or that do not know HEAD, are asked for the whole.
    pub(crate) async fn head_manifest(&self, thing: &Thing) -> Result<Descriptor> {
        let mut looked = 0;
        loop {
            let read = self.head_once(thing).await;
            let seen = match &read {
                Ok(descriptor) => Some(&descriptor.digest),
                Err(error) if error.is_missing() => None,
                Err(_) => return read,
            };
            if !self.looks_again(&thing.to_string(), seen, &mut looked).await {
                return read;
            }
        }
    }

    async fn head_once(&self, thing: &Thing) -> Result<Descriptor> {
        let answer = self.call(&self.ask_manifest(Method::HEAD, thing)).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => return Ok(self.read_manifest(thing, None).await?.descriptor()),
            _ => return Err(self.refused(&answer, item_of(thing))),
        }
        let named = content_digest(&answer.headers);
        let digest = match thing {
            Thing::Digest(digest) => {
                if let Some(got) = named.filter(|named| named.algorithm() == digest.algorithm() && named != digest) {
                    return Err(Error::WrongDigest { item: Item::Manifest(digest.clone()), place: self.name(), got });
                }
                Some(digest.clone())
            }
            Thing::Tag(_) => named,
        };
        let size = answer.header(&CONTENT_LENGTH).and_then(|length| length.trim().parse().ok()).filter(|size| *size > 0);
        let media_type = answer.header(&CONTENT_TYPE).map(MediaType::from).filter(|media| media.is_index() || media.is_manifest());
        match (digest, size, media_type) {
            (Some(digest), Some(size), Some(media_type)) => Ok(Descriptor::new(media_type, digest, size)),
            _ => Ok(self.read_manifest(thing, None).await?.descriptor()),
        }
    }

    /// Stores a manifest under its digest by one PUT; one that this process has put before is
    /// looked for first.
    pub(crate) async fn push_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let thing = Thing::Digest(manifest.digest().clone());
        let known = self.host().known.expects(self.repository(), &thing.to_string(), manifest.digest());
        if known && self.has(&manifest.descriptor()).await? {
            return Ok(Placed::Present);
        }
        self.put(&thing, manifest).await?;
        if let Err(error) = self.announce(manifest).await {
            // The next try must not take it for done.
            self.host().known.forget(self.repository(), &thing.to_string());
            return Err(error);
        }
        Ok(Placed::Sent)
    }

    /// Puts a manifest under a tag or its digest, whatever is there.
    pub(crate) async fn put(&self, thing: &Thing, manifest: &RawManifest) -> Result<()> {
        let answer = self.send_manifest(&self.ask_put(thing, manifest), manifest).await?;
        self.stored(&answer, manifest)?;
        self.note_put(&thing.to_string(), manifest.digest());
        Ok(())
    }

    pub(crate) fn ask_put(&self, thing: &Thing, manifest: &RawManifest) -> Ask<'_> {
        self.ask(Method::PUT, &format!("manifests/{thing}"))
            .with_header(CONTENT_TYPE, manifest.media_type().as_str())
            .with_payload(Payload::Bytes(manifest.bytes().clone()))
    }

    /// Checks that a registry took the bytes as they are (distribution-spec#333: it must).
    pub(crate) fn stored(&self, answer: &Answer, manifest: &RawManifest) -> Result<()> {
        if !answer.status.is_success() {
            return Err(self.refused(answer, Item::Repository));
        }
        let digest = manifest.digest();
        match content_digest(&answer.headers) {
            Some(got) if got.algorithm() == digest.algorithm() && got != *digest => {
                Err(Error::WrongDigest { item: Item::Manifest(digest.clone()), place: self.name(), got })
            }
            _ => Ok(()),
        }
    }

    /// Removes a tag, or a manifest with all its tags.
    pub(crate) async fn delete(&self, thing: &Thing) -> Result<()> {
        let target = Target::Path(format!("/v2/{}/manifests/{thing}", self.repository()));
        let scopes = Scopes::of(self.repository(), Action::Delete);
        // Repeated only where nothing was done: a second DELETE finds nothing and would say so.
        let answer = self.call(&Ask::new(Method::DELETE, target, self.repository(), scopes).repeating(Repeat::Refused)).await?;
        self.host().known.forget_all(self.repository());
        match (answer.status, thing) {
            (status, _) if status.is_success() => {
                if let Thing::Digest(digest) = thing {
                    self.host().lists.forget(self.repository(), digest);
                }
                Ok(())
            }
            (status, Thing::Tag(tag)) if quirks::removes_no_tags(status) => {
                let (place, cannot) = (self.name(), format!("does not remove single tags, as {tag}"));
                let hint = match self.pointed_at(tag).await? {
                    Some(digest) => Hint::new(format!("remove {place}@{digest}, with every tag it has")),
                    None => return Err(Error::missing(Item::Tag(tag.to_string()), place)),
                };
                Err(Error::Unsupported { place, cannot, hint: Some(hint) })
            }
            (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, Thing::Digest(_)) => {
                let hint = Hint::new("allow deletes in the registry's settings (distribution: REGISTRY_STORAGE_DELETE_ENABLED=true)");
                Err(Error::Unsupported { place: self.name(), cannot: "does not remove anything".to_owned(), hint: Some(hint) })
            }
            _ => Err(self.refused(&answer, item_of(thing))),
        }
    }
}

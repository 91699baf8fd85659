//! Manifests and tags of a repository: reading, writing, moving, removing.

use bytes::Bytes;
use content::{Error, Expected, Item, Placed, Result, Source, Tagged, check_expected};
use fault::Hint;
use oci::{Algorithm, Descriptor, Digest, MediaType, RawManifest, Tag, Thing};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};

use crate::answer::Answer;
use crate::ask::{Ask, Repeat, Target};
use crate::auth::{Action, Scopes};
use crate::payload::Payload;
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
        let ask = self.ask_manifest(Method::GET, thing);
        let Some(manifest) = remembered else { return self.received(thing, &self.call(&ask).await?) };
        let ask = ask.with_header(IF_NONE_MATCH, &format!("\"{}\"", manifest.digest()));
        let answer = self.call(&ask).await?;
        if answer.status == StatusCode::NOT_MODIFIED { Ok(manifest) } else { self.received(thing, &answer) }
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
        let answer = self.call(&self.ask_manifest(Method::HEAD, thing)).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => return Ok(self.fetch_manifest(thing).await?.descriptor()),
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
            _ => Ok(self.fetch_manifest(thing).await?.descriptor()),
        }
    }

    /// Stores a manifest under its digest by one PUT; one that this process has put before is
    /// looked for first.
    pub(crate) async fn push_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        let thing = Thing::Digest(manifest.digest().clone());
        let known = self.host().known.expects(self.repository(), &thing, manifest.digest());
        if known && self.has(&manifest.descriptor()).await? {
            return Ok(Placed::Present);
        }
        self.put(&thing, manifest).await?;
        if let Err(error) = self.announce(manifest).await {
            // The next try must not take it for done.
            self.host().known.forget(self.repository(), &thing);
            return Err(error);
        }
        Ok(Placed::Sent)
    }

    /// Puts a manifest under a tag or its digest, whatever is there.
    pub(crate) async fn put(&self, thing: &Thing, manifest: &RawManifest) -> Result<()> {
        let answer = self.call(&self.ask_put(thing, manifest)).await?;
        self.stored(&answer, manifest)?;
        self.host().known.note(self.repository(), thing, manifest.digest());
        Ok(())
    }

    fn ask_put(&self, thing: &Thing, manifest: &RawManifest) -> Ask<'_> {
        self.ask(Method::PUT, &format!("manifests/{thing}"))
            .with_header(CONTENT_TYPE, manifest.media_type().as_str())
            .with_payload(Payload::Bytes(manifest.bytes().clone()))
    }

    /// Checks that a registry took the bytes as they are (distribution-spec#333: it must).
    fn stored(&self, answer: &Answer, manifest: &RawManifest) -> Result<()> {
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

    /// Moves a tag. Where something is expected of it, it is read before and after: few registries
    /// honour the conditions that are sent along, and a race they let happen is seen at least.
    /// Where nothing is expected, it is one PUT, unless the tag was seen to be there already.
    pub(crate) async fn push_tag(&self, tag: &Tag, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        let thing = Thing::Tag(tag.clone());
        let guarded = *expected != Expected::Any;
        if guarded || self.host().known.expects(self.repository(), &thing, root.digest()) {
            let found = self.pointed_at(tag).await?;
            check_expected(&self.name(), tag.as_str(), expected, found.as_ref())?;
            if found.as_ref() == Some(root.digest()) {
                return Ok(Tagged::Unchanged);
            }
        }
        let ask = self.ask_put(&thing, root);
        let ask = match expected {
            Expected::Any => ask,
            Expected::Absent => ask.with_header(IF_NONE_MATCH, "*"),
            Expected::Digest(digest) => ask.with_header(IF_MATCH, &format!("\"{digest}\"")),
        };
        let answer = self.call(&ask).await?;
        let refused = guarded && answer.status == StatusCode::PRECONDITION_FAILED;
        if !refused {
            self.stored(&answer, root)?;
        }
        if guarded {
            let found = self.pointed_at(tag).await?;
            // Refused and yet ours: the first answer was lost, and the second try met our own work.
            if found.as_ref() != Some(root.digest()) {
                return Err(Error::Moved { name: tag.to_string(), place: self.name(), expected: expected.clone(), found });
            }
        }
        self.host().known.note(self.repository(), &thing, root.digest());
        let recall = &self.settings().recall;
        recall.keep_document(root.digest(), root.bytes());
        recall.keep_pointer(&self.reference(tag), root.digest());
        Ok(Tagged::Moved)
    }

    async fn pointed_at(&self, tag: &Tag) -> Result<Option<Digest>> {
        match self.head_manifest(&Thing::Tag(tag.clone())).await {
            Ok(descriptor) => Ok(Some(descriptor.digest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a tag, or a manifest with all its tags.
    pub(crate) async fn delete(&self, thing: &Thing) -> Result<()> {
        let target = Target::Path(format!("/v2/{}/manifests/{thing}", self.repository()));
        let scopes = Scopes::of(self.repository(), Action::Delete);
        // Repeated only where nothing was done: a second DELETE finds nothing and would say so.
        let answer = self.call(&Ask::new(Method::DELETE, target, self.repository(), scopes).repeating(Repeat::Refused)).await?;
        match (answer.status, thing) {
            (status, _) if status.is_success() => {
                if let Thing::Digest(digest) = thing {
                    self.host().lists.forget(self.repository(), digest);
                }
                Ok(())
            }
            // distribution 2 takes digests only, and says 400 to a tag.
            (StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, Thing::Tag(tag)) => {
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

//! One repository of one registry, as a place.

use std::sync::Arc;

use async_trait::async_trait;
use content::{Abilities, BlobReader, Error, Expected, Item, Origin, Place, Placed, Result, Sink, Source, Tagged};
use oci::{Descriptor, Digest, RawManifest, Selector, Tag, Thing};
use reqwest::{Method, StatusCode};

use crate::answer::Answer;
use crate::ask::{Ask, Target};
use crate::auth::Scopes;
use crate::client::Intent;
use crate::host::Host;
use crate::wire::accept_manifests;
use crate::{RemoteError, Settings};
use reqwest::header::ACCEPT;

/// One repository of one registry. Clones share everything, the host with all its repositories.
#[derive(Clone)]
pub struct Registry {
    host: Arc<Host>,
    repository: Arc<str>,
    intent: Intent,
}

impl Registry {
    pub(crate) fn new(host: Arc<Host>, repository: &str, intent: Intent) -> Self {
        Self { host, repository: repository.into(), intent }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.host.shared.settings
    }

    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Begins a request; `path` is what stands behind the repository's name.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let target = Target::Path(format!("/v2/{}/{path}", self.repository));
        Ask::new(method, target, &self.repository, Scopes::of(&self.repository, self.intent.action()))
    }

    /// Begins a request about a manifest.
    pub(crate) fn ask_manifest(&self, method: Method, thing: &Thing) -> Ask<'_> {
        self.ask(method, &format!("manifests/{thing}")).with_header(ACCEPT, &accept_manifests())
    }

    pub(crate) async fn call(&self, ask: &Ask<'_>) -> Result<Answer, RemoteError> {
        self.host.call(ask).await
    }

    /// Makes the error for an answer that is not the one hoped for: 404 says that something is not
    /// there, which the registry may know better than we do.
    pub(crate) fn refused(&self, answer: &Answer, item: Item) -> Error {
        if answer.status != StatusCode::NOT_FOUND {
            return answer.unexpected().into();
        }
        let item = if answer.has_code("NAME_UNKNOWN") { Item::Repository } else { item };
        Error::missing(item, self.name())
    }

    /// Returns the full reference of a tag, as the memory keeps it.
    pub(crate) fn reference(&self, tag: &Tag) -> String {
        format!("{}:{tag}", self.name())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Registry").field("name", &self.name()).field("intent", &self.intent).finish_non_exhaustive()
    }
}

/// Reads a selector as registries know things. The only image of a repository is its `latest`.
pub(crate) fn thing_of(selector: &Selector) -> Result<Thing, RemoteError> {
    match selector {
        Selector::Only => Ok(Thing::Tag(Tag::latest())),
        Selector::Name(name) => name.parse().map(Thing::Tag).map_err(RemoteError::Tag),
        Selector::Digest(digest) => Ok(Thing::Digest(digest.clone())),
    }
}

/// Says what was looked for.
pub(crate) fn item_of(thing: &Thing) -> Item {
    match thing {
        Thing::Tag(tag) => Item::Tag(tag.to_string()),
        Thing::Digest(digest) => Item::Manifest(digest.clone()),
    }
}

#[async_trait]
impl Source for Registry {
    fn name(&self) -> String {
        if self.repository.is_empty() { self.host.name.clone() } else { format!("{}/{}", self.host.name, self.repository) }
    }

    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        self.head_manifest(&thing_of(selector)?).await
    }

    async fn manifest(&self, selector: &Selector) -> Result<RawManifest> {
        self.fetch_manifest(&thing_of(selector)?).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<BlobReader> {
        self.fetch_blob(blob).await
    }

    async fn has(&self, child: &Descriptor) -> Result<bool> {
        let ask = if child.media_type.is_index() || child.media_type.is_manifest() {
            self.ask_manifest(Method::HEAD, &Thing::Digest(child.digest.clone()))
        } else {
            self.ask(Method::HEAD, &format!("blobs/{}", child.digest))
        };
        let answer = self.settled(&child.digest, &ask).await?;
        match answer.status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.unexpected().into()),
        }
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.fetch_referrers(subject).await
    }

    async fn tags(&self) -> Result<Vec<String>> {
        self.fetch_tags().await
    }

    fn origin(&self) -> Option<Origin> {
        Some(Origin { registry: self.host.name.clone(), repository: self.repository.to_string() })
    }
}

#[async_trait]
impl Sink for Registry {
    async fn put_blob(&self, blob: &Descriptor, from: &dyn Source) -> Result<Placed> {
        self.push_blob(blob, from).await
    }

    async fn put_manifest(&self, manifest: &RawManifest) -> Result<Placed> {
        self.push_manifest(manifest).await
    }

    async fn tag(&self, name: &Selector, root: &RawManifest, expected: &Expected) -> Result<Tagged> {
        match thing_of(name)? {
            Thing::Digest(_) => Ok(Tagged::Unchanged),
            Thing::Tag(tag) => self.push_tag(&tag, root, expected).await,
        }
    }

    async fn check_movable(&self, name: &Selector, digest: &Digest) -> Result<()> {
        match thing_of(name)? {
            Thing::Digest(_) => Ok(()),
            Thing::Tag(tag) => self.refuse_immutable(&tag, digest).await,
        }
    }

    async fn remove(&self, selector: &Selector) -> Result<()> {
        self.delete(&thing_of(selector)?).await
    }
}

impl Place for Registry {
    fn abilities(&self) -> Abilities {
        // Few registries honour If-Match; nobody knows which before a race is lost.
        Abilities { exact: true, indexes: true, compare_and_swap: false, remove: true, referrers: true }
    }

    fn names_bring(&self) -> bool {
        true
    }

    fn width(&self) -> usize {
        4
    }
}

//! Lists that come in pages, the tags of a repository first.

use std::collections::BTreeSet;

use content::{Error, Item, Result, Source};
use reqwest::{Method, StatusCode};

use crate::answer::Answer;
use crate::ask::{Ask, Target};
use crate::auth::Scopes;
use crate::listing::Kind;
use crate::registry::Registry;
use crate::wire::{next_page, same_origin};

/// The most pages of a list; registries send 100 to 1,000 entries on each.
const MAX_PAGES: u64 = 1_000;
/// The most bytes of all pages together: some 500,000 tags of usual length.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// A list on its way, page by page.
pub(crate) struct Pages {
    registry: Registry,
    /// What is listed, as messages name it.
    what: String,
    scopes: Scopes,
    next: Option<Target>,
    count: u64,
    bytes: u64,
}

impl Pages {
    /// Begins a list; `path` is absolute. Nothing is sent yet.
    pub(crate) fn new(registry: Registry, path: &str, scopes: Scopes) -> Self {
        let what = path.split('?').next().unwrap_or(path).to_owned();
        Self { registry, what, scopes, next: Some(Target::Path(path.to_owned())), count: 0, bytes: 0 }
    }

    /// Reads the next page; the inner error is an answer that is no list, and the end of it.
    pub(crate) async fn next(&mut self) -> Result<Option<Result<Answer, Answer>>> {
        let Some(target) = self.next.take() else { return Ok(None) };
        for (what, limit, reached) in [("pages", MAX_PAGES, self.count), ("bytes", MAX_LIST, self.bytes)] {
            if reached >= limit {
                let what = format!("{what} of {} in {}", self.what, self.registry.name());
                return Err(Error::Limit { what, limit, got: limit + 1 });
            }
        }
        let answer = self.registry.call(&Ask::new(Method::GET, target, self.registry.repository(), self.scopes.clone()).listing()).await?;
        if answer.status != StatusCode::OK {
            return Ok(Some(Err(answer)));
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(answer.body.len() as u64);
        if let Some(next) = next_page(&answer.headers, &answer.url) {
            if !same_origin(&next, &answer.url) || next == answer.url {
                return Err(answer.broken("a next page at the same host").into());
            }
            self.next = Some(Target::Url(next));
        }
        Ok(Some(Ok(answer)))
    }
}

impl Registry {
    /// Lists the tags, sorted. A repository that does not exist says so: that is how a name written
    /// wrong is found.
    pub(crate) async fn fetch_tags(&self) -> Result<Vec<String>> {
        let (mut listing, mut tags) = (self.list_tags(), BTreeSet::new());
        loop {
            match listing.next().await {
                Ok(Some(page)) => tags.extend(page.names),
                Ok(None) => break,
                Err(error) => {
                    if matches!(error, Error::Missing { item: Item::Repository, .. }) {
                        self.host().known.note_absent(self.repository());
                    }
                    return Err(error);
                }
            }
        }
        Ok(tags.into_iter().collect())
    }

    /// Reads a list whole; the inner error is an answer that is no list.
    pub(crate) async fn pages(&self, path: &str) -> Result<Result<Vec<Answer>, Answer>> {
        let mut pages = self.begin(path);
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            match page {
                Ok(page) => all.push(page),
                Err(answer) => return Ok(Err(answer)),
            }
        }
        Ok(Ok(all))
    }

    /// Begins a list; `path` is what stands behind the repository's name.
    pub(crate) fn begin(&self, path: &str) -> Pages {
        let ask = self.ask(Method::GET, path);
        Pages::new(self.clone(), &format!("/v2/{}/{path}", self.repository()), ask.scopes)
    }

    /// Makes the error for an answer that is no list of this kind.
    pub(crate) fn unlisted(&self, answer: &Answer, kind: Kind) -> Error {
        match (kind, answer.status.as_u16()) {
            (Kind::Tags, _) => self.refused(answer, Item::Repository),
            (Kind::Repositories, 404 | 405 | 501) => kind.unsupported(self),
            (Kind::Repositories, _) => answer.unexpected().into(),
        }
    }
}

//! Lists that come in pages, the tags of a repository first.

use std::collections::BTreeSet;

use content::{Error, Item, Result, Source};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::answer::Answer;
use crate::ask::Target;
use crate::registry::Registry;
use crate::wire::{next_page, same_origin};

/// The most pages of a list; registries send 100 to 1,000 entries on each.
const MAX_PAGES: u64 = 1_000;
/// The most bytes of all pages together: some 500,000 tags.
const MAX_LIST: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct TagList {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// Lists the tags, sorted. A repository that does not exist says so: that is how a name written
    /// wrong is found.
    pub(crate) async fn fetch_tags(&self) -> Result<Vec<String>> {
        let pages = self.pages("tags/list").await?.map_err(|answer| self.refused(&answer, Item::Repository))?;
        let mut tags = BTreeSet::new();
        for page in pages {
            let list: TagList = serde_json::from_slice(&page.body).map_err(|_| page.broken("a list of tags"))?;
            tags.extend(list.tags.unwrap_or_default());
        }
        Ok(tags.into_iter().collect())
    }

    /// Reads a list page by page; the inner error is an answer that is no list.
    pub(crate) async fn pages(&self, path: &str) -> Result<Result<Vec<Answer>, Answer>> {
        let mut pages: Vec<Answer> = Vec::new();
        let mut bytes = 0_u64;
        let mut ask = self.ask(Method::GET, path);
        let too_long = |what: &str, limit| Error::Limit { what: format!("{what} of {path} in {}", self.name()), limit, got: limit + 1 };
        loop {
            let answer = self.call(&ask).await?;
            if answer.status != StatusCode::OK {
                return Ok(Err(answer));
            }
            bytes = bytes.saturating_add(answer.body.len() as u64);
            let (next, last) = (next_page(&answer.headers, &answer.url), answer.url.clone());
            let broken = answer.broken("a next page at the same host");
            pages.push(answer);
            let Some(next) = next else { return Ok(Ok(pages)) };
            if !same_origin(&next, &last) || next == last {
                return Err(broken.into());
            }
            if pages.len() as u64 >= MAX_PAGES {
                return Err(too_long("pages", MAX_PAGES));
            }
            if bytes >= MAX_LIST {
                return Err(too_long("bytes", MAX_LIST));
            }
            ask.target = Target::Url(next);
        }
    }
}

//! Names of tags and of repositories, page by page, each checked: a registry may say anything.

use content::{Error, Result, Source};
use fault::Hint;
use oci::{Reference, Tag};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::auth::Scopes;
use crate::registry::Registry;
use crate::tags::Pages;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tags,
    Repositories,
}

/// How many names a page is asked to have: as many as distribution 3 allows, and ECR.
const SIZE: &str = "?n=1000";

/// A list of names, read page by page.
pub struct Listing {
    registry: Registry,
    kind: Kind,
    pages: Pages,
    /// The first page was not asked for yet.
    fresh: bool,
}

/// One page of a list, sorted by bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Names that can be used.
    pub names: Vec<String>,
    /// What can be no such name. It may hold anything.
    pub refused: Vec<String>,
}

#[derive(Deserialize)]
struct Names {
    tags: Option<Vec<String>>,
    repositories: Option<Vec<String>>,
}

impl Registry {
    /// Begins a list of the tags; sends nothing yet.
    pub fn list_tags(&self) -> Listing {
        Listing::new(self.clone(), Kind::Tags)
    }
}

impl Listing {
    fn new(registry: Registry, kind: Kind) -> Self {
        let pages = kind.begin(&registry, SIZE);
        Self { registry, kind, pages, fresh: true }
    }

    /// Begins a list of what a registry has; the registry's own repository plays no part.
    pub(crate) fn of_repositories(registry: Registry) -> Self {
        Self::new(registry, Kind::Repositories)
    }

    /// Reads the next page, until there is none.
    ///
    /// # Errors
    /// Where the registry gives no list, or one without end.
    pub async fn next(&mut self) -> Result<Option<Page>> {
        let mut page = self.pages.next().await?;
        if std::mem::take(&mut self.fresh)
            && let Some(Err(answer)) = &page
            && answer.status == StatusCode::BAD_REQUEST
        {
            // PAGINATION_NUMBER_INVALID: this registry's pages are smaller.
            self.pages = self.kind.begin(&self.registry, "");
            page = self.pages.next().await?;
        }
        let answer = match page {
            None => return Ok(None),
            Some(Err(answer)) => return Err(self.registry.unlisted(&answer, self.kind)),
            Some(Ok(answer)) => answer,
        };
        let names: Names = serde_json::from_slice(&answer.body).map_err(|_| answer.broken(self.kind.expected()))?;
        let names = match self.kind {
            Kind::Tags => names.tags,
            Kind::Repositories => names.repositories,
        };
        let (mut names, refused): (Vec<_>, _) = names.unwrap_or_default().into_iter().partition(|name| self.kind.may_be(name));
        // The specification wants this order; distribution 2 sends a repository's tags as its disk has them.
        names.sort_unstable();
        Ok(Some(Page { names, refused }))
    }
}

impl Kind {
    fn begin(self, registry: &Registry, size: &str) -> Pages {
        match self {
            Self::Tags => registry.begin(&format!("tags/list{size}")),
            Self::Repositories => Pages::new(registry.clone(), &format!("/v2/_catalog{size}"), Scopes::catalogue()),
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Tags => "a list of tags",
            Self::Repositories => "a list of repositories",
        }
    }

    fn may_be(self, name: &str) -> bool {
        match self {
            Self::Tags => name.parse::<Tag>().is_ok(),
            // With a host before it the whole name is a path, and nothing of it a tag.
            Self::Repositories => format!("localhost/{name}").parse::<Reference>().is_ok_and(|reference| reference.repository() == name),
        }
    }

    pub(crate) fn unsupported(self, registry: &Registry) -> Error {
        let place = registry.name();
        let hint = Some(Hint::new(format!("name a repository: `polyarch registry ls {place}/REPOSITORY`")));
        Error::Unsupported { place, cannot: "does not tell which repositories it has".to_owned(), hint }
    }
}

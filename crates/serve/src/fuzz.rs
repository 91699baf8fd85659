//! A door for the room `fuzz` to the parsers of what clients send, which stay private.
//!
//! No part of what this room offers: `cargo xtask tidy` refuses whoever else comes in here.

use std::ops::Range;

use crate::query::{self, Query};
use crate::range::{self, Wanted};
use crate::routes::{self, Route};

/// Reads a path and writes what it asks for as the path that everybody would write for it, with the
/// name of the repository.
pub fn route(path: &str) -> Option<(String, Option<String>)> {
    let (name, rest) = match routes::parse(path).ok()? {
        Route::Root => return Some(("/v2/".to_owned(), None)),
        Route::Catalog => return Some(("/v2/_catalog".to_owned(), None)),
        Route::Tags(name) => (name, "tags/list".to_owned()),
        Route::Manifest(name, thing) => (name, format!("manifests/{thing}")),
        Route::Blob(name, digest) => (name, format!("blobs/{digest}")),
        Route::Uploads(name) => (name, "blobs/uploads/".to_owned()),
        Route::Upload(name, id) => (name, format!("blobs/uploads/{}", query::encode(&id))),
        Route::Referrers(name, digest) => (name, format!("referrers/{digest}")),
    };
    Some((format!("/v2/{name}/{rest}"), Some(name.to_string())))
}

/// Reads `Range` against a blob's size: `None` for the whole blob, an empty range for nothing of it.
pub fn wanted(header: &str, size: u64) -> Option<Range<u64>> {
    match range::wanted(Some(header), size) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => Some(0..0),
    }
}

/// Reads the `Content-Range` of a chunk.
pub fn sent(header: &str) -> Option<Range<u64>> {
    range::sent(header)
}

/// Cuts a page out of a list, as the query asks, and returns the `Link` to the next one with it.
pub fn page(path: &str, query: &str, entries: Vec<String>) -> Option<(Vec<String>, Option<String>)> {
    let page = query::page(path, &Query::parse(Some(query)), entries).ok()?;
    Some((page.entries, page.link))
}

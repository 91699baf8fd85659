//! What a client is told when its request is not done (distribution-spec 1.1, "Error Codes").
//!
//! The words name repositories, tags and digests, never a path of this machine: what only its owner
//! may read goes into the access log beside the request.

use std::error::Error as _;
use std::io;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use content::{Error, Item};
use fault::Failure;
use oci::Digest;
use serde_json::{Value, json};

use crate::routes::{Repository, RouteError};

/// The code of one finding; clients decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    /// Not in the specification, which knows no conditional writes.
    PreconditionFailed,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    /// Returns the word on the wire and the status that goes with it.
    const fn wire(self) -> (&'static str, StatusCode) {
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", StatusCode::NOT_FOUND),
            Self::BlobUploadInvalid => ("BLOB_UPLOAD_INVALID", StatusCode::BAD_REQUEST),
            Self::BlobUploadUnknown => ("BLOB_UPLOAD_UNKNOWN", StatusCode::NOT_FOUND),
            Self::DigestInvalid => ("DIGEST_INVALID", StatusCode::BAD_REQUEST),
            Self::ManifestBlobUnknown => ("MANIFEST_BLOB_UNKNOWN", StatusCode::BAD_REQUEST),
            Self::ManifestInvalid => ("MANIFEST_INVALID", StatusCode::BAD_REQUEST),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", StatusCode::NOT_FOUND),
            Self::NameInvalid => ("NAME_INVALID", StatusCode::BAD_REQUEST),
            Self::NameUnknown => ("NAME_UNKNOWN", StatusCode::NOT_FOUND),
            Self::PaginationNumberInvalid => ("PAGINATION_NUMBER_INVALID", StatusCode::BAD_REQUEST),
            Self::PreconditionFailed => ("PRECONDITION_FAILED", StatusCode::PRECONDITION_FAILED),
            Self::RangeInvalid => ("RANGE_INVALID", StatusCode::RANGE_NOT_SATISFIABLE),
            Self::SizeInvalid => ("SIZE_INVALID", StatusCode::BAD_REQUEST),
            Self::TagInvalid => ("TAG_INVALID", StatusCode::BAD_REQUEST),
            Self::TooManyRequests => ("TOOMANYREQUESTS", StatusCode::TOO_MANY_REQUESTS),
            Self::Unauthorized => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED),
            Self::Unknown => ("UNKNOWN", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unsupported => ("UNSUPPORTED", StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

/// A request that is not done, with every finding. The box keeps results small.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    findings: Vec<Value>,
    headers: HeaderMap,
    problem: Option<String>,
}

impl Refusal {
    /// Refuses with one finding and the status of its code.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::detailed(code, message, Value::Null)
    }

    /// Refuses with one finding that carries data for programs.
    pub(crate) fn detailed(code: Code, message: impl Into<String>, detail: Value) -> Self {
        let (_, status) = code.wire();
        let refusal = Self(Box::new(Inner { status, findings: Vec::new(), headers: HeaderMap::new(), problem: None }));
        refusal.and(code, message, detail)
    }

    /// Adds a finding; the status stays that of the first.
    pub(crate) fn and(mut self, code: Code, message: impl Into<String>, detail: Value) -> Self {
        let (word, _) = code.wire();
        let message: String = message.into();
        self.0.findings.push(json!({ "code": word, "message": message, "detail": detail }));
        self
    }

    /// Answers with another status than the code's usual one.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Adds a header; a value that no header can hold is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// Adds what only the owner of this machine may read.
    pub(crate) fn problem(mut self, problem: impl Into<String>) -> Self {
        self.0.problem = Some(problem.into());
        self
    }

    /// Takes it apart: status, headers, body, and the problem for the log.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, Value, Option<String>) {
        (self.0.status, self.0.headers, json!({ "errors": self.0.findings }), self.0.problem)
    }

    /// Refuses because of what the library said about `repository`.
    pub(crate) fn of(repository: &Repository, error: Error) -> Self {
        match error {
            Error::Missing { item, .. } => Self::missing(repository, &item),
            Error::Moved { name, expected, found, .. } => Self::moved(repository, &name, &expected.to_string(), found.as_ref()),
            Error::Unsupported { cannot, .. } => Self::new(Code::Unsupported, format!("{repository} {cannot}")),
            Error::Limit { what, limit, got } => {
                Self::new(Code::SizeInvalid, format!("{what}: expected at most {limit}, got {got}")).status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            error @ (Error::WrongDigest { .. } | Error::WrongSize { .. } | Error::Document { .. } | Error::Config { .. }) => {
                Self::new(Code::Unknown, format!("content of {repository} is damaged in this registry")).problem(chain(error))
            }
            error @ (Error::Several { .. } | Error::Place(_)) => Self::failed(error),
        }
    }

    /// Refuses because the library failed, for reasons that are not the client's business.
    pub(crate) fn failed(error: Error) -> Self {
        let full = is_storage_full(&error);
        let refusal = if full {
            Self::new(Code::Unknown, "this registry has no space left").status(StatusCode::INSUFFICIENT_STORAGE)
        } else {
            Self::new(Code::Unknown, "this registry cannot read or write its content")
        };
        refusal.problem(chain(error))
    }

    fn missing(repository: &Repository, item: &Item) -> Self {
        match item {
            Item::Blob(digest) => Self::blob_unknown(repository, digest),
            Item::Repository => Self::name_unknown(repository),
            item @ (Item::Tag(_) | Item::Manifest(_) | Item::Image) => {
                Self::new(Code::ManifestUnknown, format!("no {item} in {repository}"))
            }
        }
    }

    /// Refuses a write whose tag is not what its writer counted on.
    pub(crate) fn moved(repository: &Repository, tag: &str, expected: &str, found: Option<&Digest>) -> Self {
        let found = found.map_or_else(|| "no such tag".to_owned(), ToString::to_string);
        let detail = json!({ "tag": tag, "expected": expected, "found": found });
        Self::detailed(Code::PreconditionFailed, format!("{repository}:{tag} moved: expected {expected}, found {found}"), detail)
    }

    /// Refuses to show a blob that is not here.
    pub(crate) fn blob_unknown(repository: &Repository, digest: &Digest) -> Self {
        Self::detailed(Code::BlobUnknown, format!("no blob {digest} in {repository}"), json!({ "digest": digest.to_string() }))
    }

    /// Refuses to show a repository that is not here.
    pub(crate) fn name_unknown(repository: &Repository) -> Self {
        Self::detailed(Code::NameUnknown, format!("no repository {repository}"), json!({ "name": repository.as_str() }))
    }

    /// Refuses to go on with an upload that is not here, or not any more.
    pub(crate) fn upload_unknown(repository: &Repository) -> Self {
        Self::new(Code::BlobUploadUnknown, format!("no such upload in {repository}: it was finished, given up, or never begun"))
    }
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        let message = error.to_string();
        match error {
            RouteError::Nothing => Self::new(Code::Unsupported, message).status(StatusCode::NOT_FOUND),
            RouteError::Name(_) => Self::new(Code::NameInvalid, message),
            RouteError::Digest(_) => Self::new(Code::DigestInvalid, message),
            RouteError::Tag(_) => Self::new(Code::TagInvalid, message),
        }
    }
}

/// Tells by type, never by words, whether the system's "no space left" is behind an error.
fn is_storage_full(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        let full = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if cause.downcast_ref::<io::Error>().is_some_and(full) {
            return true;
        }
        next = cause.source();
    }
    false
}

fn chain(error: Error) -> String {
    let failure = Failure::from(error);
    std::iter::once(failure.to_string()).chain(failure.causes()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use content::Expected;
    use fault::{Fault, Kind};

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write /home/someone/store/blobs/x")]
    struct Disk(#[source] io::Error);
    impl Fault for Disk {
        fn kind(&self) -> Kind {
            Kind::Place
        }
    }

    fn told(error: Error) -> (u16, String, Option<String>) {
        let repository: Repository = "hello".parse().unwrap();
        let (status, _, body, problem) = Refusal::of(&repository, error).into_parts();
        (status.as_u16(), body.to_string(), problem)
    }

    #[test]
    fn errors_become_statuses_by_their_type() {
        let digest = Digest::of(b"");
        let place = "/home/someone/store";
        for (error, status, code) in [
            (Error::missing(Item::Tag("1".to_owned()), place), 404, "MANIFEST_UNKNOWN"),
            (Error::missing(Item::Blob(digest.clone()), place), 404, "BLOB_UNKNOWN"),
            (Error::missing(Item::Repository, place), 404, "NAME_UNKNOWN"),
            (
                Error::Moved { name: "1".to_owned(), place: place.to_owned(), expected: Expected::Absent, found: Some(digest.clone()) },
                412,
                "PRECONDITION_FAILED",
            ),
            (Error::Unsupported { place: place.to_owned(), cannot: "never forgets".to_owned(), hint: None }, 405, "UNSUPPORTED"),
            (Error::WrongSize { item: Item::Blob(digest), place: place.to_owned(), expected: 1, got: 2 }, 500, "damaged"),
            (Error::place(Disk(io::Error::other("x"))), 500, "UNKNOWN"),
            (Error::place(Disk(io::ErrorKind::StorageFull.into())), 507, "no space left"),
        ] {
            let (got, body, _) = told(error);
            assert_eq!(got, status, "{body}");
            assert!(body.contains(code), "{body}");
            assert!(!body.contains("/home"), "a path leaked: {body}");
        }
    }

    #[test]
    fn the_owner_reads_the_whole_chain() {
        let (_, _, problem) = told(Error::place(Disk(io::Error::other("the cable is out"))));
        assert_eq!(problem.unwrap(), "cannot write /home/someone/store/blobs/x: the cable is out");
    }
}

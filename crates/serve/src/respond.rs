//! Answers, and the headers that every one of them has.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oci::Digest;
use serde_json::Value;

use crate::access::Problem;
use crate::refusal::Refusal;
use crate::routes::Repository;

/// Says that a registry of the second version answers; Docker looks for it.
pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
/// The digest of what is sent, or of what was received.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The id of an upload.
pub(crate) const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Says that the subject of a manifest was understood (distribution-spec 1.1, "Pushing Manifests with Subject").
pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// Names one tag that was moved together with a manifest (distribution-spec, end-7b).
pub(crate) const TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Names the filters that were used on a list of referrers.
pub(crate) const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An answer without a body that gets its headers one by one.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An answer of JSON.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    with(response, header::CONTENT_TYPE, "application/json")
}

/// Adds a header. All values are digests, numbers and checked names; one that no header can hold is
/// left out.
pub(crate) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Says where content is and what its digest is: the answer to everything that was stored.
pub(crate) fn created(repository: &Repository, kind: &str, digest: &Digest) -> Response {
    let response = with(empty(StatusCode::CREATED), header::LOCATION, &format!("/v2/{repository}/{kind}/{digest}"));
    with(response, CONTENT_DIGEST, &digest.to_string())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, headers, body, problem) = self.into_parts();
        let mut response = json(status, &body);
        response.headers_mut().extend(headers);
        if let Some(problem) = problem {
            response.extensions_mut().insert(Problem(problem));
        }
        response
    }
}

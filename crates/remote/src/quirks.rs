//! How registries differ from the specification: every decision of this room that is there because
//! somebody was seen to behave so, with who it was and where it was reported.
//!
//! Decided by status and code, never by the words of a message. What stands here was looked up in
//! November 2026; a registry may behave since, and nothing here harms one that does. Three more
//! rules have no constant: the scope that a challenge proposes is ignored, as GHCR's is a
//! placeholder (cloudflare/serverless-registry#148); the offset of an upload is our own count; and
//! only the answer to a question about referrers tells whether the API is there, as ECR announced
//! it in `OCI-Subject` without having it (sigstore/sigstore-js#1183, 2024).

use oci::DOCKER_HUB;
use reqwest::StatusCode;

use crate::answer::Answer;

/// The size of a piece, in bytes: GHCR takes no more than 4 MiB at once, and says 416
/// (wasmCloud/wash-archive#268, 2022; ocx-sh/ocx#237, 2026).
pub(crate) const PIECE: usize = 4 * 1024 * 1024;

/// Where Docker Hub answers (distribution/reference names it `docker.io`).
pub(crate) const HUB_ADDRESS: &str = "registry-1.docker.io";

/// Tells whether a host counts manifests that are read by GET and lets HEAD pass: Docker Hub, whose
/// quota for anonymous readers is small (docs.docker.com, "Usage and limits"; ghdl/docker#30, 2020).
pub(crate) fn counts_reads(host: &str) -> bool {
    host == DOCKER_HUB
}

/// Tells whether a refused upload may be taken in pieces. Proxies say 413, GHCR 416, and Docker Hub
/// said 400 to a whole layer of 100 MB that it took in pieces (atlanhq/application-sdk#2020).
pub(crate) fn wants_pieces(answer: &Answer, large: bool) -> bool {
    match answer.status {
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE => true,
        StatusCode::BAD_REQUEST => large && !answer.has_code("DIGEST_INVALID"),
        _ => false,
    }
}

/// Tells whether a piece was taken: 202 by the specification, 201 from ECR (jdx/mise#11376;
/// openai/tart#273).
pub(crate) fn took_piece(status: StatusCode) -> bool {
    status.is_success()
}

/// Writes `Content-Range` for a piece: ACR refuses a unit before the numbers
/// (dotnet/sdk-container-builds#258).
pub(crate) fn content_range(offset: u64, length: u64) -> String {
    format!("{offset}-{}", (offset + length).saturating_sub(1))
}

/// Reads how many bytes of an upload are there from its status: `0-N`, or `bytes=0-N` from some.
///
/// `0-0` says nothing: distribution writes it for no byte and for one, and ECR's stands at it although
/// the bytes are there (aws/containers-roadmap#2831, 2026; dotnet/sdk#33019).
pub(crate) fn bytes_there(range: &str) -> Option<u64> {
    let numbers = range.trim().trim_start_matches("bytes").trim_start_matches(['=', ' ']);
    let last: u64 = numbers.strip_prefix("0-")?.parse().ok()?;
    if last == 0 { None } else { last.checked_add(1) }
}

/// Tells whether a refused mount would be refused to every blob of the same repository. Docker Hub
/// says 403, sometimes without a body (goreleaser/goreleaser#5853), Harbor 401 for a project that it
/// does not know (goharbor/harbor#17097), others 405. Whatever it is, the blob is uploaded.
pub(crate) fn never_mounts(status: u16) -> bool {
    matches!(status, 401 | 403 | 405 | 501)
}

/// Tells whether there is no referrers API: 404 from GHCR and distribution (rtvkiz/minimal#7, 2026;
/// distribution/distribution#4828), 405 and 501 from others.
pub(crate) fn lacks_referrers(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

/// Tells whether a manifest was refused because something that it names is not there: 400 from
/// distribution, 404 `NOT_FOUND` from Harbor (goharbor/harbor#19977).
pub(crate) fn lacks_child(answer: &Answer) -> bool {
    const CODES: [&str; 5] = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "NOT_FOUND", "UNKNOWN"];
    match answer.status {
        StatusCode::NOT_FOUND => !answer.has_code("NAME_UNKNOWN"),
        StatusCode::BAD_REQUEST => CODES.iter().any(|code| answer.has_code(code)),
        _ => false,
    }
}

/// Tells whether a tag that exists was not moved because it never moves. The answers are so only
/// where the tag is known to point elsewhere: 409 says it in general; ECR says 400 `TAG_INVALID`, also
/// where nothing is wrong with the tag's letters (osscontainertools/kaniko#204, 2025), and its API
/// `ImageTagAlreadyExistsException`; Harbor says 412 `PRECONDITION`, before it reads the manifest
/// (goharbor/harbor, src/server/middleware/immutable).
pub(crate) fn never_moves(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::CONFLICT => true,
        StatusCode::BAD_REQUEST => answer.has_code("TAG_INVALID") || answer.has_code("ImageTagAlreadyExistsException"),
        StatusCode::PRECONDITION_FAILED => answer.has_code("PRECONDITION"),
        _ => false,
    }
}

/// Tells whether a registry removes nothing by tag: distribution 2 takes digests only and says 400,
/// others 405.
pub(crate) fn removes_no_tags(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_says_nothing_is_not_believed() {
        for (text, expected) in [
            ("0-9", Some(10)),
            ("bytes=0-9", Some(10)),
            ("bytes 0-9", Some(10)),
            ("0-0", None),
            ("5-9", None),
            ("0-", None),
            ("0--1", None),
            ("0-18446744073709551615", None),
            ("", None),
        ] {
            assert_eq!(bytes_there(text), expected, "{text}");
        }
    }
}

//! Blobs on their way in: whole, in pieces, mounted; broken off and taken up again.

use std::sync::atomic::Ordering;

use oci::Digest;
use tokio::io::BufReader;
use tokio::net::tcp::OwnedReadHalf;

use super::reply::Reply;
use super::{Mode, Mount, Shared};
use crate::wire::Head;

/// Answers a request about uploads: no answer where the connection is to end, and whether the body
/// was read to its end.
pub(super) async fn answer(
    shared: &Shared,
    name: &str,
    session: &str,
    head: &Head,
    reader: &mut BufReader<OwnedReadHalf>,
) -> std::io::Result<(Option<Reply>, bool)> {
    let whole = !head.has_body();
    if session.is_empty() {
        let reply = if head.method() == "POST" { begin(shared, name, head) } else { unknown() };
        return Ok((Some(reply), whole));
    }
    if !shared.shelf().repository(name).uploads.contains_key(session) {
        return Ok((Some(unknown()), whole));
    }
    match head.method() {
        "GET" => return Ok((Some(placed(shared, name, session, head, 204)), whole)),
        "DELETE" => {
            shared.shelf().repository(name).uploads.remove(session);
            return Ok((Some(Reply::new(204)), whole));
        }
        "PATCH" | "PUT" => {}
        _ => return Ok((Some(Reply::error(405, "UNSUPPORTED", "no such thing is done with uploads")), whole)),
    }
    if let Some(refusal) = misplaced(shared, name, session, head) {
        return Ok((Some(refusal), whole));
    }
    if !receive(shared, name, session, head, reader).await? {
        if shared.is(Mode::ForgetUploads) {
            shared.shelf().repository(name).uploads.remove(session);
        }
        return Ok((None, false));
    }
    let created = if shared.is(Mode::CreatedPatch) { 201 } else { 202 };
    let reply = if head.method() == "PATCH" { placed(shared, name, session, head, created) } else { finish(shared, name, session, head) };
    Ok((Some(reply), true))
}

fn unknown() -> Reply {
    Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
}

/// Begins an upload, or mounts.
fn begin(shared: &Shared, name: &str, head: &Head) -> Reply {
    let query = head.query();
    let value = |key: &str| query.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    if let (Some(Ok(digest)), Some(from)) = (value("mount").map(str::parse::<Digest>), value("from")) {
        match shared.find(|mode| if let Mode::Mount(mount) = mode { Some(*mount) } else { None }) {
            Some(Mount::Unauthorized) => return Reply::error(401, "UNAUTHORIZED", "project not found"),
            Some(Mount::Forbidden) => return Reply::error(403, "DENIED", "requested access to the resource is denied"),
            Some(Mount::Empty) => return Reply::new(403),
            Some(Mount::Accepted) => {}
            None => {
                let mut shelf = shared.shelf();
                let found = shelf.repository(from).blobs.get(&digest).map(|blob| blob.what.clone());
                if let Some(bytes) = found {
                    shelf.repository(name).keep_blob(digest.clone(), bytes);
                    return Reply::new(201).with("Location", format!("/v2/{name}/blobs/{digest}")).with("Docker-Content-Digest", digest);
                }
            }
        }
    }
    let mut shelf = shared.shelf();
    shelf.uploads_begun += 1;
    let session = format!("upload-{}", shelf.uploads_begun);
    shelf.repository(name).uploads.insert(session.clone(), Default::default());
    drop(shelf);
    placed(shared, name, &session, head, 202)
}

/// Says where an upload goes on, and what is there of it.
fn placed(shared: &Shared, name: &str, session: &str, head: &Head, status: u16) -> Reply {
    let mut shelf = shared.shelf();
    let Some(upload) = shelf.repository(name).uploads.get_mut(session) else { return unknown() };
    upload.turn += 1;
    let path = format!("/v2/{name}/blobs/uploads/{session}?_state={}", upload.turn);
    let host = head.header("host").unwrap_or_default();
    let location = if shared.is(Mode::RelativeLocation) { path } else { format!("http://{host}{path}") };
    // As distribution says it: nothing and one byte look the same.
    let last = if shared.is(Mode::StuckRange) { 0 } else { upload.bytes.len().saturating_sub(1) };
    Reply::new(status).with("Location", location).with("Range", format!("0-{last}"))
}

/// Refuses bytes that come to an old address of an upload, or out of order.
fn misplaced(shared: &Shared, name: &str, session: &str, head: &Head) -> Option<Reply> {
    let query = head.query();
    let state = query.iter().find(|(key, _)| key == "_state").and_then(|(_, value)| value.parse::<u32>().ok());
    let range = head.header("content-range");
    let mut shelf = shared.shelf();
    let upload = shelf.repository(name).uploads.get(session)?;
    if state != Some(upload.turn) {
        return Some(Reply::error(400, "BLOB_UPLOAD_INVALID", "this address of the upload is an old one"));
    }
    let range = range?;
    if shared.is(Mode::BareRange) && range.contains("bytes") {
        return Some(Reply::error(400, "BLOB_UPLOAD_INVALID", "Content-Range is START-END"));
    }
    let start = range.trim_start_matches("bytes").trim().split('-').next().and_then(|start| start.parse::<usize>().ok());
    if start == Some(upload.bytes.len()) {
        return None;
    }
    drop(shelf);
    Some(placed(shared, name, session, head, 416))
}

/// Takes a body, as far as it may come. False where it was cut off.
async fn receive(shared: &Shared, name: &str, session: &str, head: &Head, reader: &mut BufReader<OwnedReadHalf>) -> std::io::Result<bool> {
    let cut = shared.find(|mode| if let Mode::CutUpload { bytes, times } = mode { Some((*bytes, *times)) } else { None });
    let cut = cut.filter(|(bytes, times)| {
        head.body_length().is_some_and(|length| length > *bytes) && shared.cut_uploads.fetch_add(1, Ordering::SeqCst) < *times
    });
    let mut left = cut.map_or(u64::MAX, |(bytes, _)| bytes);
    let mut pieces = head.body();
    while let Some(mut piece) = pieces.next(reader).await? {
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(piece.len()));
        left -= piece.len() as u64;
        shared.received.fetch_add(piece.len() as u64, Ordering::SeqCst);
        let mut shelf = shared.shelf();
        let Some(upload) = shelf.repository(name).uploads.get_mut(session) else { return Ok(false) };
        upload.bytes.extend_from_slice(&piece);
        if left == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Ends an upload: its bytes become a blob where they have the digest, and are gone otherwise.
fn finish(shared: &Shared, name: &str, session: &str, head: &Head) -> Reply {
    let query = head.query();
    let Some(Ok(digest)) = query.iter().find(|(key, _)| key == "digest").map(|(_, value)| value.parse::<Digest>()) else {
        return Reply::error(400, "DIGEST_INVALID", "no digest");
    };
    let mut shelf = shared.shelf();
    let repository = shelf.repository(name);
    let Some(upload) = repository.uploads.remove(session) else { return unknown() };
    if Digest::with(digest.algorithm(), &upload.bytes) != digest {
        return Reply::error(400, "DIGEST_INVALID", "the bytes have another digest");
    }
    repository.keep_blob(digest.clone(), upload.bytes.freeze());
    Reply::new(201).with("Location", format!("/v2/{name}/blobs/{digest}")).with("Docker-Content-Digest", digest)
}

//! The bytes a client sends. They come in chunks and never wait in memory; who stops sending is not
//! waited for.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::refusal::{Code, Refusal};

/// How much of a body nobody wants is read all the same, so that its sender, who is still writing,
/// hears the answer instead of a broken connection.
const MAX_DRAIN: usize = 16 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The body of one request.
pub(crate) struct Intake {
    stream: BodyDataStream,
    announced: Option<u64>,
    idle: Duration,
    over: bool,
}

impl Intake {
    /// Reads a body; nobody waits longer than `idle` for its next bytes.
    pub(crate) fn new(body: Body, idle: Duration) -> Self {
        let announced = body.size_hint().exact();
        Self { stream: body.into_data_stream(), announced, idle, over: false }
    }

    /// Returns the number of bytes that will come, where the client says it.
    pub(crate) const fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Waits for the next bytes; `None` is the end that the client meant.
    ///
    /// # Errors
    /// Refuses who sends nothing for too long, and who hangs up.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.over {
            return Ok(None);
        }
        match tokio::time::timeout(self.idle, self.stream.next()).await {
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(None) => {
                self.over = true;
                Ok(None)
            }
            Ok(Some(Err(_))) => {
                self.over = true;
                Err(Refusal::new(Code::SizeInvalid, "the request ended in the middle of its body"))
            }
            Err(_) => {
                self.over = true;
                let message = format!("no bytes of the request came for {} s", self.idle.as_secs_f32());
                Err(Refusal::new(Code::SizeInvalid, message).status(StatusCode::REQUEST_TIMEOUT))
            }
        }
    }

    /// Reads a whole document, or `None` where it is longer than `limit` bytes.
    ///
    /// # Errors
    /// As [`Intake::next`].
    pub(crate) async fn document(&mut self, limit: u64) -> Result<Option<Bytes>, Refusal> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if (whole.len() + bytes.len()) as u64 > limit {
                return Ok(None);
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(Some(whole.freeze()))
    }

    /// Reads and drops what is left, within reason.
    pub(crate) async fn drain(mut self) {
        let dropping = async {
            let mut dropped = 0_usize;
            while let Ok(Some(bytes)) = self.next().await {
                dropped = dropped.saturating_add(bytes.len());
                if dropped > MAX_DRAIN {
                    return;
                }
            }
        };
        // A client that promised a body and waits with it gets its answer all the same.
        let _ = tokio::time::timeout(DRAIN_TIME, dropping).await;
    }
}

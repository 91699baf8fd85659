//! A blob in pieces, for registries that take no large body at once.

use bytes::{Buf, Bytes, BytesMut};
use content::{Event, Source};
use futures_util::StreamExt;
use oci::Descriptor;
use reqwest::Method;
use reqwest::header::CONTENT_RANGE;
use url::Url;

use crate::RemoteError;
use crate::ask::Repeat;
use crate::payload::{Payload, Reached};
use crate::quirks::{self, PIECE};
use crate::registry::Registry;
use crate::upload::{Halt, Point};

impl Registry {
    /// POST, PATCH for every piece, PUT without bytes. The offset is our own.
    pub(crate) async fn send_pieces(&self, blob: &Descriptor, from: &dyn Source, point: Point, reached: &Reached) -> Result<(), Halt> {
        let mut stream = from.blob(blob).await.map_err(RemoteError::from)?.into_stream();
        let (mut point, mut piece, mut ended) = (point, BytesMut::new(), false);
        // Read anew from its first byte, so that the bytes are checked; what is there is not sent.
        let mut before = point.offset;
        while !ended {
            match stream.next().await {
                Some(chunk) => {
                    let mut chunk = chunk.map_err(RemoteError::from)?;
                    let known = usize::try_from(before).unwrap_or(usize::MAX).min(chunk.len());
                    before -= known as u64;
                    chunk.advance(known);
                    piece.extend_from_slice(&chunk);
                }
                None => ended = true,
            }
            while piece.len() >= PIECE || (ended && !piece.is_empty()) {
                let next = piece.split_to(piece.len().min(PIECE)).freeze();
                point = self.send_piece(point, next, reached).await?;
            }
        }
        self.finish(point.location, blob).await
    }

    /// Sends one piece; where the connection breaks, the rest of it.
    async fn send_piece(&self, mut point: Point, mut piece: Bytes, reached: &Reached) -> Result<Point, Halt> {
        let patience = self.settings().patience;
        let end = point.offset + piece.len() as u64;
        reached.note(end);
        let mut failed = 0;
        loop {
            let halt = match self.try_piece(&point, piece.clone()).await {
                Ok(location) => return Ok(Point { location, offset: end }),
                Err(halt) => halt,
            };
            failed += 1;
            if !halt.is_break() || failed >= patience.tries {
                return Err(halt);
            }
            tokio::time::sleep(patience.pause(failed, None)).await;
            let Some(there) = self.taken(&point.location, end).await.filter(|there| there.offset > point.offset) else {
                return Err(halt);
            };
            self.settings().events.tell(Event::Retry(format!("the connection broke; going on at byte {}", there.offset)));
            let gained = there.offset - point.offset;
            piece.advance(usize::try_from(gained).unwrap_or(usize::MAX).min(piece.len()));
            point = there;
            if piece.is_empty() {
                return Ok(point);
            }
            if gained >= patience.least {
                failed = 0;
            }
        }
    }

    async fn try_piece(&self, point: &Point, piece: Bytes) -> Result<Url, Halt> {
        let range = quirks::content_range(point.offset, piece.len() as u64);
        let mut ask = self
            .put_to(point.location.clone())
            .with_header(CONTENT_RANGE, &range)
            .with_payload(Payload::Bytes(piece))
            .repeating(Repeat::Refused);
        ask.method = Method::PATCH;
        let answer = self.call(&ask).await?;
        if quirks::took_piece(answer.status) {
            Ok(answer.location()?.unwrap_or_else(|| point.location.clone()))
        } else {
            Err(self.not_taken(&answer))
        }
    }
}

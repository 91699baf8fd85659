//! One answer, and how it goes out.

use std::io::Result;

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// An answer before it is sent.
pub(super) struct Reply {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    /// Only so many bytes of the body go out before the connection ends.
    pub cut: Option<u64>,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), cut: None }
    }

    /// Makes an error in the specification's words.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).with("Content-Type", "application/json").body(body.to_string())
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the answer. True where the connection can be used again.
    pub(super) async fn send(&self, writer: &mut (impl AsyncWrite + Unpin), head_only: bool, keep: bool) -> Result<bool> {
        let keep = keep && self.cut.is_none();
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.status != 204 {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        text.push_str(if keep { "\r\n" } else { "Connection: close\r\n\r\n" });
        writer.write_all(text.as_bytes()).await?;
        if !head_only {
            let sent = self.cut.map_or(self.body.len(), |cut| self.body.len().min(usize::try_from(cut).unwrap_or(usize::MAX)));
            writer.write_all(&self.body[..sent]).await?;
        }
        writer.flush().await?;
        Ok(keep)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400..=499 => "Refused",
        _ => "Trouble",
    }
}

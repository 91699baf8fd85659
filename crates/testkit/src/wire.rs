//! As much of HTTP/1.1 as the servers of this room need (RFC 9112): heads, bodies, forwarding.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const MAX_LINE: u64 = 64 * 1024;
const MAX_FORM: u64 = 64 * 1024;

/// The first line of a message and its headers.
pub(crate) struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

/// How long a body is.
#[derive(Clone, Copy)]
enum Framing {
    Nothing,
    Length(u64),
    Chunked,
}

impl Head {
    /// Reads a head; `None` where the connection ended before one.
    pub(crate) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let first = line(reader).await?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let text = line(reader).await?;
            let text = text.trim_end();
            if text.is_empty() {
                break;
            }
            let (name, value) = text.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(Self { first: first.trim_end().to_owned(), headers }))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// Returns path and query as they were sent.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// Returns the query's fields, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        fields(self.target().split_once('?').map_or("", |(_, query)| query))
    }

    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.framing(), Framing::Nothing | Framing::Length(0))
    }

    /// Reads a form that was posted; no body is an empty one.
    pub(crate) async fn read_form(&self, reader: &mut (impl AsyncRead + Unpin)) -> Result<Vec<(String, String)>> {
        match self.framing() {
            Framing::Nothing => Ok(Vec::new()),
            Framing::Length(length @ 0..=MAX_FORM) => {
                let mut body = String::new();
                reader.take(length).read_to_string(&mut body).await?;
                Ok(fields(&body))
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// Returns the length of the body, where it is announced.
    pub(crate) fn body_length(&self) -> Option<u64> {
        if let Framing::Length(length) = self.framing() { Some(length) } else { None }
    }

    /// Begins to read the body.
    pub(crate) fn body(&self) -> Body {
        match self.framing() {
            Framing::Nothing => Body { left: 0, chunked: false },
            Framing::Length(length) => Body { left: length, chunked: false },
            Framing::Chunked => Body { left: 0, chunked: true },
        }
    }

    fn framing(&self) -> Framing {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunked;
        }
        self.header("content-length").and_then(|length| length.parse().ok()).map_or(Framing::Nothing, Framing::Length)
    }

    /// Writes the head with other words about the connection; `without` are left out.
    async fn write(&self, writer: &mut (impl AsyncWrite + Unpin), without: &[&str], connection: &str) -> Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection" && !without.contains(&name.as_str())) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("connection: {connection}\r\n\r\n"));
        writer.write_all(text.as_bytes()).await
    }
}

/// A body that is read piece by piece.
pub(crate) struct Body {
    /// The bytes until its end, or until that of its present chunk.
    left: u64,
    chunked: bool,
}

impl Body {
    /// Returns the next piece, or `None` at the end.
    pub(crate) async fn next(&mut self, reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Bytes>> {
        if self.left == 0 && self.chunked {
            let size = line(reader).await?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            self.left = u64::from_str_radix(digits, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            if self.left == 0 {
                self.chunked = false;
                while !line(reader).await?.trim_end().is_empty() {}
            }
        }
        if self.left == 0 {
            return Ok(None);
        }
        let ready = reader.fill_buf().await?;
        if ready.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let piece = Bytes::copy_from_slice(&ready[..ready.len().min(usize::try_from(self.left).unwrap_or(usize::MAX))]);
        reader.consume(piece.len());
        self.left -= piece.len() as u64;
        if self.left == 0 && self.chunked {
            line(reader).await?;
        }
        Ok(Some(piece))
    }
}

/// Sends a request on, over a connection of its own, and its answer back; `done` gets the status
/// before the client sees it. True where the client's connection can be used again.
pub(crate) async fn forward(
    head: &Head,
    reader: &mut (impl AsyncBufRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    upstream: SocketAddr,
    done: impl FnOnce(u16),
) -> Result<bool> {
    let (from, mut to) = TcpStream::connect(upstream).await?.into_split();
    let mut from = BufReader::new(from);
    if head.header("expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    head.write(&mut to, &["authorization", "expect"], "close").await?;
    // A server may answer before it has read everything, and close: its answer counts.
    let whole = send_body(head, reader, &mut to).await.is_ok();
    let answer = Head::read(&mut from).await?.ok_or(ErrorKind::UnexpectedEof)?;
    let status = answer.first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    done(status);
    let framed = head.method() == "HEAD" || matches!(status, 204 | 304) || !matches!(answer.framing(), Framing::Nothing);
    let keep = whole && framed;
    answer.write(writer, &[], if keep { "keep-alive" } else { "close" }).await?;
    // The server closes after its answer, so what comes until then is the body in its own framing.
    let copied = tokio::io::copy_buf(&mut from, writer).await?;
    writer.flush().await?;
    // A body that breaks off there breaks off here.
    let broken = head.method() != "HEAD" && answer.body_length().is_some_and(|length| copied < length);
    Ok(keep && !broken)
}

async fn send_body(head: &Head, reader: &mut (impl AsyncBufRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
    match head.framing() {
        Framing::Nothing => Ok(()),
        Framing::Length(length) => exactly(reader, to, length).await,
        Framing::Chunked => loop {
            let size = line(reader).await?;
            to.write_all(size.as_bytes()).await?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let length = u64::from_str_radix(digits, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            if length > 0 {
                exactly(reader, to, length + 2).await?;
                continue;
            }
            loop {
                let trailer = line(reader).await?;
                to.write_all(trailer.as_bytes()).await?;
                if trailer.trim_end().is_empty() {
                    return Ok(());
                }
            }
        },
    }
}

async fn exactly(reader: &mut (impl AsyncBufRead + Unpin), to: &mut (impl AsyncWrite + Unpin), length: u64) -> Result<()> {
    let copied = tokio::io::copy_buf(&mut reader.take(length), to).await?;
    if copied == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Reads what still comes, for a moment, and forgets it.
pub(crate) async fn discard(reader: &mut (impl AsyncBufRead + Unpin)) {
    let _ = tokio::time::timeout(Duration::from_secs(5), tokio::io::copy_buf(reader, &mut tokio::io::sink())).await;
}

/// Reads a line with its end; empty at the end of the connection.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<String> {
    let mut text = String::new();
    reader.take(MAX_LINE).read_line(&mut text).await?;
    Ok(text)
}

/// Reads `application/x-www-form-urlencoded` fields.
fn fields(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|field| !field.is_empty())
        .map(|field| field.split_once('=').unwrap_or((field, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

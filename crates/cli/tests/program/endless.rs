//! A registry that nobody gets to the end of.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use testkit::fixtures::{BuiltImage, Image};

/// The layer of [`Endless`]: nobody gets to its end.
const SIZE: u64 = 1 << 40;

/// A registry with one image, whose layer never ends.
pub struct Endless {
    pub host: String,
}

impl Endless {
    pub fn start() -> Self {
        let image = Image::new("linux/amd64").uncompressed().manifest(|manifest| manifest["layers"][0]["size"] = SIZE.into()).build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let image = image.clone();
                // Ends with the client.
                thread::spawn(move || answer(stream, &image));
            }
        });
        Self { host }
    }
}

/// Answers the requests of one connection.
fn answer(mut stream: TcpStream, image: &BuiltImage) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let nothing = Bytes::new();
    while let Some(Ok(request)) = lines.next() {
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let path = request.split(' ').nth(1).unwrap_or("");
        let (kind, body) = match path {
            path if path.contains("/manifests/") => (image.manifest.media_type().to_string(), Some(image.manifest.bytes())),
            path if path.ends_with(&image.config.0.digest.to_string()) => ("application/octet-stream".to_owned(), Some(&image.config.1)),
            path if path.contains("/blobs/") => ("application/octet-stream".to_owned(), None),
            _ => ("application/json".to_owned(), Some(&nothing)),
        };
        let length = body.map_or(SIZE, |body| body.len() as u64);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n")?;
        match body {
            _ if request.starts_with("HEAD") => {}
            Some(body) => stream.write_all(body)?,
            None => loop {
                stream.write_all(&[0; 1 << 16])?;
                // Always something on its way, and yet no disk is filled.
                thread::sleep(Duration::from_micros(200));
            },
        }
    }
    Ok(())
}

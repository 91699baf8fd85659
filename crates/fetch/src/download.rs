//! One file by HTTP: asked for with what is here already, kept as a blob, checked while it comes.

use std::sync::Arc;

use content::{Events, Keep, Library, Source};
use dockerfile::HttpAddress;
use oci::{Algorithm, Descriptor, Digest, Hasher, MediaType};
use remote::{RemoteError, Web, WebAnswer, WebRequest};
use time::PrimitiveDateTime;
use time::macros::format_description;
use url::Url;

use crate::credentials::Secrets;
use crate::error::FetchError;
use crate::record::{Of, Record};

/// Where blobs are asked for: any repository will do.
const REPOSITORY: &str = "fetched";
/// How often a download is begun whose connection breaks.
const TRIES: u32 = 3;

/// Downloads files into a library.
pub struct Downloads {
    /// What asks.
    pub web: Web,
    /// Where files are kept.
    pub library: Arc<dyn Library>,
    /// What is remembered of them.
    pub keep: Arc<dyn Keep>,
    /// What hosts are shown.
    pub secrets: Secrets,
    /// The most bytes of a file.
    pub limit: u64,
    /// What is told of it.
    pub events: Events,
}

/// A file that was downloaded.
#[derive(Clone)]
pub struct Download {
    /// Its blob.
    pub blob: Descriptor,
    /// Where that is.
    pub source: Arc<dyn Source>,
    /// When it was last changed, in seconds since 1970, where its server says so.
    pub modified: Option<i64>,
    /// It was here before.
    pub is_known: bool,
}

impl Downloads {
    /// Fetches a file, if what is here of it is not what its server has. With a checksum, what has it needs no server.
    ///
    /// # Errors
    /// Where it cannot be had, is not what the checksum says, or has more bytes than are taken. Nothing of it is kept then.
    pub async fn get(&self, address: &HttpAddress, checksum: Option<&Digest>) -> Result<Download, FetchError> {
        let source: Arc<dyn Source> = self.library.open(REPOSITORY).await?;
        let known = self.known(&address.url, &*source).await?;
        if let Some(record) = known.as_ref().filter(|record| checksum.is_some_and(|checksum| record.has(checksum))) {
            return Ok(found(record, source, true));
        }
        let mut tried = 0;
        loop {
            tried += 1;
            match self.fetch(address, checksum, known.as_ref()).await {
                Ok((record, is_known)) => return Ok(found(&record, source, is_known)),
                Err(FetchError::Remote { problem, .. }) if matches!(*problem, RemoteError::Dropped { .. }) && tried < TRIES => {
                    self.events.tell(content::Event::Retry(format!("{problem}; fetching {} again", shown(&address.url))));
                }
                Err(problem) => return Err(problem),
            }
        }
    }

    /// Returns what is remembered of an address whose blob is still here.
    async fn known(&self, url: &str, source: &dyn Source) -> Result<Option<Record>, FetchError> {
        let Some(record) = Of::download(url).read::<Record>(&*self.keep) else { return Ok(None) };
        let size = source.blob_size(&record.digest).await?;
        Ok(Some(record).filter(|record| size == Some(record.size)))
    }

    async fn fetch(&self, address: &HttpAddress, checksum: Option<&Digest>, known: Option<&Record>) -> Result<(Record, bool), FetchError> {
        let shown = shown(&address.url);
        let url = url(address)?;
        // What is known is no help against a checksum that it has not.
        let known = known.filter(|_| checksum.is_none());
        let request = WebRequest {
            authorization: self.secrets.for_http(&url),
            etag: known.and_then(|record| record.etag.clone()),
            modified: known.filter(|record| record.etag.is_none()).and_then(|record| record.modified.clone()),
            url,
        };
        let mut answer = self.web.get(&request).await.map_err(|problem| FetchError::remote(&shown, problem))?;
        if let Some(record) = known.filter(|_| answer.is_unchanged) {
            return Ok((record.clone(), true));
        }
        let record = self.receive(&shown, &mut answer, checksum).await?;
        let record = Record { etag: answer.etag, modified: answer.modified, ..record };
        Of::download(&address.url).write(&*self.keep, &record);
        Ok((record, false))
    }

    /// Takes the body. Nobody sees anything of it before it is whole and is what it has to be.
    async fn receive(&self, shown: &str, answer: &mut WebAnswer, checksum: Option<&Digest>) -> Result<Record, FetchError> {
        let too_large = || FetchError::TooLarge { address: shown.to_owned(), limit: self.limit };
        if answer.length.is_some_and(|length| length > self.limit) {
            return Err(too_large());
        }
        let mut draft = self.library.draft().await?;
        let mut own = Hasher::new(Algorithm::Sha256);
        let mut other = checksum.map(Digest::algorithm).filter(|algorithm| *algorithm != Algorithm::Sha256).map(Hasher::new);
        while let Some(chunk) = answer.chunk().await.map_err(|problem| FetchError::remote(shown, problem))? {
            own.update(&chunk);
            if let Some(other) = &mut other {
                other.update(&chunk);
            }
            if draft.size().saturating_add(chunk.len() as u64) > self.limit {
                return Err(too_large());
            }
            draft.write(chunk).await?;
        }
        let digest = own.finish();
        let other = other.map(Hasher::finish);
        let got = other.as_ref().unwrap_or(&digest);
        if let Some(expected) = checksum.filter(|expected| *expected != got) {
            return Err(FetchError::Checksum { address: shown.to_owned(), expected: expected.clone(), got: got.clone() });
        }
        let size = draft.commit(&digest).await?.size;
        Ok(Record { digest, size, etag: None, modified: None, checked: other.into_iter().collect() })
    }
}

fn found(record: &Record, source: Arc<dyn Source>, is_known: bool) -> Download {
    let blob = Descriptor::new(MediaType::from("application/octet-stream"), record.digest.clone(), record.size);
    Download { blob, source, modified: record.modified.as_deref().and_then(moment), is_known }
}

/// Returns the URL with the login that stood in the address.
fn url(address: &HttpAddress) -> Result<Url, FetchError> {
    let wrong = || FetchError::Address(shown(&address.url));
    let mut url: Url = address.url.parse().map_err(|_| wrong())?;
    if let Some(login) = &address.login {
        let login = login.reveal();
        let (name, password) = login.split_once(':').unwrap_or((&login, ""));
        url.set_username(name).and_then(|()| url.set_password(Some(password))).map_err(|()| wrong())?;
    }
    Ok(url)
}

/// Returns an address as messages have it: what stands behind `?` may be a token.
fn shown(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

/// Reads `Last-Modified` (RFC 9110, 5.6.7); the two forms of old are not written any more.
fn moment(text: &str) -> Option<i64> {
    let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let moment = PrimitiveDateTime::parse(text.trim(), format).ok()?;
    Some(moment.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_or_nothing_is() {
        assert_eq!(moment("Fri, 14 Jul 2017 02:40:00 GMT"), Some(1_500_000_000));
        assert_eq!((moment("yesterday"), moment("")), (None, None));
    }
}

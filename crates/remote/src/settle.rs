//! Waiting, within bounds, until a registry shows what this process has put: GHCR needs seconds, and
//! those on replicated storage may ask another copy for every request.

use content::Event;
use oci::{Body, Digest, RawManifest};
use reqwest::StatusCode;

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::quirks;
use crate::registry::Registry;

impl Registry {
    /// Notes what this process has put under a name.
    pub(crate) fn note_put(&self, name: &str, digest: &Digest) {
        self.host().known.note_put(self.repository(), name, digest);
    }

    /// Tells whether to look again, after a pause: what a read shows may be older than what was put.
    /// Otherwise what it shows is noted.
    pub(crate) async fn looks_again(&self, name: &str, seen: Option<&Digest>, looked: &mut u32) -> bool {
        let lag = self.settings().patience.lag;
        if !self.host().known.is_old(self.repository(), name, seen, lag) {
            self.host().known.note_seen(self.repository(), name, seen);
            return false;
        }
        self.rest(&format!("does not show {name} yet as it was put"), looked).await;
        true
    }

    /// Asks for something by its digest, and again where it was put a moment ago and is not shown.
    pub(crate) async fn settled(&self, digest: &Digest, ask: &Ask<'_>) -> Result<Answer, RemoteError> {
        let (lag, name, mut looked) = (self.settings().patience.lag, digest.to_string(), 0);
        loop {
            let answer = self.call(ask).await?;
            if answer.status != StatusCode::NOT_FOUND || !self.host().known.is_old(self.repository(), &name, None, lag) {
                return Ok(answer);
            }
            self.rest(&format!("does not show {name} yet"), &mut looked).await;
        }
    }

    /// Puts a manifest, and again where the registry does not see what it names although this
    /// process has put that a moment ago.
    pub(crate) async fn send_manifest(&self, ask: &Ask<'_>, manifest: &RawManifest) -> Result<Answer, RemoteError> {
        let mut looked = 0;
        loop {
            let answer = self.call(ask).await?;
            if !quirks::lacks_child(&answer) || !self.has_new_child(manifest) {
                return Ok(answer);
            }
            self.rest("does not see yet what the manifest names", &mut looked).await;
        }
    }

    fn has_new_child(&self, manifest: &RawManifest) -> bool {
        let lag = self.settings().patience.lag;
        let new = |digest: &Digest| self.host().known.is_old(self.repository(), &digest.to_string(), None, lag);
        match manifest.body() {
            Body::Image(image) => image.blobs().any(|blob| new(&blob.digest)),
            Body::Index(index) => index.manifests.iter().any(|entry| new(&entry.digest)),
        }
    }

    async fn rest(&self, what: &str, looked: &mut u32) {
        *looked += 1;
        self.host().facts.learn_lag();
        let pause = self.settings().patience.look_again(*looked);
        self.settings().events.tell(Event::Retry(format!("{} {what}; asking again in {:.1} s", self.host().name, pause.as_secs_f64())));
        tokio::time::sleep(pause).await;
    }
}

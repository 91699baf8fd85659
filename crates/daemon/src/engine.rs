//! One engine: who it is, and what it can be asked about an image.

use std::fmt;
use std::sync::Arc;

use content::Events;
use oci::{Digest, Platform, Reference};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Body, Method, StatusCode};
use serde::Deserialize;
use store::archive::Settings;

use crate::error::Cause;
use crate::images::{DaemonImages, Subject};
use crate::transport::{Patience, Question, Transport};
use crate::{DaemonError, Endpoint, load};

/// How an engine keeps images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageStore {
    /// Unpacked, one platform per name and without manifests: all engines up to version 22, and
    /// many later ones.
    Classic,
    /// As they were pushed, in containerd.
    Containerd,
}

/// A Docker Engine that answers. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    transport: Arc<Transport>,
    platform: Platform,
    version: String,
    store: ImageStore,
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("endpoint", &self.transport.endpoint)
            .field("version", &self.version)
            .field("store", &self.store)
            .finish()
    }
}

/// What an engine says of itself at `/version`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    api_version: String,
    #[serde(default)]
    version: String,
    os: String,
    arch: String,
}

/// What matters here of `/info`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    driver_status: Option<Vec<Vec<String>>>,
}

/// What an engine says of an image at `/images/NAME/json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspect {
    /// The config's digest; with containerd, that of the manifest or index.
    pub id: String,
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
}

/// One image of `/images/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    repo_tags: Option<Vec<String>>,
}

impl Engine {
    /// Finds out who listens at an endpoint. Every request is told to `events`.
    ///
    /// # Errors
    /// Says whether nobody answers, this user may not ask, or it is no Docker Engine.
    pub async fn connect(endpoint: Endpoint, events: Events) -> Result<Self, DaemonError> {
        let transport = Transport::new(endpoint, events)?;
        let wish = "find out its version";
        let not_docker = |problem: Cause| DaemonError::NotDocker { endpoint: Arc::clone(&transport.endpoint), problem };
        let version: Version = match transport.get("/version", wish).await {
            Ok(version) => version.ok_or_else(|| not_docker(Cause::new("it knows no /version")))?,
            // Something listens, and does not speak HTTP, or speaks it and knows nothing of this.
            Err(DaemonError::Broken { problem, .. }) => return Err(not_docker(problem)),
            Err(DaemonError::Refused { message, status, .. }) => return Err(not_docker(Cause::new(format!("{message} (HTTP {status})")))),
            Err(other) => return Err(other),
        };
        if version.api_version.is_empty() {
            return Err(not_docker(Cause::new("it names no version of the Engine API")));
        }
        let info: Option<Info> = transport.get("/info", "find out how it keeps images").await?;
        let status = info.and_then(|info| info.driver_status).unwrap_or_default();
        // `driver-type` is `io.containerd.snapshotter.v1` there, and nowhere else (moby, daemon/containerd/service.go).
        let containerd = status.iter().flatten().any(|word| word.starts_with("io.containerd.snapshotter"));
        Ok(Self {
            platform: Platform::new(&version.os, &version.arch, None).normalized(),
            version: version.version,
            store: if containerd { ImageStore::Containerd } else { ImageStore::Classic },
            transport: Arc::new(transport),
        })
    }

    /// Makes a place of one image and its repository; `name` is a reference or an image's id
    /// (`sha256:...`). Nothing is asked yet.
    ///
    /// # Errors
    /// Refuses what is neither.
    pub fn image(&self, name: &str, settings: Settings) -> Result<DaemonImages, DaemonError> {
        let subject = match name.parse::<Digest>() {
            Ok(id) => Subject::Id(id),
            Err(_) => Subject::Name(name.parse::<Reference>().map_err(|problem| DaemonError::Name { name: name.to_owned(), problem })?),
        };
        Ok(DaemonImages::new(self.clone(), subject, Settings { platform: self.platform.clone(), ..settings }))
    }

    /// Returns where it listens.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.transport.endpoint
    }

    /// Returns its version, as it states it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the platform it runs on.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns how it keeps images.
    pub const fn image_store(&self) -> ImageStore {
        self.store
    }

    pub(crate) fn warn(&self, text: String) {
        self.transport.events.warn(text);
    }

    /// Looks at an image by its name or id.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Inspect>, DaemonError> {
        self.transport.get(&format!("/images/{name}/json"), &format!("look at {name}")).await
    }

    /// Saves an image to a file. `false` where it is not there (any more).
    pub(crate) async fn save(&self, name: &str, file: std::fs::File, settings: &Settings) -> Result<bool, DaemonError> {
        let wish = format!("save {name}");
        let path = format!("/images/{name}/get");
        let answer =
            self.transport.ask(Question { method: Method::GET, path: &path, wish: &wish, body: None, patience: Patience::Long }).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let mut answer = self.transport.good(answer, &wish).await?;
        let failed = |problem| DaemonError::Scratch { folder: settings.scratch.clone(), problem };
        let mut file = tokio::fs::File::from_std(file);
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.transport.lost(&wish, &error))? {
            tokio::io::AsyncWriteExt::write_all(&mut file, &chunk).await.map_err(failed)?;
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(failed)?;
        Ok(true)
    }

    /// Loads an archive.
    pub(crate) async fn load(&self, name: &str, archive: tokio::fs::File, size: u64) -> Result<(), DaemonError> {
        let wish = format!("load {name}");
        let body = Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(archive, 256 * 1024));
        let question = Question {
            method: Method::POST,
            path: "/images/load?quiet=1",
            wish: &wish,
            body: Some((body, size)),
            patience: Patience::Long,
        };
        let answer = self.transport.good(self.transport.ask(question).await?, &wish).await?;
        let said = self.transport.whole(answer, &wish).await?;
        match load::error(&said) {
            None => Ok(()),
            Some(message) => Err(DaemonError::Load { endpoint: Arc::clone(self.endpoint()), name: name.to_owned(), message }),
        }
    }

    /// Gives an image another name.
    pub(crate) async fn tag(&self, id: &str, repository: &str, tag: &str) -> Result<(), DaemonError> {
        let wish = format!("tag {repository}:{tag}");
        let path = format!("/images/{id}/tag?repo={}&tag={}", encoded(repository), encoded(tag));
        let question = Question { method: Method::POST, path: &path, wish: &wish, body: None, patience: Patience::Short };
        self.transport.good(self.transport.ask(question).await?, &wish).await.map(drop)
    }

    /// Removes a name, or an image with its names. `false` where there is none.
    pub(crate) async fn remove(&self, name: &str) -> Result<bool, DaemonError> {
        let wish = format!("remove {name}");
        let path = format!("/images/{name}");
        let question = Question { method: Method::DELETE, path: &path, wish: &wish, body: None, patience: Patience::Long };
        let answer = self.transport.ask(question).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.transport.good(answer, &wish).await?;
        Ok(true)
    }

    /// Lists the names of a repository's images.
    pub(crate) async fn names(&self, repository: &Reference) -> Result<Vec<Reference>, DaemonError> {
        let filters = serde_json::json!({"reference": [repository.familiar_name()]}).to_string();
        let all: Option<Vec<Summary>> = self.transport.get(&format!("/images/json?filters={}", encoded(&filters)), "list images").await?;
        let names = all.unwrap_or_default().into_iter().flat_map(|image| image.repo_tags.unwrap_or_default());
        // `<none>:<none>` is no name; what the filter means differs from engine to engine.
        Ok(names.filter_map(|name| name.parse().ok()).filter(|name: &Reference| name.name() == repository.name()).collect())
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

//! A view of an image config (image-spec 1.1, config.md; Docker image spec v1.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{DiffId, Platform};

/// What an image's config says. A view: unknown fields stay in the bytes beside it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// The processor architecture, in Go's words.
    pub architecture: String,
    /// The operating system, in Go's words.
    pub os: String,
    /// The processor variant, such as v7.
    pub variant: Option<String>,
    /// The version of the operating system (Windows).
    #[serde(rename = "os.version")]
    pub os_version: Option<String>,
    /// What the operating system must offer (Windows: win32k).
    #[serde(rename = "os.features", deserialize_with = "crate::nullable")]
    pub os_features: Vec<String>,
    /// When the image was made, RFC 3339.
    pub created: Option<String>,
    /// How to run it.
    #[serde(deserialize_with = "crate::nullable")]
    pub config: RuntimeConfig,
    /// The layers by their uncompressed digests.
    pub rootfs: RootFilesystem,
    /// How each layer came to be.
    #[serde(deserialize_with = "crate::nullable")]
    pub history: Vec<History>,
}

/// The layers of a config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RootFilesystem {
    /// Uncompressed digests, base first.
    #[serde(deserialize_with = "crate::nullable")]
    pub diff_ids: Vec<DiffId>,
}

/// How an image wants to be run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RuntimeConfig {
    /// The program, with its first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments, or the program where there is no entrypoint.
    pub cmd: Option<Vec<String>>,
    /// Environment, NAME=VALUE.
    #[serde(deserialize_with = "crate::nullable")]
    pub env: Vec<String>,
    /// User and group.
    pub user: String,
    /// The folder it starts in.
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "crate::nullable")]
    pub labels: Map<String, Value>,
    /// Ports it listens on.
    #[serde(deserialize_with = "crate::nullable")]
    pub exposed_ports: Map<String, Value>,
    /// Folders that want a volume.
    #[serde(deserialize_with = "crate::nullable")]
    pub volumes: Map<String, Value>,
    /// The signal that asks it to stop.
    pub stop_signal: Option<String>,
}

/// One line of an image's history.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command that made the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// What the builder says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// True where no layer belongs to the line.
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Parses a config blob.
    ///
    /// # Errors
    /// Returns the parser's message, with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Returns the platform the config states, as it stands, or `None` where it names neither
    /// operating system nor architecture (artifacts, attestations).
    pub fn platform(&self) -> Option<Platform> {
        if self.os.is_empty() && self.architecture.is_empty() {
            return None;
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Some(Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            os_version: given(&self.os_version),
            os_features: self.os_features.clone(),
            variant: given(&self.variant),
            extra: Map::new(),
        })
    }
}

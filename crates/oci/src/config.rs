//! A view of an image config (image-spec 1.1, config.md; Docker image spec v1.2).
//!
//! Strict about the platform, on which the place of an image in an index hangs, and about nothing
//! else: builders write `null`, a text for a list, or an empty list for a map, and clients run these
//! images all the same.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{DiffId, Platform, nullable};

/// What an image's config says. A view: unknown fields stay in the bytes beside it.
///
/// A field that says how to run the image, or how it came to be, reads as empty where it has another
/// shape than expected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// The processor architecture, in Go's words.
    #[serde(deserialize_with = "nullable")]
    pub architecture: String,
    /// The operating system, in Go's words.
    #[serde(deserialize_with = "nullable")]
    pub os: String,
    /// The processor variant, such as v7.
    pub variant: Option<String>,
    /// The version of the operating system (Windows).
    #[serde(rename = "os.version")]
    pub os_version: Option<String>,
    /// What the operating system must offer (Windows: win32k).
    #[serde(rename = "os.features", deserialize_with = "nullable")]
    pub os_features: Vec<String>,
    /// When the image was made, RFC 3339.
    #[serde(deserialize_with = "lenient")]
    pub created: Option<String>,
    /// How to run it.
    #[serde(deserialize_with = "lenient")]
    pub config: RuntimeConfig,
    /// The layers by their uncompressed digests.
    #[serde(deserialize_with = "lenient")]
    pub rootfs: RootFilesystem,
    /// How each layer came to be.
    #[serde(deserialize_with = "lenient")]
    pub history: Vec<History>,
}

/// The layers of a config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RootFilesystem {
    /// Uncompressed digests, base first. Empty where one of them is no digest: whoever needs them
    /// compares their number with that of the layers.
    #[serde(deserialize_with = "lenient")]
    pub diff_ids: Vec<DiffId>,
}

/// How an image wants to be run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RuntimeConfig {
    /// The program, with its first arguments.
    #[serde(deserialize_with = "lenient")]
    pub entrypoint: Option<Vec<String>>,
    /// Arguments, or the program where there is no entrypoint.
    #[serde(deserialize_with = "lenient")]
    pub cmd: Option<Vec<String>>,
    /// Environment, NAME=VALUE.
    #[serde(deserialize_with = "lenient")]
    pub env: Vec<String>,
    /// User and group.
    #[serde(deserialize_with = "lenient")]
    pub user: String,
    /// The folder it starts in.
    #[serde(deserialize_with = "lenient")]
    pub working_dir: String,
    /// Labels.
    #[serde(deserialize_with = "lenient")]
    pub labels: Map<String, Value>,
    /// Ports it listens on.
    #[serde(deserialize_with = "lenient")]
    pub exposed_ports: Map<String, Value>,
    /// Folders that want a volume.
    #[serde(deserialize_with = "lenient")]
    pub volumes: Map<String, Value>,
    /// The signal that asks it to stop.
    #[serde(deserialize_with = "lenient")]
    pub stop_signal: Option<String>,
}

/// One line of an image's history.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The command that made the layer.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// What the builder says of it.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// True where no layer belongs to the line.
    #[serde(deserialize_with = "lenient")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Parses a config blob.
    ///
    /// # Errors
    /// Returns the parser's message, with line and column, for what is no JSON object and for a
    /// platform of another shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        // A list would be read as the fields in their order.
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            serde_json::from_slice::<Value>(bytes)?;
            return Err(serde_json::Error::custom("expected a JSON object"));
        }
        serde_json::from_slice(bytes)
    }

    /// Returns the platform the config states, as it stands, or `None` where it leaves out the
    /// operating system or the architecture, or calls both unknown (artifacts, attestations).
    pub fn platform(&self) -> Option<Platform> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let platform = Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            os_version: given(&self.os_version),
            os_features: self.os_features.clone(),
            variant: given(&self.variant),
            extra: Map::new(),
        };
        let stated = !platform.os.is_empty() && !platform.architecture.is_empty() && !platform.is_unknown();
        stated.then_some(platform)
    }
}

/// Reads a value of another shape as the empty one.
fn lenient<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<ImageConfig, serde_json::Error> {
        ImageConfig::parse(value.to_string().as_bytes())
    }

    #[test]
    fn what_is_not_the_platform_may_have_any_shape() {
        for (key, odd) in [
            ("config", json!(null)),
            ("config", json!([])),
            ("config", json!({"User": null, "WorkingDir": null, "StopSignal": 9, "Env": "A=b", "Labels": [], "Cmd": {}})),
            ("config", json!({"Entrypoint": "x", "Volumes": [], "ExposedPorts": []})),
            ("rootfs", json!(null)),
            ("rootfs", json!({"diff_ids": [""]})),
            ("rootfs", json!({"diff_ids": null})),
            ("history", json!([{"empty_layer": null, "created_by": 1}])),
            ("history", json!({})),
            ("created", json!(0)),
            ("variant", json!(null)),
            ("os.version", json!(null)),
            ("os.features", json!(null)),
        ] {
            let mut value = json!({"architecture": "amd64", "os": "linux"});
            value[key] = odd;
            let config = parse(&value).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(config.platform(), Some(Platform::new("linux", "amd64", None)), "{value}");
        }
        let config = parse(&json!({"config": {"User": null, "Cmd": ["a"], "Entrypoint": "x"}})).unwrap().config;
        assert_eq!((config.user, config.cmd, config.entrypoint), (String::new(), Some(vec!["a".to_owned()]), None));
    }

    #[test]
    fn the_platform_has_its_shape_or_the_config_is_broken() {
        for value in
            [json!({"os": 1}), json!({"architecture": ["amd64"]}), json!({"variant": 7}), json!(["linux"]), json!("x"), json!(null)]
        {
            assert!(parse(&value).is_err(), "{value}");
        }
        assert!(ImageConfig::parse(b"").is_err());
    }

    #[test]
    fn half_a_platform_is_none() {
        for (os, architecture) in [("", "amd64"), ("linux", ""), ("unknown", "unknown"), ("", "")] {
            assert_eq!(parse(&json!({"os": os, "architecture": architecture})).unwrap().platform(), None, "{os}/{architecture}");
        }
        assert_eq!(parse(&json!({"os": null, "architecture": null})).unwrap().platform(), None);
    }
}

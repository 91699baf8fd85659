//! What a build made, as an OCI archive: read by nothing of the program.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use crate::lines::Line;
use crate::tars;

/// An OCI archive.
pub struct Archive {
    files: HashMap<String, Vec<u8>>,
}

/// One image in it.
pub struct Image {
    pub platform: String,
    pub config: Value,
    pub layers: Vec<Layer>,
}

/// One layer of it.
pub struct Layer {
    pub digest: String,
    pub lines: Vec<Line>,
}

impl Archive {
    pub fn read(bytes: &[u8]) -> Self {
        let mut files = HashMap::new();
        for entry in tar::Archive::new(bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(path, content);
        }
        Self { files }
    }

    fn blob(&self, descriptor: &Value) -> &[u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let bytes = &self.files[&format!("blobs/{}", digest.replace(':', "/"))];
        assert_eq!(descriptor["size"], bytes.len(), "{digest}");
        assert_eq!(oci::Digest::of(bytes).to_string(), digest);
        bytes
    }

    /// Returns its images, in their order.
    pub fn images(&self) -> Vec<Image> {
        let index: Value = serde_json::from_slice(&self.files["index.json"]).unwrap();
        let roots = index["manifests"].as_array().unwrap();
        assert_eq!(roots.len(), 1, "a build makes one thing");
        let root: Value = serde_json::from_slice(self.blob(&roots[0])).unwrap();
        match root["manifests"].as_array() {
            Some(entries) => entries.iter().map(|entry| self.image(entry)).collect(),
            None => vec![self.image(&roots[0])],
        }
    }

    fn image(&self, descriptor: &Value) -> Image {
        let manifest: Value = serde_json::from_slice(self.blob(descriptor)).unwrap();
        let config: Value = serde_json::from_slice(self.blob(&manifest["config"])).unwrap();
        let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| {
            let digest = layer["digest"].as_str().unwrap().to_owned();
            Layer { digest, lines: tars::read(self.blob(layer)) }
        });
        let layers: Vec<Layer> = layers.collect();
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), layers.len());
        let platform = written(&config);
        // item 86: what an index says of the platform is what the config says.
        if let Some(said) = descriptor.get("platform") {
            assert_eq!(written(said), platform);
        }
        Image { platform, config, layers }
    }
}

/// Writes a platform as people do.
fn written(fields: &Value) -> String {
    let parts = ["os", "architecture", "variant"].iter().filter_map(|key| fields[*key].as_str());
    parts.collect::<Vec<_>>().join("/")
}

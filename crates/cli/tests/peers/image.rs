//! An image in a layout, whoever wrote it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::Home;
use crate::tree::Tree;

/// What an image is, seen from outside.
pub struct Image {
    pub config: Value,
    pub tree: Tree,
    /// The paths in each layer.
    pub layers: Vec<BTreeSet<String>>,
}

impl Image {
    /// Reads the only image of a layout.
    pub fn of_layout(layout: &Path) -> Self {
        let blob = |descriptor: &Value| {
            let (algorithm, hex) = descriptor["digest"].as_str().unwrap().split_once(':').unwrap();
            fs::read(layout.join("blobs").join(algorithm).join(hex)).unwrap()
        };
        let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        let [only] = index["manifests"].as_array().unwrap().as_slice() else { panic!("one image was expected: {index}") };
        let manifest: Value = serde_json::from_slice(&blob(only)).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), config["rootfs"]["diff_ids"].as_array().unwrap().len());
        let mut tree = Tree::default();
        let layers = layers.iter().map(|layer| tree.lay(&blob(layer))).collect();
        Self { config, tree, layers }
    }

    /// Reads an image of one platform from any place.
    pub fn open(home: &Home, name: &str) -> Self {
        let folder = tempfile::tempdir_in(home.path()).unwrap();
        let layout = folder.path().join("layout");
        home.done(&["copy", name, &format!("oci:{}:1", layout.display())]);
        Self::of_layout(&layout)
    }

    /// Returns what each line of the history says, and whether there is a layer for it.
    pub fn history(&self) -> Vec<String> {
        let lines = self.config["history"].as_array().unwrap().iter();
        lines
            .map(|line| {
                let layer = if line["empty_layer"] == true { "no layer" } else { "a layer" };
                let [words, comment] = ["created_by", "comment"].map(|key| line[key].as_str().unwrap_or_default());
                format!("{words} ({comment}, {layer})")
            })
            .collect()
    }

    /// Returns what is run and how, without what is empty.
    pub fn running(&self) -> Value {
        let mut config = self.config["config"].clone();
        let is_empty = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        config.as_object_mut().unwrap().retain(|_, value| !is_empty(value));
        config
    }
}

//! Edits the JSON tree of `index.json`: other entries, unknown fields and the order survive.

use std::collections::HashSet;

use oci::{Descriptor, ImageIndex, annotation};
use serde_json::{Map, Value, json};

/// What an empty layout lists.
pub(super) const EMPTY: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// Puts an entry where the first of `positions` was and removes the others; where there are none,
/// appends it.
pub(super) fn replace(tree: &mut Value, positions: &[usize], mut entry: Value) {
    let Some(manifests) = manifests(tree) else { return };
    let Some((first, others)) = positions.split_first() else {
        manifests.push(entry);
        return;
    };
    if let Some(old) = manifests.get_mut(*first) {
        keep_names(old, &mut entry);
        *old = entry;
    }
    remove_from(manifests, others);
}

/// Removes entries.
pub(super) fn remove(tree: &mut Value, positions: &[usize]) {
    if let Some(manifests) = manifests(tree) {
        remove_from(manifests, positions);
    }
}

/// Removes referrers without a name that stand below an index, too: whoever looks for the one image of a layout would find several.
pub(super) fn remove_below(tree: &mut Value, index: &ImageIndex) {
    let is_below = |entry: &Value| {
        let digest = entry.get("digest").and_then(Value::as_str);
        index.manifests.iter().any(|child| Some(child.digest.to_string().as_str()) == digest)
    };
    let is_nameless =
        |entry: &Value| [annotation::REF_NAME, annotation::CONTAINERD_NAME].iter().all(|key| entry["annotations"][key].is_null());
    if let Some(manifests) = manifests(tree) {
        manifests.retain(|entry| entry.get("artifactType").is_none() || !is_nameless(entry) || !is_below(entry));
    }
}

/// Writes a descriptor with a name, or without one.
pub(super) fn entry(descriptor: &Descriptor, name: Option<&str>) -> Value {
    let mut entry = json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    });
    if let (Some(kind), Some(fields)) = (&descriptor.artifact_type, entry.as_object_mut()) {
        fields.insert("artifactType".to_owned(), Value::from(kind.as_str()));
    }
    if let (Some(name), Some(fields)) = (name, entry.as_object_mut()) {
        fields.insert("annotations".to_owned(), json!({ annotation::REF_NAME: name }));
    }
    entry
}

/// Writes the tree as the document was written: on many lines, or on one.
pub(super) fn write(tree: &Value, old: &[u8]) -> Vec<u8> {
    let lines = old.trim_ascii_end().contains(&b'\n');
    let bytes = if lines { serde_json::to_vec_pretty(tree) } else { serde_json::to_vec(tree) };
    // A tree in memory has only text as keys, so it can always be written.
    let mut bytes = bytes.unwrap_or_default();
    if old.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

fn manifests(tree: &mut Value) -> Option<&mut Vec<Value>> {
    let list = tree.as_object_mut()?.entry("manifests").or_insert_with(|| Value::Array(Vec::new()));
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    list.as_array_mut()
}

fn remove_from(manifests: &mut Vec<Value>, positions: &[usize]) {
    let gone: HashSet<usize> = positions.iter().copied().collect();
    let mut position = 0;
    manifests.retain(|_| {
        let keep = !gone.contains(&position);
        position += 1;
        keep
    });
}

/// A name found in full (`io.containerd.image.name`) stays written as it was: all that the old
/// entry says about its name goes on, all that it says about its content does not.
pub(crate) fn keep_names(old: &Value, new: &mut Value) {
    let text = |key: &str| old.pointer("/annotations").and_then(|marks| marks.get(key)).cloned();
    let kept: Map<String, Value> =
        [annotation::REF_NAME, annotation::CONTAINERD_NAME].into_iter().filter_map(|key| Some((key.to_owned(), text(key)?))).collect();
    if !kept.is_empty()
        && let Some(fields) = new.as_object_mut()
    {
        fields.insert("annotations".to_owned(), Value::Object(kept));
    }
}

//! `inspect --raw`: documents of manifest-tool's own, made of what was read.
//!
//! They are not the stored ones: an index's children stand in it whole, without their digests and platforms.

use oci::{MediaType, RawManifest, go_json};
use serde_json::{Map, Value};

use super::Problem;
use super::inspect::Inspected;

/// What becomes of an image's config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Config {
    /// Its descriptor stands there.
    Referred,
    /// It stands there itself.
    Expanded,
}

/// The fields of Go's types, in their order (image-spec, `specs-go/v1`); what they do not know is left out,
/// and so is what is empty.
const MANIFEST: [&str; 7] = ["schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations"];
const DESCRIPTOR: [&str; 8] = ["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];
const PLATFORM: [&str; 5] = ["architecture", "os", "os.version", "os.features", "variant"];
const RUNTIME: [&str; 10] =
    ["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped"];
const HISTORY: [&str; 5] = ["created", "created_by", "author", "comment", "empty_layer"];

/// Writes it, without a line's end.
///
/// # Errors
/// For an index with an entry that is no image.
pub fn raw(inspected: &Inspected<'_>, config: Config) -> Result<String, Problem> {
    let tree = match inspected.root.as_index() {
        Some(_) => index(inspected)?,
        None => image(inspected, config),
    };
    Ok(go_json(&tree, "    "))
}

/// Returns the first entry of an index that there are no words for.
///
/// # Errors
/// Where there is one.
pub fn check(root: &RawManifest) -> Result<(), Problem> {
    let known = |media: &MediaType| media.is_manifest();
    match root.as_index().and_then(|index| index.manifests.iter().find(|entry| !known(&entry.media_type))) {
        Some(entry) => Err(Problem::NoRaw(entry.media_type.to_string())),
        None => Ok(()),
    }
}

fn index(inspected: &Inspected<'_>) -> Result<Value, Problem> {
    check(inspected.root)?;
    let tree = inspected.root.tree();
    let children: Vec<Value> = inspected.children.iter().flatten().map(|child| manifest(&child.tree())).collect();
    let mut fields = named(inspected);
    fields.extend(picked(&tree, &["schemaVersion", "mediaType"]));
    // Go writes a list that nothing was put into as null.
    fields.insert("manifests".to_owned(), if children.is_empty() { Value::Null } else { Value::Array(children) });
    fields.extend(picked(&tree, &["annotations"]));
    Ok(Value::Object(fields))
}

fn image(inspected: &Inspected<'_>, config: Config) -> Value {
    let tree = inspected.root.tree();
    let platform = picked(inspected.config, &["os", "architecture"]);
    if config == Config::Referred {
        let mut fields = named(inspected);
        fields.extend(platform);
        if let Value::Object(manifest) = manifest(&tree) {
            fields.extend(manifest);
        }
        return Value::Object(fields);
    }
    let mut fields = picked(&tree, &["schemaVersion"]);
    fields.extend(named(inspected));
    fields.extend(platform);
    fields.extend(picked(&tree, &["mediaType"]));
    fields.insert("config".to_owned(), expanded(inspected.config));
    fields.insert("layers".to_owned(), tree.get("layers").map(typed).unwrap_or_default());
    fields.extend(picked(&tree, &["subject", "annotations"]));
    Value::Object(fields)
}

fn named(inspected: &Inspected<'_>) -> Map<String, Value> {
    let field = |key: &str, value: String| (key.to_owned(), Value::String(value));
    [field("name", inspected.name.to_owned()), field("digest", inspected.root.digest().to_string())].into_iter().collect()
}

fn manifest(tree: &Value) -> Value {
    let mut fields = Map::new();
    for key in MANIFEST {
        match tree.get(key) {
            // Go always writes the list, and null where there is none.
            None if key == "layers" => drop(fields.insert(key.to_owned(), Value::Null)),
            value => fields.extend(value.filter(|value| !is_empty(value) || key == "layers").map(|value| (key.to_owned(), typed(value)))),
        }
    }
    Value::Object(fields)
}

fn expanded(config: &Value) -> Value {
    let mut fields = picked(config, &["created", "author"]);
    // These two Go writes even where they are empty.
    for key in PLATFORM {
        match config.get(key) {
            None if ["architecture", "os"].contains(&key) => drop(fields.insert(key.to_owned(), Value::String(String::new()))),
            value => fields.extend(value.filter(|value| !is_empty(value)).map(|value| (key.to_owned(), value.clone()))),
        }
    }
    let runtime = config.get("config").map(|runtime| picked(runtime, &RUNTIME)).unwrap_or_default();
    fields.insert("config".to_owned(), Value::Object(runtime));
    let filesystem = config.get("rootfs");
    let part = |key: &str, empty: Value| (key.to_owned(), filesystem.and_then(|tree| tree.get(key)).cloned().unwrap_or(empty));
    let filesystem = [part("type", Value::String(String::new())), part("diff_ids", Value::Null)];
    fields.insert("rootfs".to_owned(), Value::Object(filesystem.into_iter().collect()));
    if let Some(history) = config.get("history").and_then(Value::as_array).filter(|history| !history.is_empty()) {
        let history = history.iter().map(|line| Value::Object(picked(line, &HISTORY))).collect();
        fields.insert("history".to_owned(), Value::Array(history));
    }
    Value::Object(fields)
}

/// Takes some fields of a tree in this order, those that say something.
fn picked(tree: &Value, keys: &[&str]) -> Map<String, Value> {
    let field = |key: &&str| tree.get(*key).filter(|value| !is_empty(value)).map(|value| ((*key).to_owned(), typed(value)));
    keys.iter().filter_map(field).collect()
}

/// Writes a value as Go writes its type: a descriptor's fields have an order, a map is in that of its keys.
fn typed(value: &Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.iter().map(typed).collect()),
        Value::Object(map) if map.contains_key("digest") => Value::Object(picked(value, &DESCRIPTOR)),
        Value::Object(map) if map.contains_key("architecture") => Value::Object(picked(value, &PLATFORM)),
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::fixtures::{Image, Index};

    use super::*;

    #[test]
    fn documents_have_the_fields_of_gos_types_in_their_order() {
        let image = Image::new("linux/arm/v7").manifest(|manifest| manifest["annotations"] = json!({"b": "<", "a": "1", "acme": ""}));
        let image = image.manifest(|manifest| manifest["x-unknown"] = json!(1)).build();
        let config = json!({
            "os": "linux", "architecture": "arm", "variant": "v7", "docker_version": "1", "rootfs": {"diff_ids": ["d"], "type": "layers"},
            "config": {"Labels": {"z": "1", "y": "2"}, "Cmd": ["sh"], "Hostname": "x"}, "history": [{"empty_layer": false, "created_by": "x"}],
        });
        let inspected = Inspected { name: "app:1", root: &image.manifest, children: &[], config: &config };
        let (layer, digest, size) = (&image.layers[0].0, image.digest(), image.config.0.size);
        let shared = format!(
            r#""layers":[{{"mediaType":"{}","digest":"{}","size":{}}}],"annotations":{{"a":"1","acme":"","b":"\u003c"}}}}"#,
            layer.media_type, layer.digest, layer.size
        );
        let line = |config| {
            let text = raw(&inspected, config).unwrap();
            assert!(text.starts_with("{\n    \""), "{text}");
            oci::go_json_line(&serde_json::from_str(&text).unwrap())
        };
        let media = "application/vnd.oci.image";
        let referred = format!(
            r#"{{"name":"app:1","digest":"{digest}","os":"linux","architecture":"arm","schemaVersion":2,"mediaType":"{media}.manifest.v1+json","config":{{"mediaType":"{media}.config.v1+json","digest":"{}","size":{size}}},"#,
            image.config.0.digest
        );
        assert_eq!(line(Config::Referred), format!("{referred}{shared}"));
        let expanded = format!(
            r#"{{"schemaVersion":2,"name":"app:1","digest":"{digest}","os":"linux","architecture":"arm","mediaType":"{media}.manifest.v1+json","config":{{"architecture":"arm","os":"linux","variant":"v7","config":{{"Cmd":["sh"],"Labels":{{"y":"2","z":"1"}}}},"rootfs":{{"type":"layers","diff_ids":["d"]}},"history":[{{"created_by":"x"}}]}},"#
        );
        assert_eq!(line(Config::Expanded), format!("{expanded}{shared}"));
    }

    #[test]
    fn an_index_in_an_index_has_no_such_document() {
        let inner = Index::new().build();
        let outer = Index::new().add(inner.descriptor()).build();
        let inspected = Inspected { name: "app:1", root: &outer, children: &[None], config: &Value::Null };
        assert!(matches!(raw(&inspected, Config::Referred), Err(Problem::NoRaw(_))));
        let inspected = Inspected { root: &inner, ..inspected };
        assert!(raw(&inspected, Config::Referred).unwrap().ends_with("\"manifests\": null\n}"));
    }
}

//! What a template of `inspect --format` sees.

use oci::{Descriptor, RawManifest};
use serde_json::{Map, Value, json};

use super::attested::{Statements, sorted};
use super::look::{Look, LookedAt};

/// The fields of a config that buildx knows, in the order it writes them (image-spec, `Image`).
const CONFIG: [&str; 10] =
    ["created", "author", "architecture", "os", "os.version", "os.features", "variant", "config", "rootfs", "history"];
/// The same of what it says how to run the image (`ImageConfig`).
const RUNTIME: [&str; 10] =
    ["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped"];
/// The same of a line of history.
const HISTORY: [&str; 5] = ["created", "created_by", "author", "comment", "empty_layer"];

/// Tells whether a format only asks for the default view: buildx does not execute one that begins with `{{.Manifest`.
pub fn prints_view(format: &str) -> bool {
    let Some(rest) = format.strip_prefix("{{") else { return false };
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    rest.trim_start().starts_with(".Manifest")
}

/// Tells whether a format may ask for attestations. They stand in the tree only then: `{{json .}}` does not show them.
pub fn wants_evidence(format: &str) -> bool {
    format.contains("SBOM") || format.contains("Provenance")
}

/// Tells whether a format may ask for configs: by their name, or as a part of the whole tree (`.` and `$` alone).
/// Attestations are listed by images, whose platforms a config may have to tell.
pub fn wants_images(format: &str) -> bool {
    let goes_on = |rest: &str, also: &[char]| rest.starts_with(|next: char| next.is_alphanumeric() || next == '_' || also.contains(&next));
    let is_whole = |(at, mark): (usize, &str)| {
        let rest = format.get(at + mark.len()..).unwrap_or_default();
        !goes_on(rest, if mark == "$" { &['.'] } else { &[] })
    };
    wants_evidence(format) || format.to_ascii_lowercase().contains("image") || format.match_indices(['.', '$']).any(is_whole)
}

/// Makes the tree. `name` is as it was typed, and attestations are in it where they were `attested`.
pub fn value(name: &str, document: &RawManifest, look: &Look, attested: bool) -> Value {
    let named = look.named();
    let mut tree = Map::new();
    tree.insert("name".to_owned(), Value::String(name.to_owned()));
    tree.insert("manifest".to_owned(), manifest(document));
    // A Go field that is nil is not written: a document without images has no `image`.
    let image: Option<Value> = if named.len() > 1 {
        Some(named.iter().map(|(platform, image)| (platform.clone(), config(&image.config))).collect::<Map<_, _>>().into())
    } else {
        named.values().next().map(|image| config(&image.config))
    };
    tree.extend(image.map(|image| ("image".to_owned(), image)));
    if attested {
        let statements = |image: &LookedAt| look.statements.get(&image.digest);
        let each = |of: fn(&Statements) -> Value| -> Value {
            let has = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
            if named.len() > 1 {
                let found = named.iter().filter_map(|(platform, image)| Some((platform.clone(), of(statements(image)?))));
                found.filter(|(_, value)| has(value)).collect::<Map<_, _>>().into()
            } else {
                named.values().next().and_then(|image| statements(image)).map_or_else(|| json!({}), of)
            }
        };
        tree.insert("SBOM".to_owned(), each(Statements::sbom));
        tree.insert("Provenance".to_owned(), each(Statements::provenance));
    }
    Value::Object(tree)
}

fn manifest(document: &RawManifest) -> Value {
    let Descriptor { media_type, digest, size, .. } = document.descriptor();
    let Some(index) = document.as_index() else { return json!({"mediaType": media_type, "digest": digest, "size": size}) };
    let mut tree = Map::new();
    tree.insert("schemaVersion".to_owned(), json!(2));
    // What the document says of itself; OCI's need not.
    tree.extend(document.tree().get("mediaType").map(|own| ("mediaType".to_owned(), own.clone())));
    tree.insert("digest".to_owned(), json!(digest));
    tree.insert("size".to_owned(), json!(size));
    tree.insert("manifests".to_owned(), json!(index.manifests));
    if !index.annotations.is_empty() {
        tree.insert("annotations".to_owned(), json!(index.annotations));
    }
    Value::Object(tree)
}

/// Writes a config as Go's type does: its own order, and nothing that the type does not know.
fn config(tree: &Value) -> Value {
    let mut fields = known(tree, &CONFIG);
    for key in ["architecture", "os"] {
        fields.entry(key.to_owned()).or_insert_with(|| Value::String(String::new()));
    }
    let runtime = known(tree.get("config").unwrap_or(&Value::Null), &RUNTIME);
    fields.insert("config".to_owned(), Value::Object(runtime.into_iter().map(|(key, value)| (key, sorted(value))).collect()));
    let root = tree.get("rootfs").unwrap_or(&Value::Null);
    fields.insert("rootfs".to_owned(), json!({"type": root["type"].as_str().unwrap_or_default(), "diff_ids": root["diff_ids"]}));
    let lines = tree.get("history").and_then(Value::as_array).filter(|lines| !lines.is_empty());
    if let Some(lines) = lines {
        fields.insert("history".to_owned(), lines.iter().map(|line| Value::Object(known(line, &HISTORY))).collect());
    }
    Value::Object(CONFIG.iter().filter_map(|key| Some(((*key).to_owned(), fields.remove(*key)?))).collect())
}

/// Keeps the fields that say something (`omitempty`), in the order of the keys.
fn known(tree: &Value, keys: &[&str]) -> Map<String, Value> {
    let says = |value: &&Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    keys.iter().filter_map(|key| Some(((*key).to_owned(), tree.get(key).filter(says)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::imagetools::{Evidence, look};
    use content::Limits;
    use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, in_memory};

    async fn tree(document: &RawManifest, images: &[&BuiltImage], indexes: &[&RawManifest]) -> Value {
        let place = in_memory(images, indexes).await;
        let look = look(&place, document, Evidence::Read, Limits::default()).await.unwrap();
        value("app", document, &look, true)
    }

    #[test]
    fn formats_that_only_ask_for_the_view() {
        for format in ["{{.Manifest}}", "{{ .Manifest }}", "{{- .Manifest.Digest}}"] {
            assert!(prints_view(format), "{format}");
        }
        for format in ["{{json .Manifest}}", "{{.Name}}", " {{.Manifest}}", "{{.Image}}", ""] {
            assert!(!prints_view(format), "{format}");
        }
    }

    #[test]
    fn configs_are_read_where_they_may_be_shown() {
        for format in
            ["{{json .}}", "{{.}}", "{{$}}", "{{json $ }}", "{{with $x := .}}{{end}}", "{{.image}}", "{{$.Image}}", "{{json .SBOM}}"]
        {
            assert!(wants_images(format), "{format}");
        }
        for format in ["{{.Name}}", "{{json .Manifest}}", "{{$.Name}}", "{{range $i, $m := .Manifest.Manifests}}{{$m.Digest}}{{end}}", ""] {
            assert!(!wants_images(format), "{format}");
        }
    }

    #[tokio::test]
    async fn of_one_platform_it_is_the_thing_and_of_several_a_map() {
        let (amd, arm) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
        let lone = tree(&amd.manifest, &[&amd], &[]).await;
        assert_eq!(lone["image"]["architecture"], "amd64");
        assert_eq!(lone["Provenance"], json!({}));
        assert_eq!(lone["manifest"].as_object().unwrap().keys().collect::<Vec<_>>(), ["mediaType", "digest", "size"]);
        let attestation = attestation_for(&amd);
        let index = Index::new().image(&amd).image(&arm).add(attestation_entry(&attestation, &amd)).build();
        let both = tree(&index, &[&amd, &arm, &attestation], &[]).await;
        assert_eq!(both["image"].as_object().unwrap().keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
        let slsa = json!({"SLSA": {"buildType": "https://mobyproject.org/buildkit@v1", "builder": {"id": ""}}});
        assert_eq!(both["Provenance"], json!({"linux/amd64": slsa}));
        assert_eq!(both["SBOM"], json!({}));
        assert_eq!(both["manifest"]["manifests"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn an_index_says_of_itself_what_its_document_says() {
        let edit = |tree: &mut Value| {
            tree.as_object_mut().unwrap().remove("mediaType");
        };
        let untyped = Index::new().annotation("a", "b").edit(edit).build();
        let shown = manifest(&untyped);
        let keys: Vec<_> = shown.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["schemaVersion", "digest", "size", "manifests", "annotations"]);
    }

    #[tokio::test]
    async fn nested_images_and_those_without_a_platform_are_found() {
        let (amd, arm) = (Image::new("linux/amd64").build(), Image::new("linux/arm64").build());
        let inner = Index::new().image(&arm).build();
        let unsaid = Descriptor { platform: None, ..amd.descriptor() };
        let index = Index::new().add(inner.descriptor()).add(unsaid).build();
        let tree = tree(&index, &[&amd, &arm], &[&inner]).await;
        assert_eq!(tree["image"].as_object().unwrap().keys().collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    }

    #[tokio::test]
    async fn improves_windows_versions_do_not_hide_each_other() {
        let old = Image::new("windows/amd64:10.0.17763.5458").build();
        let new = Image::new("windows/amd64:10.0.20348.2340").build();
        let tree = tree(&Index::new().image(&old).image(&new).build(), &[&old, &new], &[]).await;
        let names: Vec<_> = tree["image"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["windows(10.0.17763.5458)/amd64", "windows(10.0.20348.2340)/amd64"]);
    }

    #[test]
    fn a_config_is_written_in_the_order_of_gos_type() {
        let tree = json!({
            "docker_version": "20.10", "history": [{"empty_layer": false, "created_by": "x", "created": "2026-01-02T03:04:05Z"}],
            "rootfs": {"diff_ids": ["sha256:1"], "type": "layers"}, "config": {"Cmd": ["sh"], "User": "", "Labels": {"b": "1", "a": "2"},
            "Env": ["A=b"], "Healthcheck": {}}, "os": "linux", "variant": "v7", "architecture": "arm", "created": "2026-01-02T03:04:05Z",
        });
        assert_eq!(
            config(&tree).to_string(),
            concat!(
                r#"{"created":"2026-01-02T03:04:05Z","architecture":"arm","os":"linux","variant":"v7","#,
                r#""config":{"Env":["A=b"],"Cmd":["sh"],"Labels":{"a":"2","b":"1"}},"#,
                r#""rootfs":{"type":"layers","diff_ids":["sha256:1"]},"#,
                r#""history":[{"created":"2026-01-02T03:04:05Z","created_by":"x"}]}"#
            )
        );
        assert_eq!(config(&json!([])).to_string(), r#"{"architecture":"","os":"","config":{},"rootfs":{"type":"","diff_ids":null}}"#);
    }
}

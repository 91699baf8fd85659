//! What buildx's types know beyond the JSON: the names of their fields, and what is left out where it is empty.

use template::Shape::{self, Any, List, Map, Number, Pointer, Struct, Text, Truth};

/// image-spec, `Platform`.
static PLATFORM: Shape = Struct(&[
    ("Architecture", "architecture", Text),
    ("OS", "os", Text),
    ("OSVersion", "os.version", Text),
    ("OSFeatures", "os.features", List(&Text)),
    ("Variant", "variant", Text),
]);

/// image-spec, `Descriptor`.
static DESCRIPTOR: Shape = Struct(&[
    ("MediaType", "mediaType", Text),
    ("Digest", "digest", Text),
    ("Size", "size", Number),
    ("URLs", "urls", List(&Text)),
    ("Annotations", "annotations", Map(&Text)),
    ("Data", "data", List(&Number)),
    ("Platform", "platform", Pointer(&PLATFORM)),
    ("ArtifactType", "artifactType", Text),
]);

/// What buildx makes of an index: `size` and `digest` are of the document.
static INDEX: Shape = Struct(&[
    ("SchemaVersion", "schemaVersion", Number),
    ("MediaType", "mediaType", Text),
    ("Digest", "digest", Text),
    ("Size", "size", Number),
    ("Manifests", "manifests", List(&DESCRIPTOR)),
    ("Annotations", "annotations", Map(&Text)),
]);

/// image-spec, `ImageConfig`.
static RUNTIME: Shape = Struct(&[
    ("User", "User", Text),
    ("ExposedPorts", "ExposedPorts", Map(&Any)),
    ("Env", "Env", List(&Text)),
    ("Entrypoint", "Entrypoint", List(&Text)),
    ("Cmd", "Cmd", List(&Text)),
    ("Volumes", "Volumes", Map(&Any)),
    ("WorkingDir", "WorkingDir", Text),
    ("Labels", "Labels", Map(&Text)),
    ("StopSignal", "StopSignal", Text),
    ("ArgsEscaped", "ArgsEscaped", Truth),
]);

static ROOT_FILESYSTEM: Shape = Struct(&[("Type", "type", Text), ("DiffIDs", "diff_ids", List(&Text))]);

/// image-spec, `History`.
static HISTORY: Shape = Struct(&[
    ("Created", "created", Pointer(&Text)),
    ("CreatedBy", "created_by", Text),
    ("Author", "author", Text),
    ("Comment", "comment", Text),
    ("EmptyLayer", "empty_layer", Truth),
]);

/// image-spec, `Image`.
static IMAGE: Shape = Struct(&[
    ("Created", "created", Pointer(&Text)),
    ("Author", "author", Text),
    ("Architecture", "architecture", Text),
    ("OS", "os", Text),
    ("OSVersion", "os.version", Text),
    ("OSFeatures", "os.features", List(&Text)),
    ("Variant", "variant", Text),
    ("Config", "config", Pointer(&RUNTIME)),
    ("RootFS", "rootfs", Pointer(&ROOT_FILESYSTEM)),
    ("History", "history", List(&HISTORY)),
]);

static SBOM: Shape = Struct(&[("SPDX", "SPDX", Any), ("AdditionalSPDXs", "AdditionalSPDXs", List(&Any))]);
static PROVENANCE: Shape = Struct(&[("SLSA", "SLSA", Any)]);

/// What a template sees where there is one image at most, of an index or of another document.
static ONE: [Shape; 2] = [
    Struct(&[
        ("Name", "name", Text),
        ("Manifest", "manifest", Pointer(&DESCRIPTOR)),
        ("Image", "image", Pointer(&IMAGE)),
        ("SBOM", "SBOM", Pointer(&SBOM)),
        ("Provenance", "Provenance", Pointer(&PROVENANCE)),
    ]),
    Struct(&[
        ("Name", "name", Text),
        ("Manifest", "manifest", Pointer(&INDEX)),
        ("Image", "image", Pointer(&IMAGE)),
        ("SBOM", "SBOM", Pointer(&SBOM)),
        ("Provenance", "Provenance", Pointer(&PROVENANCE)),
    ]),
];

/// What it sees where there are several images, each by its platform.
static SEVERAL: Shape = Struct(&[
    ("Name", "name", Text),
    ("Manifest", "manifest", Pointer(&INDEX)),
    ("Image", "image", Map(&Pointer(&IMAGE))),
    ("SBOM", "SBOM", Map(&SBOM)),
    ("Provenance", "Provenance", Map(&PROVENANCE)),
]);

/// Returns what the tree of `inspect --format` was in Go.
pub fn shape(is_index: bool, is_of_several: bool) -> &'static Shape {
    let [alone, of_index] = &ONE;
    match (is_of_several, is_index) {
        (true, _) => &SEVERAL,
        (false, true) => of_index,
        (false, false) => alone,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};
    use template::{Options, Template};

    fn rendered(format: &str, tree: &Value, shape: &Shape) -> Result<String, String> {
        let template = Template::parse_with(format, Options { json_indent: true }).unwrap();
        template.render_shaped(tree, shape).map_err(|error| error.to_string())
    }

    fn image() -> Value {
        json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "", "diff_ids": null}, "history": [{}]})
    }

    #[test]
    fn what_is_left_out_is_what_it_is_in_go() {
        let tree = json!({
            "name": "app", "manifest": {"mediaType": "m", "digest": "d", "size": 1}, "image": image(), "SBOM": {}, "Provenance": {},
        });
        for (format, expected) in [
            ("{{json .Image.Config.Labels}}", "null"),
            ("{{.Image.Config.Labels}}", "map[]"),
            ("{{json .Image.Config.Entrypoint}}", "null"),
            ("{{.Image.Config.Entrypoint}}", "[]"),
            ("{{len .Image.Config.Env}}", "0"),
            ("{{range .Image.Config.Env}}x{{end}}", ""),
            ("{{index .Image.Config.Labels \"a\"}}{{index .Manifest.Annotations \"a\"}}", ""),
            ("{{.Image.Config.User}}", ""),
            ("{{json .Image.Config.User}}", "\"\""),
            ("{{.Image.Config.ArgsEscaped}}", "false"),
            ("{{.Image.Variant}}", ""),
            ("{{.Image.Created}}", "<nil>"),
            ("{{json .Image.Created}}", "null"),
            ("{{.Image.OSVersion}}{{.Image.OSFeatures}}{{.Image.RootFS.DiffIDs}}", "[][]"),
            ("{{range .Image.History}}{{.CreatedBy}}{{.EmptyLayer}}{{end}}", "false"),
            ("{{json .Manifest.Annotations}}", "null"),
            ("{{json .SBOM}}", "{}"),
            ("{{json .SBOM.SPDX}}{{.SBOM.SPDX}}", "null<no value>"),
            ("{{json .Provenance.SLSA}}", "null"),
            ("{{$c := .Image.Config}}{{with $c}}{{.WorkingDir}}{{end}}", ""),
            ("{{if eq .Image.Variant \"\"}}none{{end}}", "none"),
            ("{{json .Image.Config}}", "{}"),
        ] {
            assert_eq!(rendered(format, &tree, shape(false, false)).as_deref(), Ok(expected), "{format}");
        }
        for format in
            ["{{.Image.Varient}}", "{{.Image.Config.Nope}}", "{{.Manifest.Manifests}}", "{{.Manifest.Platform.OS}}", "{{.SBOM.SPDX.name}}"]
        {
            assert!(rendered(format, &tree, shape(false, false)).is_err(), "{format}");
        }
        assert_eq!(rendered("{{json .Image}}", &json!({"name": "app"}), shape(false, false)).as_deref(), Ok("null"));
    }

    #[test]
    fn of_several_images_each_has_its_fields() {
        let arm = json!({"architecture": "arm", "os": "linux", "variant": "v7", "config": {"Labels": {"a": "b"}}, "rootfs": {"type": "layers", "diff_ids": []}});
        let entries = json!([{"digest": "a", "platform": {"os": "linux", "architecture": "amd64"}}, {"digest": "b"}]);
        let tree = json!({"manifest": {"digest": "d", "manifests": entries}, "image": {"linux/amd64": image(), "linux/arm/v7": arm}, "SBOM": {}, "Provenance": {"linux/amd64": {"SLSA": 1}}});
        for (format, expected) in [
            ("{{range $k, $v := .Image}}{{$k}}={{$v.Variant}} {{end}}", "linux/amd64= linux/arm/v7=v7 "),
            ("{{json (index .Image \"linux/amd64\").Config.Labels}}", "null"),
            ("{{json (index .Image \"linux/arm/v7\").RootFS.DiffIDs}}", "[]"),
            ("{{range .Manifest.Manifests}}{{if .Platform}}{{.Platform.Variant}}{{end}}{{.ArtifactType}}.{{end}}", ".."),
            ("{{index (index .Image \"linux/arm/v7\").Config.Labels \"none\"}}{{index .Image \"linux/s390x\"}}", "<nil>"),
            ("{{json (index .SBOM \"linux/amd64\").SPDX}}{{json (index .Provenance \"linux/amd64\").SLSA}}", "null1"),
            ("{{json (index .SBOM \"linux/amd64\")}}", "{}"),
            ("{{range .Manifest.Manifests}}{{.Platform}};{{end}}", "map[architecture:amd64 os:linux];<nil>;"),
        ] {
            assert_eq!(rendered(format, &tree, shape(true, true)).as_deref(), Ok(expected), "{format}");
        }
        assert!(rendered("{{range .Manifest.Manifests}}{{.Platform.Variant}}{{end}}", &tree, shape(true, true)).is_err());
    }
}

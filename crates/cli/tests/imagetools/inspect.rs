//! `inspect`: the view, the bytes, and templates.

use testkit::fixtures::{Image, Index};

use crate::world::{OCI_INDEX, World};

#[test]
fn the_view_of_an_index_with_attestations() {
    let Some(world) = World::new() else { return };
    let (attestation, index) = world.put_attested();
    let (name, amd, arm) = (world.name("att"), world.amd.digest(), world.arm64.digest());
    let expected = format!(
        "Name:      {name}
MediaType: {OCI_INDEX}
Digest:    {}
{s:11}
Manifests:{s:1}
  Name:        {name}@{amd}
  MediaType:   application/vnd.oci.image.manifest.v1+json
  Platform:    linux/amd64
{s:15}
  Name:        {name}@{arm}
  MediaType:   application/vnd.oci.image.manifest.v1+json
  Platform:    linux/arm64
{s:15}
  Name:        {name}@{}
  MediaType:   application/vnd.oci.image.manifest.v1+json
  Platform:    unknown/unknown
  Annotations:{s:1}
    vnd.docker.reference.digest: {amd}
    vnd.docker.reference.type:   attestation-manifest
",
        index.digest(),
        attestation.digest(),
        s = ""
    );
    assert_eq!(world.done(&["inspect", ":att"]), expected);
    // buildx executes no template that begins so.
    assert_eq!(world.done(&["inspect", "--format", "{{.Manifest}}", ":att"]), expected);
}

#[test]
fn the_view_of_a_docker_list_of_one_image_and_of_windows() {
    let Some(world) = World::new() else { return };
    let docker = Image::new("linux/arm/v7").docker().build();
    let list = Index::new().docker().image(&docker).build();
    world.put("d-multi", &list, &[&docker]);
    let name = world.name("d-multi");
    assert_eq!(
        world.done(&["inspect", ":d-multi"]),
        format!(
            "Name:      {name}
MediaType: application/vnd.docker.distribution.manifest.list.v2+json
Digest:    {}
{s:11}
Manifests:{s:1}
  Name:      {name}@{}
  MediaType: application/vnd.docker.distribution.manifest.v2+json
  Platform:  linux/arm/v7
",
            list.digest(),
            docker.digest(),
            s = ""
        )
    );
    let lone = format!(
        "Name:      {}\nMediaType: application/vnd.oci.image.manifest.v1+json\nDigest:    {}\n",
        world.name("arm64"),
        world.arm64.digest()
    );
    assert_eq!(world.done(&["inspect", ":arm64"]), lone);
    let windows = Image::new("windows/amd64:10.0.20348.2340").build();
    world.put("win", &Index::new().image(&windows).build(), &[&windows]);
    let shown = world.done(&["inspect", ":win"]);
    assert!(shown.ends_with("  Platform:  windows/amd64\n  OSVersion: 10.0.20348.2340\n"), "{shown}");
}

#[test]
fn an_entry_has_its_tag_and_a_layouts_has_none() {
    let Some(world) = World::new() else { return };
    world.home.done(&["copy", &format!("docker://{}", world.name("multi")), "oci:lay:v1"]);
    let shown = world.done(&["inspect", "oci-layout://lay:v1"]);
    assert!(shown.starts_with("Name:      oci-layout://lay:v1\n"), "{shown}");
    assert!(shown.contains(&format!("  Name:      oci-layout://lay@{}\n", world.amd.digest())), "{shown}");
    let by_digest = format!("{}/demo/app@{}", world.registry.host(), world.multi().digest());
    let shown = world.done(&["inspect", &by_digest]);
    assert!(shown.contains(&format!("  Name:      {}/demo/app@{}\n", world.registry.host(), world.amd.digest())), "{shown}");
}

#[test]
fn raw_is_the_bytes_and_nothing_else() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.raw("multi").as_bytes(), world.multi().bytes());
    assert_eq!(world.raw("amd64").as_bytes(), world.amd.manifest.bytes());
}

#[test]
fn json_of_one_image_and_of_several() {
    let Some(world) = World::new() else { return };
    let json = |tag: &str| -> (String, serde_json::Value) {
        let text = world.done(&["inspect", "--format", "{{json .}}", tag]);
        let tree = serde_json::from_str(&text).unwrap();
        (text, tree)
    };
    let (text, tree) = json(":multi");
    let begin = format!(
        "{{\n  \"name\": \"{}\",\n  \"manifest\": {{\n    \"schemaVersion\": 2,\n    \"mediaType\": \"{OCI_INDEX}\",\n    \"digest\": \
         \"{}\",\n    \"size\": {},\n    \"manifests\": [\n      {{\n        \"mediaType\": ",
        world.name("multi"),
        world.multi().digest(),
        world.multi().bytes().len()
    );
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.ends_with('}'), "no line's end: {text}");
    let platforms: Vec<_> = tree["image"].as_object().unwrap().keys().collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7", "linux/arm64"]);
    let (_, tree) = json(":arm64");
    assert_eq!(tree["image"]["architecture"], "arm64");
    assert_eq!(tree.as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "manifest", "image"]);
    let manifest = world.done(&["inspect", "--format", "{{json .Manifest}}", ":arm64"]);
    let (digest, size) = (world.arm64.digest(), world.arm64.manifest.bytes().len());
    assert_eq!(
        manifest,
        format!(
            "{{\n  \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",\n  \"digest\": \"{digest}\",\n  \"size\": {size}\n}}"
        )
    );
}

#[test]
fn provenance_is_read_where_it_is_asked_for() {
    let Some(world) = World::new() else { return };
    world.put_attested();
    let expected = "{\n  \"linux/amd64\": {\n    \"SLSA\": {\n      \"buildType\": \"https://mobyproject.org/buildkit@v1\",\n      \
                    \"builder\": {\n        \"id\": \"\"\n      }\n    }\n  }\n}";
    assert_eq!(world.done(&["inspect", "--format", "{{json .Provenance}}", ":att"]), expected);
    assert_eq!(world.done(&["inspect", "--format", "{{json .SBOM}}", ":att"]), "{}");
    let one = r#"{{(index .Provenance "linux/amd64").SLSA.buildType}}"#;
    assert_eq!(world.done(&["inspect", "--format", one, ":att"]), "https://mobyproject.org/buildkit@v1");
    assert_eq!(world.done(&["inspect", "--format", "{{json .Provenance}}", ":arm64"]), "{}");
}

#[test]
fn templates_are_gos() {
    let Some(world) = World::new() else { return };
    for (format, expected) in [
        ("{{.Name}}", world.name("multi")),
        ("{{range .Image}}{{.architecture}} {{end}}", "amd64 arm arm64 ".to_owned()),
        ("{{range $p, $i := .Image}}{{if eq $i.os \"linux\"}}{{$p}};{{end}}{{end}}", "linux/amd64;linux/arm/v7;linux/arm64;".to_owned()),
        ("{{range $k, $v := .Image}}{{$k}}={{$v.Variant}};{{end}}", "linux/amd64=;linux/arm/v7=v7;linux/arm64=;".to_owned()),
        ("{{range .Manifest.Manifests}}{{.Platform.Variant}};{{end}}", ";;v7;".to_owned()),
        ("{{json .Manifest.Annotations}}{{json .SBOM}}", "null{}".to_owned()),
        (r#"{{printf "%s!" (index .Image "linux/arm64").os}}"#, "linux!".to_owned()),
        (
            "{{range .Manifest.Manifests}}{{.Digest}}\n{{end}}",
            [&world.amd, &world.arm64, &world.armv7].map(|image| format!("{}\n", image.digest())).concat(),
        ),
    ] {
        assert_eq!(world.done(&["inspect", "--format", format, ":multi"]), expected, "{format}");
    }
}

#[test]
fn what_an_image_leaves_empty_is_empty() {
    let Some(world) = World::new() else { return };
    for (format, expected) in [
        ("{{json .Image.Config.Labels}}", "null"),
        ("{{json .Image.Config.Entrypoint}}", "null"),
        ("{{.Image.Config.User}}{{.Image.Variant}}", ""),
        ("{{json .SBOM.SPDX}}", "null"),
    ] {
        assert_eq!(world.done(&["inspect", "--format", format, ":amd64"]), expected, "{format}");
    }
    assert!(world.refused(&["inspect", "--format", "{{.Image.Varient}}", ":amd64"]).contains("did you mean .Variant"));
}

//! Images for Windows, made on Linux: several versions of it beside Linux under one tag.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs;

use program::{Home, Ran};
use serde_json::Value;
use testkit::fixtures::{Image, Index, write_layout};

/// Versions of two releases of Windows.
const VERSIONS: [&str; 2] = ["10.0.17763.6893", "10.0.20348.3207"];

/// A layout as .NET's are: one part for each platform, and one file for all.
const DOCKERFILE: &str = "FROM scratch AS files
COPY common.dll /common.dll
FROM linux AS image-linux
FROM windows AS image-windows
FROM image-$TARGETOS
ARG TARGETOS
ARG TARGETARCH
WORKDIR /app
COPY --from=files /common.dll .
COPY publish/$TARGETOS-$TARGETARCH/ ./
ENTRYPOINT [\"dotnet\", \"app.dll\"]
";

/// A home with bases: one for Linux, and one for both versions of Windows.
fn home() -> Home {
    let home = Home::new();
    let linux = ["linux/amd64", "linux/arm64"].map(|platform| Image::new(platform).text(platform).build());
    let index = Index::new().image(&linux[0]).image(&linux[1]).build();
    write_layout(&home.path().join("linux"), &[(&index, Some("1"))], &linux.iter().collect::<Vec<_>>());
    let windows = VERSIONS.map(|version| Image::new(&format!("windows/amd64:{version}")).text(version).build());
    let index = Index::new().image(&windows[0]).image(&windows[1]).build();
    write_layout(&home.path().join("windows"), &[(&index, Some("1"))], &windows.iter().collect::<Vec<_>>());
    write_layout(&home.path().join("older"), &[(&windows[0].manifest, Some("1"))], &[&windows[0]]);
    let none = Image::new("windows/amd64").text("none").build();
    write_layout(&home.path().join("none"), &[(&none.manifest, Some("1"))], &[&none]);
    let context = home.path().join("context");
    for platform in ["linux-amd64", "linux-arm64", "windows-amd64"] {
        fs::create_dir_all(context.join("publish").join(platform)).unwrap();
        fs::write(context.join("publish").join(platform).join("app.dll"), platform).unwrap();
    }
    fs::write(context.join("common.dll"), "common").unwrap();
    fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();
    home
}

fn build(home: &Home, platforms: &str, windows: &str, words: &[&str]) -> Ran {
    let base = format!("--build-context=windows=oci-layout://{windows}:1");
    let fixed = ["build", "--platform", platforms, "--build-context=linux=oci-layout://linux:1", &base, "-t", "app:1", "context"];
    home.run(&[&fixed, words].concat())
}

#[test]
fn one_command_makes_linux_and_two_versions_of_windows() {
    let home = home();
    let ran = build(&home, "linux/amd64,linux/arm64,windows(ltsc2019)/amd64,windows(ltsc2022)/amd64", "windows", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let index: Value = serde_json::from_str(&home.done(&["inspect", "--raw", "app:1"])).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let of = |entry: &Value| {
        let platform = &entry["platform"];
        let text = |key: &str| platform[key].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", text("os"), text("architecture"), text("os.version"))
    };
    let expected = ["linux amd64 -", "linux arm64 -", "windows amd64 10.0.17763.6893", "windows amd64 10.0.20348.3207"];
    assert_eq!(entries.iter().map(of).collect::<Vec<_>>(), expected);
    for entry in entries {
        let name = format!("app@{}", entry["digest"].as_str().unwrap());
        let manifest: Value = serde_json::from_str(&home.done(&["inspect", "--raw", &name])).unwrap();
        let folder = home.path().join(".local/share/polyarch/blobs/sha256");
        let blob = |digest: &Value| fs::read(folder.join(digest.as_str().unwrap().trim_start_matches("sha256:"))).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"]["digest"])).unwrap();
        assert_eq!((&config["os"], &config["os.version"]), (&entry["platform"]["os"], &entry["platform"]["os.version"]));
        let is_windows = config["os"] == "windows";
        assert_eq!(config["config"]["WorkingDir"], if is_windows { "\\app" } else { "/app" });
        let layers = manifest["layers"].as_array().unwrap();
        let names = names(&blob(&layers.last().unwrap()["digest"]));
        let (file, platform) = if is_windows { ("Files/app/app.dll", "windows-amd64") } else { ("app/app.dll", "linux-") };
        assert!(names.iter().any(|(name, text)| name == file && text.starts_with(platform)), "{names:?}");
        let first = names_of_bases(&blob(&layers[0]["digest"]));
        assert!(first.contains(entry["platform"]["os.version"].as_str().unwrap_or("linux/")), "{first}");
    }
}

/// Returns the files of a layer and what is in them.
fn names(layer: &[u8]) -> Vec<(String, String)> {
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(layer));
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    });
    entries.collect()
}

fn names_of_bases(layer: &[u8]) -> String {
    names(layer).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_base_of_several_versions_has_to_be_chosen_from_and_others_are_told() {
    let home = home();
    for (platform, windows, told) in [
        ("windows(ltsc2025)/amd64", "windows", ["10.0.26100", "windows/amd64:10.0.17763.6893, windows/amd64:10.0.20348.3207"]),
        ("windows(ltsc2022)/amd64", "older", ["10.0.20348", "windows/amd64:10.0.17763.6893"]),
        ("windows/amd64", "windows", ["windows/amd64", "windows/amd64:10.0.17763.6893, windows/amd64:10.0.20348.3207"]),
        ("windows/amd64", "none", ["it has no os.version", "windows(ltsc2022)/amd64"]),
    ] {
        let ran = build(&home, platform, windows, &[]);
        assert!(ran.code != 0 && told.iter().all(|told| ran.stderr.contains(told)), "{platform} of {windows}: {} {}", ran.code, ran.stderr);
    }
}

#[test]
fn commands_run_in_the_linux_stages_of_an_image_for_windows() {
    let home = home();
    let refused = "FROM windows\nRUN dir\n";
    fs::write(home.path().join("context/Dockerfile"), refused).unwrap();
    let ran = build(&home, "windows(ltsc2022)/amd64", "windows", &[]);
    let told = "RUN for windows/amd64:10.0.20348 needs a Windows machine:\n  context/Dockerfile:2: RUN dir\n";
    assert!(ran.code == 2 && ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("--platform=$BUILDPLATFORM") && ran.stderr.contains("polyarch create"), "{}", ran.stderr);
}

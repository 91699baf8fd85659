//! A folder with all that a case needs, and the program in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::case::{Case, Part};
use crate::image::Archive;
use crate::lines::{Kind, Line};
use crate::program::{Home, Ran};
use crate::tars::{THEN, compress, write};

/// Where the context is.
const CONTEXT: &str = "context";

/// What came of a build.
pub struct Outcome {
    pub ran: Ran,
    /// What was made, if it was.
    pub archive: Option<Archive>,
}

/// Writes what a case needs into a folder, and builds.
pub fn build(case: &Case) -> Outcome {
    let home = Home::new();
    let context = home.path().join(CONTEXT);
    fs::create_dir(&context).unwrap();
    let mut words: Vec<String> = Vec::new();
    for part in &case.parts {
        match part.kind.as_str() {
            "Dockerfile" => put(&context.join("Dockerfile"), part.body.as_bytes()),
            "file" => put(&home.path().join(part.name()), part.body.as_bytes()),
            "context" => put_lines(&context, &part.files()),
            "folder" => put_lines(&home.path().join(part.name()), &part.files()),
            "tar" => {
                let how = part.words.get(1).map_or("none", String::as_str);
                put(&home.path().join(part.name()), &compress(&write(&part.files()), how));
            }
            "base" => {
                put_base(&home.path().join(part.name()), part);
                words.push(format!("--build-context={0}=oci-layout://{0}", part.name()));
            }
            "flags" | "layers" | "config" | "history" | "shared" | "told" | "error" => {}
            other => panic!("{}: no part of a case: {other}", case.name),
        }
    }
    words.extend(case.flags());
    if !words.iter().any(|word| word.starts_with("--platform")) {
        words.push("--platform=linux/amd64".to_owned());
    }
    run(&home, &words)
}

/// Builds the context of a home with these words.
pub fn run(home: &Home, words: &[String]) -> Outcome {
    let mut line = vec!["build", "--output", "type=oci,dest=image.tar"];
    line.extend(words.iter().map(String::as_str));
    line.push(CONTEXT);
    let ran = home.run(&line);
    let archive = (ran.code == 0).then(|| Archive::read(&fs::read(home.path().join("image.tar")).unwrap()));
    Outcome { ran, archive }
}

/// Writes a file.
pub fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    date(path, THEN);
}

fn date(path: &Path, seconds: u64) {
    fs::File::open(path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Writes files. Folders get their permissions and their times when everything is in them.
pub fn put_lines(folder: &Path, lines: &[Line]) {
    fs::create_dir_all(folder).unwrap();
    for line in lines {
        let path = folder.join(&line.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match &line.kind {
            Kind::Folder => fs::create_dir_all(&path).unwrap(),
            Kind::File(content) => fs::write(&path, content).unwrap(),
            Kind::Link(target) => symlink(target, &path).unwrap(),
            Kind::Name(target) => fs::hard_link(folder.join(target), &path).unwrap(),
            Kind::Special(_) => panic!("{}: no case begins with one", line.path),
        }
    }
    for line in lines.iter().rev() {
        if matches!(line.kind, Kind::Folder | Kind::File(_)) {
            let path = folder.join(&line.path);
            date(&path, line.time.unwrap_or(THEN));
            fs::set_permissions(&path, fs::Permissions::from_mode(line.mode)).unwrap();
        }
    }
}

/// Writes a layout with one image for each platform. `{platform}` in a file is that of its image.
fn put_base(folder: &Path, part: &Part) {
    let fields = part.fields();
    let platforms =
        part.words.get(1..).filter(|platforms| !platforms.is_empty()).map_or_else(|| vec!["linux/amd64".to_owned()], <[_]>::to_vec);
    let image = |platform: &String| {
        let mut layers = part.layers();
        for line in layers.iter_mut().flatten() {
            if let Kind::File(content) = &mut line.kind {
                *content = content.replace("{platform}", platform);
            }
        }
        let mut config = json!({"Env": ["PATH=/bin"], "Cmd": ["sh"]});
        fields.iter().for_each(|(key, value)| config[*key] = value.clone());
        base(platform, &layers.iter().map(|lines| write(lines)).collect::<Vec<_>>(), &config)
    };
    put_layout(folder, &platforms.iter().map(image).collect::<Vec<_>>());
}

/// An image: its platform, and its blobs, of which the last one is the manifest.
pub struct BaseImage {
    platform: Value,
    blobs: Vec<Vec<u8>>,
}

/// Makes an image of layers that are tars.
pub fn base(platform: &str, layers: &[Vec<u8>], config: &Value) -> BaseImage {
    let (platform, version) = platform.split_once(':').map_or((platform, None), |(platform, version)| (platform, Some(version)));
    let mut parts = platform.split('/');
    let mut platform = json!({"os": parts.next(), "architecture": parts.next()});
    if let Some(variant) = parts.next() {
        platform["variant"] = json!(variant);
    }
    if let Some(version) = version {
        platform["os.version"] = json!(version);
    }
    let mut document = json!({
        "created": "2017-01-26T16:59:13Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| oci::Digest::of(layer)).collect::<Vec<_>>()},
        "history": [{"created": "2017-01-26T16:59:13Z", "created_by": "debian busybox-static"}],
    });
    platform.as_object().unwrap().iter().for_each(|(key, value)| document[key] = value.clone());
    let (document, mut blobs): (_, Vec<_>) = (document.to_string(), layers.iter().map(|layer| compress(layer, "gzip")).collect());
    let kind = |kind: &str| format!("application/vnd.oci.image.{kind}");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind("manifest.v1+json"),
        "config": described(&kind("config.v1+json"), document.as_bytes()),
        "layers": blobs.iter().map(|layer| described(&kind("layer.v1.tar+gzip"), layer)).collect::<Vec<_>>(),
    });
    blobs.extend([document.into_bytes(), manifest.to_string().into_bytes()]);
    BaseImage { platform, blobs }
}

/// Writes a layout that holds an index of images.
pub fn put_layout(folder: &Path, images: &[BaseImage]) {
    let entries = images.iter().map(|image| {
        image.blobs.iter().for_each(|blob| put_blob(folder, blob));
        let mut entry = described("application/vnd.oci.image.manifest.v1+json", image.blobs.last().unwrap());
        entry["platform"] = image.platform.clone();
        entry
    });
    let list =
        |entries: Vec<Value>| json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries});
    let index = list(entries.collect()).to_string();
    put_blob(folder, index.as_bytes());
    let mut root = described("application/vnd.oci.image.index.v1+json", index.as_bytes());
    root["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    put(&folder.join("index.json"), list(vec![root]).to_string().as_bytes());
    put(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
}

fn described(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": oci::Digest::of(bytes), "size": bytes.len()})
}

fn put_blob(folder: &Path, bytes: &[u8]) {
    put(&folder.join("blobs/sha256").join(oci::Digest::of(bytes).hex()), bytes);
}

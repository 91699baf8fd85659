//! A registry with the images that the sessions are about, and the shapes of buildx's output.

use oci::{Descriptor, RawManifest};
use testkit::fixtures::{BuiltImage, Image, Index, attestation_entry, attestation_for, write_layout};
use testkit::registry::{DebianRegistry, RegistryOptions};

use crate::program::{Home, Ran};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

pub struct World {
    pub registry: DebianRegistry,
    pub home: Home,
    pub amd: BuiltImage,
    pub arm64: BuiltImage,
    pub armv7: BuiltImage,
}

impl World {
    /// Starts a registry with `amd64`, `arm64`, `armv7`, and `multi` over them.
    pub fn new() -> Option<Self> {
        let registry = DebianRegistry::start(&RegistryOptions::default())?;
        let made = |platform: &str| Image::new(platform).text(platform).build();
        let (amd, arm64, armv7) = (made("linux/amd64"), made("linux/arm64"), made("linux/arm/v7"));
        let world = Self { registry, home: Home::new(), amd, arm64, armv7 };
        for (tag, image) in [("amd64", &world.amd), ("arm64", &world.arm64), ("armv7", &world.armv7)] {
            world.put(tag, &image.manifest, &[image]);
        }
        world.put("multi", &world.multi(), &[&world.amd, &world.arm64, &world.armv7]);
        Some(world)
    }

    pub fn multi(&self) -> RawManifest {
        Index::new().image(&self.amd).image(&self.arm64).image(&self.armv7).build()
    }

    /// Puts `att`: amd64 with its provenance, and arm64.
    pub fn put_attested(&self) -> (BuiltImage, RawManifest) {
        let attestation = attestation_for(&self.amd);
        let entry = attestation_entry(&attestation, &self.amd);
        let index = Index::new().image(&self.amd).image(&self.arm64).add(entry).build();
        self.put("att", &index, &[&self.amd, &self.arm64, &attestation]);
        (attestation, index)
    }

    pub fn name(&self, tag: &str) -> String {
        format!("{}/demo/app:{tag}", self.registry.host())
    }

    /// Puts exactly these bytes.
    pub fn put(&self, tag: &str, root: &RawManifest, images: &[&BuiltImage]) {
        self.put_below(tag, root, &[], images);
    }

    /// Puts exactly these bytes, and indexes that stand below them.
    pub fn put_below(&self, tag: &str, root: &RawManifest, indexes: &[&RawManifest], images: &[&BuiltImage]) {
        let folder = self.home.path().join(format!("put-{tag}"));
        let below = indexes.iter().map(|index| (*index, None));
        write_layout(&folder, &below.chain([(root, Some("1"))]).collect::<Vec<_>>(), images);
        self.home.done(&["copy", &format!("oci:{}:1", folder.display()), &format!("docker://{}", self.name(tag))]);
    }

    /// Runs `buildx imagetools` with these words; `:TAG` alone is a name in the repository.
    pub fn run(&self, words: &[&str]) -> Ran {
        let words: Vec<String> =
            words.iter().map(|word| word.strip_prefix(':').map_or_else(|| (*word).to_owned(), |tag| self.name(tag))).collect();
        let all: Vec<&str> = ["buildx", "imagetools"].into_iter().chain(words.iter().map(String::as_str)).collect();
        self.home.run(&all)
    }

    /// Runs what must succeed and say nothing on stderr, and returns its stdout.
    pub fn done(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
        ran.stdout
    }

    /// Runs what must fail with exit code 1, having written nothing, and returns its stderr.
    pub fn refused(&self, words: &[&str]) -> String {
        self.registry.clear_log();
        let ran = self.run(words);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("ERROR: "), "{words:?}: {}", ran.stderr);
        let requests = self.registry.requests();
        let writes: Vec<_> = requests.iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect();
        assert!(writes.is_empty(), "{words:?}: {writes:?}");
        ran.stderr
    }

    /// Returns the bytes that a tag points at.
    pub fn raw(&self, tag: &str) -> String {
        self.done(&["inspect", "--raw", &format!(":{tag}")])
    }
}

/// Writes an index as Go does, with two spaces.
pub fn index_text(media_type: &str, entries: &[String], annotations: &[(&str, &str)]) -> String {
    let entries = entries.join(",\n");
    let annotations = if annotations.is_empty() { String::new() } else { format!(",\n  \"annotations\": {}", object(annotations, 2)) };
    format!("{{\n  \"schemaVersion\": 2,\n  \"mediaType\": \"{media_type}\",\n  \"manifests\": [\n{entries}\n  ]{annotations}\n}}")
}

/// Writes an entry of it.
pub fn entry(descriptor: &Descriptor, annotations: &[(&str, &str)], platform: &[(&str, &str)]) -> String {
    let Descriptor { media_type, digest, size, .. } = descriptor;
    let annotations = if annotations.is_empty() { String::new() } else { format!(",\n      \"annotations\": {}", object(annotations, 6)) };
    format!(
        "    {{\n      \"mediaType\": \"{media_type}\",\n      \"digest\": \"{digest}\",\n      \"size\": {size}{annotations},\n      \
         \"platform\": {}\n    }}",
        object(platform, 6)
    )
}

fn object(fields: &[(&str, &str)], indent: usize) -> String {
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("{:indent$}  \"{key}\": \"{value}\"", "")).collect();
    format!("{{\n{}\n{:indent$}}}", lines.join(",\n"), "")
}

pub const AMD64: [(&str, &str); 2] = [("architecture", "amd64"), ("os", "linux")];
pub const ARM64: [(&str, &str); 2] = [("architecture", "arm64"), ("os", "linux")];
pub const ARMV7: [(&str, &str); 3] = [("architecture", "arm"), ("os", "linux"), ("variant", "v7")];
pub const UNKNOWN: [(&str, &str); 2] = [("architecture", "unknown"), ("os", "unknown")];

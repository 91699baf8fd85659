//! Images of every kind that a build can make, for three platforms each, in a registry of our own.

use std::path::{Path, PathBuf};

use crate::cases::{BASE, home};
use crate::image::Image;
use crate::program::{Home, Serving};

pub const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/arm/v7"];

/// What is in the gallery beside `hello`, which runs.
const PICTURES: [(&str, &str); 4] = [
    // A tar with owners, hard links and a set-uid program, on nothing.
    ("whole", "FROM scratch\nADD files.tar /x/\nCOPY --chown=5:6 tree program /with/parents/\nCOPY links twins sticky /l/\nCMD [\"/x\"]\n"),
    // Layers over those of a base, one of which goes through a link, and one that holds nothing.
    ("based", "FROM peers/base:1\nCOPY tree /lib/\nWORKDIR /srv\nCOPY --chown=lp:adm --chmod=2750 program closed /new/\n"),
    // A layer without an entry, and no other.
    ("hollow", "FROM scratch\nCOPY none* /\nENTRYPOINT [\"/none\"]\n"),
    ("bare", "FROM scratch\nENV A=1\nCMD [\"/none\"]\n"),
];

/// A home whose store has the images, served.
pub struct Gallery {
    pub home: Home,
    pub serving: Serving,
}

impl Gallery {
    pub fn open() -> Self {
        let platforms = PLATFORMS.join(",");
        let home = home(&platforms);
        let example = example().display().to_string();
        home.done(&["build", "--platform", &platforms, "-t", "gallery/hello:1", &example]);
        for (name, dockerfile) in PICTURES {
            std::fs::write(home.path().join(name), dockerfile).unwrap();
            home.done(&["build", "--platform", &platforms, "-t", &format!("gallery/{name}:1"), "-f", name, "context"]);
        }
        home.done(&["tag", BASE, "gallery/base:1"]);
        let serving = Serving::start(&home, &[]);
        Self { home, serving }
    }

    /// Returns the names of the images.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["hello", "base"].into_iter().chain(PICTURES.map(|(name, _)| name))
    }

    /// Builds one anew, compressed otherwise, and returns its name.
    pub fn compressed(&self, name: &str, how: &str) -> String {
        let made = format!("gallery/{name}:{how}");
        let words = ["build", "--platform", &PLATFORMS.join(","), "--compression", how, "-t", &made, "-f", name, "context"];
        self.home.done(&words);
        made
    }

    /// Returns the name that clients know an image by.
    pub fn served(&self, name: &str) -> String {
        format!("{}/gallery/{name}:1", self.serving.host)
    }

    /// Writes the image of one platform to a layout with the tag `1`.
    pub fn layout(&self, name: &str, platform: &str) -> PathBuf {
        let layout = self.home.path().join(format!("{name}-{}", platform.replace('/', "-")));
        let digest = self.home.done(&["digest", "--platform", platform, &format!("store:gallery/{name}:1")]);
        self.home.done(&["copy", &format!("store:gallery/{name}@{digest}"), &format!("oci:{}:1", layout.display())]);
        layout
    }

    /// Returns the digest of a config, which is what engines know an image by.
    pub fn image_id(&self, name: &str, platform: &str) -> String {
        let layout = self.layout(name, platform);
        let manifest = self.home.done(&["inspect", "--raw", &format!("oci:{}", layout.display())]);
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        manifest["config"]["digest"].as_str().unwrap().to_owned()
    }

    /// Returns the image of one platform.
    pub fn image(&self, name: &str, platform: &str) -> Image {
        Image::of_layout(&self.layout(name, platform))
    }
}

pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello").canonicalize().unwrap()
}

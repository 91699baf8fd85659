//! A home with a base that has a shell, and builds in it.

use std::fs;
use std::path::Path;

use testkit::fixtures::Image;

use crate::program::{Home, Ran};

/// A home, a base and a context.
pub struct Kitchen {
    pub home: Home,
}

impl Kitchen {
    /// Makes one; none where this machine has no static busybox or contains nothing, which is said.
    pub fn new() -> Option<Self> {
        let Some(tar) = testkit::busybox_layer() else {
            testkit::skip("no busybox: apt-get install busybox-static");
            return None;
        };
        if !testkit::contains() {
            return None;
        }
        let home = Home::new();
        let base = Image::new("linux/amd64").tar(tar).config(|config| {
            config["config"] = serde_json::json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]});
        });
        home.layout("base", &[&base.build()]);
        fs::create_dir(home.path().join("context")).unwrap();
        Some(Self { home })
    }

    /// Writes a file of the context.
    pub fn put(&self, path: &str, text: &str) {
        let path = self.home.path().join("context").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Builds the lines of a Dockerfile over the base.
    pub fn build(&self, lines: &str, words: &[&str]) -> Ran {
        self.put("Dockerfile", &format!("FROM base\n{lines}"));
        let fixed = ["build", "--platform=linux/amd64", "--build-context=base=oci-layout://base:amd64", "-t", "made:1"];
        self.home.run(&[&fixed, words, &["context"]].concat())
    }

    /// Builds what must succeed, and returns what was said.
    pub fn built(&self, lines: &str, words: &[&str]) -> String {
        let ran = self.build(lines, words);
        assert_eq!(ran.code, 0, "{lines}\n{}", ran.stderr);
        ran.stderr
    }

    /// Builds what must fail, and returns what was said.
    pub fn fails(&self, lines: &str, words: &[&str]) -> String {
        let ran = self.build(lines, words);
        assert_ne!(ran.code, 0, "{lines}\n{}", ran.stderr);
        self.is_tidy();
        ran.stderr
    }

    /// Makes sure that nothing is under way any more.
    pub fn is_tidy(&self) {
        let roots = self.home.path().join(".local/share/polyarch/roots");
        for standing in fs::read_dir(roots).into_iter().flatten().flatten() {
            let work = fs::read_dir(standing.path().join("work")).unwrap();
            assert_eq!(work.count(), 0, "something is left in {}", standing.path().display());
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let home = self.home.path().to_str().unwrap();
        assert!(!mounts.contains(home), "a mount is left:\n{mounts}");
    }

    /// Tells whether some bytes are in any file of the home, but for the one that they came from.
    pub fn holds(&self, needle: &str, but: &Path) -> Option<String> {
        holds(self.home.path(), needle.as_bytes(), but)
    }
}

fn holds(folder: &Path, needle: &[u8], but: &Path) -> Option<String> {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            if let Some(found) = holds(&path, needle, but) {
                return Some(found);
            }
        } else if kind.is_file() && path != but {
            let bytes = fs::read(&path).unwrap_or_default();
            let plain = if bytes.starts_with(&[0x1f, 0x8b]) { inflated(&bytes) } else { bytes };
            if plain.windows(needle.len()).any(|window| window == needle) {
                return Some(path.display().to_string());
            }
        }
    }
    None
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    // What breaks off is looked through as far as it goes.
    let _ = std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(bytes), &mut plain);
    plain
}

/// Returns the lines that commands wrote, without what stands in front.
pub fn written(said: &str) -> Vec<&str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("[linux/amd64")?.split_once("] ").map(|(_, line)| line));
    lines
        .filter(|line| !["RUN ", "COPY ", "WORKDIR "].iter().any(|word| line.starts_with(word)) && !line.starts_with("looking into"))
        .collect()
}

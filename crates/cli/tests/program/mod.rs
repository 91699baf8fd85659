//! Runs the built program the way a person does, in a home of its own.

#![allow(dead_code, reason = "every test file is a crate of its own and uses its part of this")]

pub mod endless;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use testkit::fixtures::{BuiltImage, Image, Index, write_layout};

pub mod authority;
pub mod clients;
pub mod web;

/// Returns the program under test: the one cargo built, or the one that `POLYARCH_BINARY` names, so
/// that the same tests can judge the file that is given away.
pub fn binary() -> PathBuf {
    std::env::var_os("POLYARCH_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_polyarch")), PathBuf::from)
}

/// A home folder with a store in it, and the program.
pub struct Home {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Makes one whose store has the image busybox:1.37, in which commands run; none where this machine has no static busybox or
    /// contains nothing, which is said.
    pub fn with_shell() -> Option<Self> {
        let Some(tar) = testkit::busybox_layer() else {
            testkit::skip("no busybox: apt-get install busybox-static");
            return None;
        };
        if !testkit::contains() {
            return None;
        }
        let home = Self::new();
        home.layout("busybox", &[&Image::new("linux/amd64").tar(tar).build()]);
        home.done(&["create", "-t", "busybox:1.37", "oci:busybox"]);
        Some(home)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the program, knowing nothing of the world but this home and PATH.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path()).current_dir(self.path()).args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }

    /// Runs what must succeed, and returns its stdout without the last line's end.
    pub fn done(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "polyarch {words:?}: {}", ran.stderr);
        ran.stdout.trim_end().to_owned()
    }

    /// Writes an OCI layout with one image per platform, each under the platform's last words as tag.
    pub fn layout(&self, name: &str, images: &[&BuiltImage]) -> PathBuf {
        let path = self.path().join(name);
        let tags: Vec<String> = images.iter().map(|image| tag_of(image)).collect();
        let roots: Vec<_> = images.iter().zip(&tags).map(|(image, tag)| (&image.manifest, Some(tag.as_str()))).collect();
        write_layout(&path, &roots, images);
        path
    }
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.stdin(Stdio::null()).output().unwrap())
    }

    /// Returns the digest behind the `@` of the last line on stdout.
    pub fn digest(&self) -> &str {
        self.stdout.trim_end().rsplit('@').next().unwrap()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Returns `amd64`, `arm-v7` or `windows` for an image.
pub fn tag_of(image: &BuiltImage) -> String {
    if image.platform.os == "windows" {
        return "windows".to_owned();
    }
    let variant = image.platform.variant.as_deref().map(|variant| format!("-{variant}")).unwrap_or_default();
    format!("{}{variant}", image.platform.architecture)
}

/// Makes one small image per platform.
pub fn images(platforms: &[&str]) -> Vec<BuiltImage> {
    platforms.iter().map(|platform| Image::new(platform).text(platform).build()).collect()
}

/// Makes an index of images.
pub fn index_of(images: &[&BuiltImage]) -> oci::RawManifest {
    images.iter().fold(Index::new(), |index, image| index.image(image)).build()
}

/// A running `polyarch serve` on a free port; dropping it ends it.
pub struct Serving {
    child: Child,
    pub host: String,
    log: std::sync::mpsc::Receiver<String>,
}

impl Serving {
    pub fn start(home: &Home, words: &[&str]) -> Self {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let host =
            first.split("://").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_else(|| panic!("{first}")).to_owned();
        let (tell, log) = std::sync::mpsc::channel();
        // Read to its end, or a full pipe would stop the server.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Self { child, host, log }
    }

    /// Returns the access log since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::thread::sleep(std::time::Duration::from_millis(100));
        self.log.try_iter().collect()
    }
}

impl Serving {
    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

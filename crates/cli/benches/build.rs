//! Building a folder of many files for three platforms, measured against buildah in the same run.
//!
//! 12,000 files of 316 MB, of which half can be compressed, in 120 folders, copied onto scratch and pushed to a registry on loopback:
//! cold (nothing is remembered, and the registry is new), again with nothing changed, with one file changed, and zstd. First both are
//! asked for the tree that they made, which must be the same. Prints seconds, the ratio to polyarch, and the most memory that polyarch
//! held. Fails only where a program fails or the trees differ. Run it by `cargo xtask bench build` or `cargo bench -p polyarch --bench
//! build`; it needs some 3 GB of disk for a few minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod measure;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use layer::tar::{Limits, Reader, Rules};
use layer::{Inflate, InflateLimits};
use measure::{Took, median, run};
use testkit::fixtures::random_bytes;
use testkit::registry::{DebianRegistry, RegistryOptions};

const PLATFORMS: &str = "linux/amd64,linux/arm64,linux/arm/v7";
const FOLDERS: usize = 120;
const FILES: usize = 100;
/// The bytes of each file: half of them random, half of them text.
const SIZE: usize = 26_400;
const TIMES: usize = 3;

fn main() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let buildah = testkit::binary("buildah");
    if buildah.is_none() {
        testkit::skip("buildah is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let context = folder.path().join("context");
    fill(&context);
    if let Some(buildah) = &buildah {
        compare(buildah, &context, &registry);
    }
    println!("{:<34} {:>9} {:>9} {:>10} {:>7}", "", "polyarch", "buildah", "memory", "ratio");
    let cold = |words: &'static [&'static str]| {
        median(TIMES, || {
            let (home, registry) = (tempfile::tempdir().unwrap(), DebianRegistry::start(&RegistryOptions::default()).unwrap());
            polyarch(home.path(), &context, &registry, words)
        })
    };
    let peer_cold = buildah.as_ref().map(|buildah| {
        let (home, registry) = (tempfile::tempdir().unwrap(), DebianRegistry::start(&RegistryOptions::default()).unwrap());
        let took = with_buildah(buildah, home.path(), &context, &registry);
        (took, home, registry)
    });
    print("cold, and pushed", &cold(&[]), peer_cold.as_ref().map(|(took, ..)| took));
    print("cold, zstd, and pushed", &cold(&["--compression", "zstd"]), None);
    let home = tempfile::tempdir().unwrap();
    polyarch(home.path(), &context, &registry, &[]);
    let again = median(TIMES, || polyarch(home.path(), &context, &registry, &[]));
    let peer_again = peer_cold
        .as_ref()
        .zip(buildah.as_ref())
        .map(|((_, home, registry), buildah)| with_buildah(buildah, home.path(), &context, registry));
    print("nothing changed", &again, peer_again.as_ref());
    let mut number = 0;
    let mut change = || {
        number += 1;
        fs::write(context.join("src/7/7"), format!("change {number}")).unwrap();
    };
    let changed = median(TIMES, || {
        change();
        polyarch(home.path(), &context, &registry, &[])
    });
    let peer_changed = peer_cold.as_ref().zip(buildah.as_ref()).map(|((_, home, registry), buildah)| {
        change();
        with_buildah(buildah, home.path(), &context, registry)
    });
    print("one file changed", &changed, peer_changed.as_ref());
}

fn print(label: &str, own: &Took, other: Option<&Took>) {
    let memory = format!("{:.0} MB", own.memory);
    match other {
        Some(other) => {
            println!("{label:<34} {:>8.2}s {:>8.2}s {memory:>10} {:>7.1}", own.seconds, other.seconds, other.seconds / own.seconds);
        }
        None => println!("{label:<34} {:>8.2}s {:>9} {memory:>10} {:>7}", own.seconds, "-", "-"),
    }
}

/// Makes the folder.
fn fill(context: &Path) {
    for folder in 0..FOLDERS {
        let path = context.join("src").join(folder.to_string());
        fs::create_dir_all(&path).unwrap();
        for file in 0..FILES {
            let mut bytes = random_bytes((folder * FILES + file) as u64, SIZE / 2).to_vec();
            while bytes.len() < SIZE {
                bytes.extend_from_slice(
                    format!("line {} of file {file} in folder {folder}, much like the others\n", bytes.len()).as_bytes(),
                );
            }
            bytes.truncate(SIZE);
            fs::write(path.join(file.to_string()), bytes).unwrap();
        }
    }
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY src /src\n").unwrap();
}

/// Makes sure that both make one tree of it.
fn compare(buildah: &Path, context: &Path, registry: &DebianRegistry) {
    let skopeo = testkit::binary("skopeo").expect("skopeo comes with buildah");
    let trees = ["polyarch", "buildah"].map(|program| {
        let home = tempfile::tempdir().unwrap();
        match program {
            "polyarch" => polyarch(home.path(), context, registry, &[]),
            _ => with_buildah(buildah, home.path(), context, registry),
        };
        let layout = home.path().join("layout");
        let mut copy = Command::new(&skopeo);
        copy.args(["--insecure-policy", "copy", "--quiet", "--override-arch", "amd64", "--src-tls-verify=false"]);
        copy.args([format!("docker://{}", name(registry)), format!("dir:{}", layout.display())]);
        run(&mut copy);
        tree(&layout)
    });
    assert_eq!(trees[0].len(), FOLDERS * FILES + FOLDERS + 1);
    assert!(trees[0] == trees[1], "polyarch and buildah make different trees");
    println!("both make the same {} files and folders\n", trees[0].len());
}

/// Reads the one layer of an image in a folder of skopeo's: names, with modes, owners and lengths.
fn tree(layout: &Path) -> BTreeMap<Vec<u8>, (u32, u64, u64, u64)> {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(layout.join("manifest.json")).unwrap()).unwrap();
    let mut tree = BTreeMap::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        let blob = fs::File::open(layout.join(digest)).unwrap();
        let mut reader = Reader::new(Inflate::new(blob, InflateLimits::default()).unwrap(), Limits::default(), Rules::of_layer());
        while let Some(entry) = reader.next_entry().unwrap() {
            let mut bytes = 0;
            let mut chunk = [0; 65536];
            let mut content = reader.content();
            loop {
                match content.read(&mut chunk).unwrap() {
                    0 => break,
                    count => bytes += count as u64,
                }
            }
            tree.insert(entry.path, (entry.mode, entry.uid, entry.gid, bytes));
        }
    }
    tree
}

fn name(registry: &DebianRegistry) -> String {
    format!("{}/bench/tree:1", registry.host())
}

fn polyarch(home: &Path, context: &Path, registry: &DebianRegistry, words: &[&str]) -> Took {
    let program = std::env::var_os("POLYARCH_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_polyarch")), PathBuf::from);
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("POLYARCH_STORE", home.join("store"));
    command.args(["build", "--quiet", "--push", "--platform", PLATFORMS, "--tag", &name(registry)]).args(words).arg(context);
    run(&mut command)
}

/// Builds and pushes with buildah, each as one command, as its manual says. Its cache (`--layers`) is left out: with it,
/// buildah 1.28 gives one image to all platforms, labelled for the last of them.
fn with_buildah(buildah: &Path, home: &Path, context: &Path, registry: &DebianRegistry) -> Took {
    let own = |words: &[&str]| {
        let mut command = Command::new(buildah);
        command.env("HOME", home).arg("--root").arg(home.join("root")).arg("--runroot").arg(home.join("run")).args(words);
        command
    };
    let _ = own(&["manifest", "rm", "tree"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let mut build = own(&["build", "--quiet", "--jobs", "2", "--platform", PLATFORMS, "--manifest", "tree"]);
    let built = run(build.arg(context));
    let target = format!("docker://{}", name(registry));
    let pushed = run(&mut own(&["manifest", "push", "--quiet", "--all", "--tls-verify=false", "tree", &target]));
    Took { seconds: built.seconds + pushed.seconds, memory: built.memory.max(pushed.memory) }
}

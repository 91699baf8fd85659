//! Copying between two registries, measured against skopeo in the same run.
//!
//! Both programs copy from one of Debian's docker-registry to another, which is new for every run:
//! directly, and through proxies that add 20 ms per round trip. Prints seconds, the ratio to polyarch, the most memory held, and
//! for polyarch the requests of a run that finds nothing to do. Fails only where a program fails.
//! Run it by `cargo bench -p polyarch --bench copy`; it needs some 4 GB of disk for a few minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod measure;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use measure::{Took, median, run};
use testkit::fixtures::{Image, random_bytes, write_layout};
use testkit::proxy::Latency;
use testkit::registry::{DebianRegistry, RegistryOptions};

const PLATFORMS: [&str; 8] =
    ["linux/386", "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"];
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// The bytes of each platform's layer: one GB in all.
const LAYER: usize = 125_000_000;
const SMALL_IMAGES: usize = 200;
const TIMES: usize = 3;
const BIG: &str = "bench/big:1";
const SMALL: &str = "bench/small";

/// How far away the registries are.
struct Way {
    name: &'static str,
    round_trip: Option<Duration>,
}

const WAYS: [Way; 2] = [Way { name: "no delay", round_trip: None }, Way { name: "20 ms", round_trip: Some(ROUND_TRIP) }];

/// The registries of one run. The target is new: with what it has from another run, a blob could be
/// mounted, and nothing would be measured.
struct World<'a> {
    source: &'a DebianRegistry,
    target: DebianRegistry,
    /// Proxies before both, where they are far.
    far: Option<[Latency; 2]>,
    folder: tempfile::TempDir,
}

impl World<'_> {
    fn from(&self, name: &str) -> String {
        format!("{}/{name}", self.far.as_ref().map_or_else(|| self.source.host(), |far| far[0].host()))
    }

    fn to(&self, name: &str) -> String {
        format!("{}/{name}", self.far.as_ref().map_or_else(|| self.target.host(), |far| far[1].host()))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(source) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let skopeo = testkit::binary("skopeo");
    if skopeo.is_none() {
        testkit::skip("skopeo is not installed");
    }
    let world = |way: &Way| {
        let target = DebianRegistry::start(&RegistryOptions::default()).expect("a second registry starts");
        let start = |address| way.round_trip.map(|round_trip| runtime.block_on(Latency::start(address, round_trip)));
        let far = start(source.address()).zip(start(target.address())).map(|(from, to)| [from, to]);
        World { source: &source, target, far, folder: tempfile::tempdir().unwrap() }
    };
    fill(&source);
    println!("{:<44} {:>9} {:>9} {:>10} {:>7}", "", "polyarch", "skopeo", "memory", "ratio");
    for way in &WAYS {
        let own = median(TIMES, || {
            let world = world(way);
            polyarch(world.folder.path(), &["copy", &world.from(BIG), &world.to("copied:1")])
        });
        let other = skopeo.as_deref().map(|skopeo| {
            median(TIMES, || {
                let world = world(way);
                skopeo_copy(skopeo, world.folder.path(), &world.from(BIG), &world.to("copied:1"))
            })
        });
        print(&format!("1 GB, 8 platforms, {}", way.name), &own, other.as_ref());
    }
    for way in &WAYS {
        let own = median(TIMES, || {
            let world = world(way);
            polyarch(world.folder.path(), &["copy", "--all-tags", &world.from(SMALL), &world.to("copied")])
        });
        let other = skopeo.as_deref().map(|skopeo| {
            median(1, || {
                let world = world(way);
                let one = |tag: usize| {
                    let (from, to) = (format!("{}:{tag}", world.from(SMALL)), format!("{}:{tag}", world.to("copied")));
                    skopeo_copy(skopeo, world.folder.path(), &from, &to)
                };
                (0..SMALL_IMAGES).map(one).fold(Took { seconds: 0.0, memory: 0.0 }, |sum, one| Took {
                    seconds: sum.seconds + one.seconds,
                    memory: sum.memory.max(one.memory),
                })
            })
        });
        print(&format!("{SMALL_IMAGES} small images, {}", way.name), &own, other.as_ref());
    }
    let world = world(&WAYS[0]);
    let words = ["copy", &world.from(BIG), &world.to("copied:1")];
    polyarch(world.folder.path(), &words);
    source.clear_log();
    world.target.clear_log();
    let second = polyarch(world.folder.path(), &words);
    let requests = format!("{} + {} requests", source.requests().len(), world.target.requests().len());
    println!("{:<44} {:>8.2}s {requests}", "1 GB, 8 platforms, unchanged", second.seconds);
}

fn print(label: &str, own: &Took, other: Option<&Took>) {
    let memory = format!("{:.0} MB", own.memory);
    match other {
        Some(other) => {
            println!("{label:<44} {:>8.2}s {:>8.2}s {memory:>10} {:>7.2}", own.seconds, other.seconds, other.seconds / own.seconds)
        }
        None => println!("{label:<44} {:>8.2}s {:>9} {memory:>10} {:>7}", own.seconds, "-", "-"),
    }
}

/// Puts the large image and the small ones into the source.
fn fill(source: &DebianRegistry) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let target = format!("{}/{BIG}", source.host());
    let mut words = vec!["create".to_owned(), "--push".to_owned(), "-t".to_owned(), target];
    for (number, platform) in PLATFORMS.iter().enumerate() {
        let image = Image::new(platform).uncompressed().file("data", random_bytes(number as u64, LAYER)).build();
        let layout = folder.join("part");
        write_layout(&layout, &[(&image.manifest, None)], &[&image]);
        let name = format!("{}/bench/big:part-{number}", source.host());
        polyarch(folder, &["copy", &format!("oci:{}", layout.display()), &name]);
        std::fs::remove_dir_all(&layout).unwrap();
        words.push(name);
    }
    polyarch(folder, &words.iter().map(String::as_str).collect::<Vec<_>>());
    let small: Vec<_> = (0..SMALL_IMAGES).map(|number| Image::new("linux/amd64").text(&format!("number {number}")).build()).collect();
    let tags: Vec<String> = (0..SMALL_IMAGES).map(|number| number.to_string()).collect();
    let roots: Vec<_> = small.iter().zip(&tags).map(|(image, tag)| (&image.manifest, Some(tag.as_str()))).collect();
    let layout = folder.join("small");
    write_layout(&layout, &roots, &small.iter().collect::<Vec<_>>());
    polyarch(folder, &["copy", "--all-images", &format!("oci:{}", layout.display()), &format!("{}/{SMALL}", source.host())]);
}

fn polyarch(folder: &Path, words: &[&str]) -> Took {
    let program = std::env::var_os("POLYARCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_polyarch").into());
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder).env("POLYARCH_STORE", folder.join("store")).arg("--quiet").args(words);
    run(&mut command)
}

fn skopeo_copy(skopeo: &Path, folder: &Path, from: &str, to: &str) -> Took {
    let mut command = Command::new(skopeo);
    command.env("HOME", folder).args(["--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests"]);
    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
    command.args([format!("docker://{from}"), format!("docker://{to}")]);
    run(&mut command)
}

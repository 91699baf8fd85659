//! Copying between two registries, measured against skopeo in the same run.
//!
//! Both programs talk to the same two of Debian's docker-registry: directly, and through proxies
//! that add 20 ms per round trip. Prints seconds, the ratio to polyarch, the most memory held, and
//! for polyarch the requests of a run that finds nothing to do. Fails only where a program fails.
//! Run it by `cargo bench -p polyarch --bench copy`; it needs some 4 GB of disk for a few minutes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

/// What one program took.
struct Took {
    seconds: f64,
    /// The most memory that it held, in MB.
    memory: f64,
}

/// The two registries, as one program reaches them.
struct Way<'a> {
    name: &'static str,
    from: &'a str,
    to: &'a str,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (Some(source), Some(target)) =
        (DebianRegistry::start(&RegistryOptions::default()), DebianRegistry::start(&RegistryOptions::default()))
    else {
        return;
    };
    let skopeo = testkit::binary("skopeo");
    if skopeo.is_none() {
        testkit::skip("skopeo is not installed");
    }
    let far = [source.address(), target.address()].map(|address| runtime.block_on(Latency::start(address, ROUND_TRIP)));
    let folder = tempfile::tempdir().unwrap();
    fill(&source, folder.path());
    let (near_from, near_to, far_from, far_to) = (source.host(), target.host(), far[0].host(), far[1].host());
    let near = Way { name: "no delay", from: &near_from, to: &near_to };
    let far = Way { name: "20 ms", from: &far_from, to: &far_to };
    println!("{:<44} {:>9} {:>9} {:>10} {:>7}", "", "polyarch", "skopeo", "memory", "ratio");
    for way in [&near, &far] {
        let label = format!("1 GB, 8 platforms, {}", way.name);
        let own = median(|number| polyarch(folder.path(), &["copy", &big(way.from), &fresh(way.to, "own", way, number)]));
        let other = skopeo
            .as_deref()
            .map(|skopeo| median(|number| skopeo_copy(skopeo, folder.path(), &big(way.from), &fresh(way.to, "skopeo", way, number))));
        print(&label, &own, other.as_ref());
    }
    for way in [&near, &far] {
        let label = format!("{SMALL_IMAGES} small images, {}", way.name);
        let all = format!("{}/bench/small", way.from);
        let own =
            median(|number| polyarch(folder.path(), &["copy", "--all-tags", &all, &untagged(&fresh(way.to, "small-own", way, number))]));
        let other = skopeo.as_deref().map(|skopeo| {
            once(|| {
                let to = untagged(&fresh(way.to, "small-skopeo", way, 0));
                let mut took = Took { seconds: 0.0, memory: 0.0 };
                for number in 0..SMALL_IMAGES {
                    let one = skopeo_copy(skopeo, folder.path(), &format!("{all}:{number}"), &format!("{to}:{number}"));
                    took.seconds += one.seconds;
                    took.memory = took.memory.max(one.memory);
                }
                took
            })
        });
        print(&label, &own, other.as_ref());
    }
    let again = fresh(near.to, "own", &near, 0);
    source.clear_log();
    target.clear_log();
    let second = polyarch(folder.path(), &["copy", &big(near.from), &again]);
    let requests = format!("{} + {} requests", source.requests().len(), target.requests().len());
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

fn big(host: &str) -> String {
    format!("{host}/bench/big:1")
}

/// Returns a name that nothing has yet, in a repository of its own.
fn fresh(host: &str, program: &str, way: &Way, number: usize) -> String {
    format!("{host}/bench/{program}-{}-{number}:1", way.name.replace(' ', "-"))
}

fn untagged(name: &str) -> String {
    name.trim_end_matches(":1").to_owned()
}

/// Puts the large image and the small ones into the source.
fn fill(source: &DebianRegistry, folder: &Path) {
    let mut parts = Vec::new();
    for (number, platform) in PLATFORMS.iter().enumerate() {
        let image = Image::new(platform).uncompressed().file("data", random_bytes(number as u64, LAYER)).build();
        let layout = folder.join("part");
        write_layout(&layout, &[(&image.manifest, None)], &[&image]);
        let name = format!("{}/bench/big:part-{number}", source.host());
        polyarch(folder, &["copy", &format!("oci:{}", layout.display()), &name]);
        std::fs::remove_dir_all(&layout).unwrap();
        parts.push(name);
    }
    let target = big(&source.host());
    let words: Vec<&str> = ["create", "--push", "-t", &target].into_iter().chain(parts.iter().map(String::as_str)).collect();
    polyarch(folder, &words);
    let small: Vec<_> = (0..SMALL_IMAGES).map(|number| Image::new("linux/amd64").text(&format!("number {number}")).build()).collect();
    let tags: Vec<String> = (0..SMALL_IMAGES).map(|number| number.to_string()).collect();
    let roots: Vec<_> = small.iter().zip(&tags).map(|(image, tag)| (&image.manifest, Some(tag.as_str()))).collect();
    let layout = folder.join("small");
    write_layout(&layout, &roots, &small.iter().collect::<Vec<_>>());
    polyarch(folder, &["copy", "--all-images", &format!("oci:{}", layout.display()), &format!("{}/bench/small", source.host())]);
}

fn median(mut work: impl FnMut(usize) -> Took) -> Took {
    let mut all: Vec<Took> = (0..TIMES).map(&mut work).collect();
    all.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let memory = all.iter().map(|took| took.memory).fold(0.0, f64::max);
    Took { seconds: all[TIMES / 2].seconds, memory }
}

fn once(work: impl FnOnce() -> Took) -> Took {
    work()
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

/// Runs a program to its end, and looks meanwhile at the most memory that the kernel saw it hold.
fn run(command: &mut Command) -> Took {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0.0_f64;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{command:?}");
            return Took { seconds: start.elapsed().as_secs_f64(), memory };
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let most = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        memory = memory.max(most.unwrap_or(0.0) / 1000.0);
        std::thread::sleep(Duration::from_millis(2));
    }
}

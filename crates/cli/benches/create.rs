//! Assembling eight platforms of one repository, measured against `docker manifest` in the same run.
//!
//! Every program talks to Debian's docker-registry through a proxy that adds 50 ms per round trip.
//! Prints requests, seconds, the ratio, and the round trips that were waited for: the slope between
//! two lengths of a round trip, which leaves out what a program does without waiting. Fails only
//! where a program fails. Run it by `cargo bench -p polyarch` (built with the release profile).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::fixtures::{Image, write_layout};
use testkit::proxy::Latency;
use testkit::registry::{DebianRegistry, RegistryOptions};

const PLATFORMS: [&str; 8] =
    ["linux/386", "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"];
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// A second length, for the slope.
const LONGER: Duration = Duration::from_millis(150);
const TIMES: usize = 5;

/// One row of the result.
struct Row {
    program: &'static str,
    requests: usize,
    seconds: f64,
    round_trips: f64,
}

/// The world that every program is measured in.
struct World {
    registry: DebianRegistry,
    near: Latency,
    far: Latency,
    folder: tempfile::TempDir,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let near = runtime.block_on(Latency::start(registry.address(), ROUND_TRIP));
    let far = runtime.block_on(Latency::start(registry.address(), LONGER));
    let world = World { registry, near, far, folder: tempfile::tempdir().unwrap() };
    fill(&world.registry, world.folder.path());
    let folder = world.folder.path();
    let mut rows = vec![
        measure("polyarch create", &world, |host, number| polyarch(folder, host, number, true)),
        measure("polyarch create (unchanged)", &world, |host, _| polyarch(folder, host, 0, false)),
    ];
    if let Some(docker) = testkit::binary("docker") {
        rows.push(measure("docker manifest create, push", &world, |host, number| docker_manifest(&docker, folder, host, number)));
    } else {
        testkit::skip("docker is not installed");
    }
    let first = rows.first().map_or(1.0, |row| row.seconds);
    println!("{:<30} {:>9} {:>9} {:>7} {:>12}", "8 platforms, 50 ms", "requests", "seconds", "ratio", "round trips");
    for row in rows {
        let ratio = row.seconds / first;
        println!("{:<30} {:>9} {:>9.3} {ratio:>7.2} {:>12.1}", row.program, row.requests, row.seconds, row.round_trips);
    }
}

/// Pushes one image per platform, each under its own tag, without the proxy.
fn fill(registry: &DebianRegistry, folder: &Path) {
    for (number, platform) in PLATFORMS.iter().enumerate() {
        let image = Image::new(platform).text(platform).build();
        let layout = folder.join(format!("layout-{number}"));
        write_layout(&layout, &[(&image.manifest, None)], &[&image]);
        let target = format!("{}/bench/app:part-{number}", registry.host());
        run(command(folder).args(["create", "--push", "-t", &target, &format!("oci:{}", layout.display())]));
    }
}

/// Returns the requests of the last run and the median time of several.
fn measure(program: &'static str, world: &World, mut work: impl FnMut(&str, usize)) -> Row {
    // Every run has a tag of its own: one that is there already would cost less.
    let mut median = |host: &str, first: usize| {
        let mut seconds: Vec<f64> = Vec::new();
        for number in first..first + TIMES {
            world.registry.clear_log();
            let start = Instant::now();
            work(host, number);
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        seconds[TIMES / 2]
    };
    let seconds = median(&world.near.host(), 0);
    let requests = world.registry.requests().len();
    let round_trips = (median(&world.far.host(), TIMES) - seconds) / (LONGER - ROUND_TRIP).as_secs_f64();
    Row { program, requests, seconds, round_trips }
}

fn polyarch(folder: &Path, host: &str, number: usize, fresh: bool) {
    let store = tempfile::tempdir().unwrap();
    let mut command = command(folder);
    if fresh {
        // A store that remembers nothing: what a new machine in a pipeline has.
        command.env("POLYARCH_STORE", store.path());
    }
    command.args(["create", "--quiet", "--push", "-t", &format!("{host}/bench/app:all-{number}")]);
    command.args((0..PLATFORMS.len()).map(|part| format!("{host}/bench/app:part-{part}")));
    run(&mut command);
}

fn command(folder: &Path) -> Command {
    let program = std::env::var_os("POLYARCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_polyarch").into());
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder).env("POLYARCH_STORE", folder.join("store"));
    command
}

fn docker_manifest(docker: &Path, folder: &Path, host: &str, number: usize) {
    let config = folder.join("docker");
    let list = format!("{host}/bench/app:docker-{number}");
    let docker = |words: &[&str]| {
        let mut command = Command::new(docker);
        command.env("DOCKER_CONFIG", &config).env("DOCKER_CLI_EXPERIMENTAL", "enabled").arg("manifest").args(words);
        command
    };
    let mut create = docker(&["create", "--insecure", &list]);
    create.args((0..PLATFORMS.len()).map(|part| format!("{host}/bench/app:part-{part}")));
    run(&mut create);
    run(&mut docker(&["push", "--insecure", "--purge", &list]));
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

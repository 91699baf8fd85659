//! Small commands for three machines, by QEMU, measured against buildah in the same run; and a stage of this machine that six platforms
//! share.
//!
//! 20 `RUN`s each for amd64, arm64 and s390x over a base of busybox: cold (nothing is remembered, and the bases are unpacked), again with
//! `--no-cache`, and with nothing changed. buildah keeps no layers between and builds the three side by side, which is its quickest way,
//! or one after the other, as it does by itself.
//! It needs its emulators registered with the kernel: that is done in a user namespace of its own, so nothing of this machine changes, and
//! where it cannot be done, this machine's platform alone is compared, and the table says so. polyarch runs as it is, and registers by itself.
//! Fails only where a program fails, or where the shared stage ran more than once. Run it as root by `cargo xtask bench emulated` or
//! `cargo bench -p polyarch --bench emulated`. `POLYARCH_BUSYBOX` names a folder with `busybox-arm64` and `busybox-s390x`, of Debian's
//! packages busybox-static:arm64 and busybox-static:s390x; there is no other way to have a shell for them without a network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod measure;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use emulate::{Flags, Machine};
use measure::{Took, median, run};
use testkit::fixtures::{Image, Index, write_layout};

const COMMANDS: u32 = 20;
const TIMES: usize = 5;
/// The machines that commands are emulated for: their names here, in Docker, and in QEMU.
const OTHERS: [(Machine, &str, &str); 2] = [(Machine::Arm64, "arm64", "aarch64"), (Machine::S390x, "s390x", "s390x")];
/// Those that share a stage of this machine.
const SIX: [&str; 6] = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"];
/// BuildKit took 3.0 s for as many commands over bases that it had, and a third of that is what a build here may take, in seconds.
const GOAL: f64 = 1.0;
/// How many times faster than buildah it is to be.
const RATIO: f64 = 12.0;

/// Waits until it is somebody in the namespace, registers every line of a file there, and becomes the program behind it.
const INSIDE: &str = "read go; mkdir -p \"$1\" && mount -t binfmt_misc none \"$1\" || exit 111
while IFS= read -r line; do printf %s \"$line\" > \"$1/register\" || exit 111; done < \"$2\"; shift 2; exec \"$@\"";

fn main() {
    let Some(own) = testkit::busybox_layer() else { return testkit::skip("no busybox: apt-get install busybox-static") };
    if !testkit::is_root() {
        return testkit::skip("only root can give a namespace the users that buildah needs");
    }
    let Some(folder) = std::env::var_os("POLYARCH_BUSYBOX").map(PathBuf::from) else {
        return testkit::skip("POLYARCH_BUSYBOX names no folder with busybox-arm64 and busybox-s390x");
    };
    let mut images = vec![Image::new("linux/amd64").tar(own).build()];
    for (_, name, qemu) in OTHERS {
        let layer = testkit::busybox_layer_with(&folder.join(format!("busybox-{name}")));
        let Some(layer) = layer else { return testkit::skip(&format!("no busybox-{name} in {}", folder.display())) };
        if testkit::binary(&format!("qemu-{qemu}-static")).is_none() {
            return testkit::skip(&format!("no qemu-{qemu}-static: apt-get install qemu-user-static"));
        }
        images.push(Image::new(&format!("linux/{name}")).tar(layer).build());
    }
    let scratch = tempfile::tempdir().unwrap();
    let bench = Bench::new(scratch.path(), &images);
    println!("{:<46} {:>9} {:>9} {:>7}", "", "polyarch", "buildah", "ratio");
    bench.commands();
    bench.shared();
}

struct Bench<'a> {
    folder: &'a Path,
    buildah: Option<PathBuf>,
    /// Foreign programs run for buildah, in a namespace of its own.
    emulates: bool,
}

impl<'a> Bench<'a> {
    fn new(folder: &'a Path, images: &[testkit::fixtures::BuiltImage]) -> Self {
        let index = images.iter().fold(Index::new(), |index, image| index.image(image)).build();
        write_layout(&folder.join("base"), &[(&index, Some("latest"))], &images.iter().collect::<Vec<_>>());
        let context = folder.join("context");
        fs::create_dir(&context).unwrap();
        let steps: String = (0..COMMANDS).map(|number| format!("RUN echo {number} > /f{number}\n")).collect();
        let shared = "AS tools\nRUN --mount=type=cache,id=count,target=/count echo ran >> /count/runs && cp /count/runs /runs && sleep 1\n\
                      FROM scratch\nCOPY --from=tools /runs /runs\n";
        // buildah takes a layout for a base, and has no names for contexts. It makes a name of the path, which must be one in lower case.
        for (name, base) in [("Dockerfile", "base"), ("Dockerfile.buildah", "oci:base:latest")] {
            fs::write(context.join(name), format!("FROM {base}\n{steps}")).unwrap();
            fs::write(context.join(name.replace("Dockerfile", "Shared")), format!("FROM --platform=$BUILDPLATFORM {base} {shared}"))
                .unwrap();
        }
        let mut lines = File::create(folder.join("lines")).unwrap();
        let flags = Flags { opens_program: true, takes_credentials: true, is_fixed: true, ..Flags::default() };
        for (machine, _, qemu) in OTHERS {
            let program = testkit::binary(&format!("qemu-{qemu}-static")).unwrap();
            lines.write_all(&machine.registration(&program, flags).unwrap()).unwrap();
            lines.write_all(b"\n").unwrap();
        }
        let mut bench = Self { folder, buildah: testkit::binary("buildah"), emulates: true };
        bench.emulates = bench.inside(Command::new("true").arg("--")).is_some();
        if bench.buildah.is_none() {
            testkit::skip("buildah is not installed");
        }
        bench
    }

    /// 20 commands for each of three machines.
    fn commands(&self) {
        let all = "linux/amd64,linux/arm64,linux/s390x";
        let cold = median(TIMES, || self.polyarch(tempfile::tempdir().unwrap().path(), "Dockerfile", all, &["--tag", "runs:1"]));
        let home = tempfile::tempdir().unwrap();
        let own = |words: &[&str]| self.polyarch(home.path(), "Dockerfile", all, &[&["--tag", "runs:1"], words].concat());
        own(&[]);
        let (warm, again) = (median(TIMES, || own(&["--no-cache"])), median(TIMES, || own(&[])));
        let platforms = if self.emulates { all } else { "linux/amd64" };
        let (usual, peer) = (self.buildah(platforms, "Dockerfile.buildah", "1"), self.buildah(platforms, "Dockerfile.buildah", "3"));
        print("20 commands x 3 machines, cold", &cold, peer.as_ref().filter(|_| self.emulates));
        print("the same, buildah without --jobs 3", &cold, usual.as_ref().filter(|_| self.emulates));
        print("20 commands x 3 machines, again", &warm, peer.as_ref().filter(|_| self.emulates));
        print("nothing changed", &again, None);
        if let Some(peer) = peer.as_ref().filter(|_| !self.emulates) {
            let one =
                median(TIMES, || self.polyarch(tempfile::tempdir().unwrap().path(), "Dockerfile", "linux/amd64", &["--tag", "runs:1"]));
            println!("no emulators can be registered here (binfmt_misc in a user namespace, Linux 6.7), so buildah runs amd64 alone:");
            print("20 commands x 1 machine, cold", &one, Some(peer));
        }
        let verdict = |holds: bool| if holds { "holds" } else { "MISSED" };
        println!(
            "goal: at most {GOAL:.1} s again, a third of BuildKit's time on a machine with nothing else to do: {}",
            verdict(warm.seconds <= GOAL)
        );
        if let Some(usual) = usual.filter(|_| self.emulates) {
            println!(
                "goal: {RATIO} times faster than buildah as it is by itself, cold: {}",
                verdict(usual.seconds / cold.seconds >= RATIO)
            );
        }
    }

    /// A stage of this machine that six platforms take a file from. Its command takes a second. buildah 1.28 takes the base of such a
    /// stage for each platform, and so does not build it where the base is not made for one.
    fn shared(&self) {
        let (home, all) = (tempfile::tempdir().unwrap(), SIX.join(","));
        let out = home.path().join("out");
        let output = format!("type=local,dest={}", out.display());
        let own = self.polyarch(home.path(), "Shared", &all, &["--output", &output]);
        let counts: Vec<usize> = SIX
            .iter()
            .map(|platform| fs::read_to_string(out.join(platform.replace('/', "_")).join("runs")).unwrap().lines().count())
            .collect();
        assert_eq!(counts, [1; SIX.len()], "the shared stage ran more than once");
        print("a stage of this machine, for six platforms", &own, None);
        println!("it ran once in polyarch: each platform's file has its one line");
    }

    fn polyarch(&self, home: &Path, file: &str, platforms: &str, words: &[&str]) -> Took {
        let program = std::env::var_os("POLYARCH_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_polyarch")), PathBuf::from);
        let mut command = Command::new(program);
        command.env_clear().env("HOME", home).env("POLYARCH_STORE", home.join("store")).env("PATH", std::env::var_os("PATH").unwrap());
        command.args(["build", "--quiet", "--platform", platforms, "--file"]).arg(self.folder.join("context").join(file));
        command.arg(format!("--build-context=base=oci-layout://{}:latest", self.folder.join("base").display()));
        run(command.args(words).arg(self.folder.join("context")).stderr(Stdio::null()))
    }

    /// Builds with buildah; `None` where it is not here.
    fn buildah(&self, platforms: &str, file: &str, jobs: &str) -> Option<Took> {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(self.buildah.as_ref()?);
        command.arg("--root").arg(home.path().join("root")).arg("--runroot").arg(home.path().join("run"));
        command.args(["build", "--quiet", "--jobs", jobs, "--platform", platforms, "--manifest", "runs", "--file"]);
        command
            .arg(self.folder.join("context").join(file))
            .arg(self.folder.join("context"))
            .env("HOME", home.path())
            .current_dir(self.folder);
        if self.emulates { self.inside(&mut command) } else { Some(run(&mut command)) }
    }

    /// Runs a program in a user namespace in which emulators are registered; `None` where that cannot be.
    fn inside(&self, command: &mut Command) -> Option<Took> {
        let mut inside = Command::new("unshare");
        inside.args(["--user", "--mount", "sh", "-c", INSIDE, "sh"]).arg(self.folder.join("handlers")).arg(self.folder.join("lines"));
        inside.arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap_or_default());
        }
        let mut child = inside.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().ok()?;
        let own = fs::read_link("/proc/self/ns/user").ok()?;
        // The namespace is there when it is another one than ours.
        while fs::read_link(format!("/proc/{}/ns/user", child.id())).ok()? == own {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{map}", child.id()), "0 0 65536").unwrap();
        }
        let start = Instant::now();
        child.stdin.take()?.write_all(b"\n").ok()?;
        let status = child.wait().ok()?;
        match status.code() {
            Some(0) => Some(Took { seconds: start.elapsed().as_secs_f64(), memory: 0.0 }),
            Some(111) => None,
            _ => panic!("{command:?}: {status}"),
        }
    }
}

fn print(label: &str, own: &Took, other: Option<&Took>) {
    match other {
        Some(other) => println!("{label:<46} {:>8.2}s {:>8.2}s {:>7.1}", own.seconds, other.seconds, other.seconds / own.seconds),
        None => println!("{label:<46} {:>8.2}s {:>9} {:>7}", own.seconds, "-", "-"),
    }
}

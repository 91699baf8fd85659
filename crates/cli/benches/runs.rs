//! Small commands, one after the other, measured against buildah and against the same commands in a bare chroot, in the same run.
//!
//! 30 `RUN`s of one platform over a base of busybox: cold (nothing is remembered, and the base is unpacked), again with `--no-cache`
//! (the base is there), and with nothing changed. buildah keeps no layers between them, which is its quickest way. Prints seconds,
//! the ratio to polyarch, and what each command costs beyond its own time. Fails only where a program fails. Run it as root by
//! `cargo xtask bench runs` or `cargo bench -p polyarch --bench runs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use measure::{Took, median, run};
use testkit::fixtures::{Image, write_layout};

const COMMANDS: u32 = 30;
const TIMES: usize = 5;

fn main() {
    let Some(tar) = testkit::busybox_layer() else { return testkit::skip("no busybox: apt-get install busybox-static") };
    if !testkit::is_root() {
        return testkit::skip("only root can compare with a chroot");
    }
    let folder = tempfile::tempdir().unwrap();
    let (context, layout, root) = (folder.path().join("context"), folder.path().join("base"), folder.path().join("root"));
    let image = Image::new("linux/amd64").tar(tar.clone()).build();
    write_layout(&layout, &[(&image.manifest, Some("latest"))], &[&image]);
    fs::create_dir_all(&context).unwrap();
    fs::create_dir_all(&root).unwrap();
    let steps: String = (0..COMMANDS).map(|number| format!("RUN {}\n", command(number))).collect();
    fs::write(context.join("Dockerfile"), format!("FROM base\n{steps}")).unwrap();
    let own = |home: &Path, words: &[&str]| polyarch(home, &layout, &context, words);
    let cold = median(TIMES, || own(tempfile::tempdir().unwrap().path(), &[]));
    let home = tempfile::tempdir().unwrap();
    own(home.path(), &[]);
    let warm = median(TIMES, || own(home.path(), &["--no-cache"]));
    let again = median(TIMES, || own(home.path(), &[]));
    let buildah = testkit::binary("buildah");
    let peer = buildah.as_ref().map(|buildah| {
        let home = tempfile::tempdir().unwrap();
        let pulled = with_buildah(buildah, home.path()).args(["pull", "oci:base:latest"]).current_dir(folder.path()).output().unwrap();
        let base = String::from_utf8(pulled.stdout).unwrap().trim().to_owned();
        assert!(!base.is_empty(), "{}", String::from_utf8_lossy(&pulled.stderr));
        fs::write(context.join("Dockerfile.buildah"), format!("FROM {base}\n{steps}")).unwrap();
        let mut build = with_buildah(buildah, home.path());
        run(build.args(["build", "--quiet", "-t", "runs:1", "-f"]).arg(context.join("Dockerfile.buildah")).arg(&context))
    });
    if peer.is_none() {
        testkit::skip("buildah is not installed");
    }
    println!("{:<34} {:>9} {:>9} {:>10} {:>7}", "", "polyarch", "buildah", "memory", "ratio");
    print("30 commands, cold", &cold, peer.as_ref());
    print("30 commands again", &warm, peer.as_ref());
    print("nothing changed", &again, None);
    let bare = bare(&tar, &root);
    let each = |seconds: f64| 1000.0 * (seconds - bare) / f64::from(COMMANDS);
    println!(
        "\nin a bare chroot {:.2}s; each command costs {:.1} ms more, of which the start of the program is a part",
        bare,
        each(warm.seconds)
    );
}

fn command(number: u32) -> String {
    format!("echo {number} > /f{number}")
}

/// Runs the same commands in a chroot, and returns the seconds.
fn bare(tar: &[u8], root: &Path) -> f64 {
    fs::write(root.with_extension("tar"), tar).unwrap();
    run(Command::new("tar").arg("-C").arg(root).arg("-xf").arg(root.with_extension("tar")));
    let start = Instant::now();
    for number in 0..COMMANDS {
        let status = Command::new("chroot").arg(root).args(["/bin/sh", "-c", &command(number)]).status().unwrap();
        assert!(status.success());
    }
    start.elapsed().as_secs_f64()
}

fn polyarch(home: &Path, layout: &Path, context: &Path, words: &[&str]) -> Took {
    let program = std::env::var_os("POLYARCH_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_polyarch")), PathBuf::from);
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("POLYARCH_STORE", home.join("store"));
    command.args(["build", "--quiet", "--platform", "linux/amd64", "--tag", "runs:1"]);
    run(command.arg(format!("--build-context=base=oci-layout://{}:latest", layout.display())).args(words).arg(context))
}

fn with_buildah(buildah: &Path, home: &Path) -> Command {
    let mut command = Command::new(buildah);
    command.env("HOME", home).arg("--root").arg(home.join("root")).arg("--runroot").arg(home.join("run"));
    command
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

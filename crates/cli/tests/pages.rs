//! Every console page is run: the README, the documents, and the pages beside this file that hold
//! what the program says, exit codes and both streams.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;
#[path = "remotes/repository.rs"]
mod repository;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use content::{Keep, Shelf};
use oci::Digest;
use program::{Home, images, index_of};
use testkit::fixtures::{Image, attestation_entry, attestation_for, docker_save, referred, write_layout};
use testkit::transcript::Transcript;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn program() -> Transcript {
    Transcript::new(&program::binary())
}

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages").join(name)
}

/// A folder with what the pages need: layouts, archives, an image that lies about its platform.
fn workshop() -> Home {
    let home = Home::new();
    let made = images(&["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64:10.0.20348.2340"]);
    let all: Vec<_> = made.iter().collect();
    home.layout("parts", &all);
    let attestation = attestation_for(&made[0]);
    let attested = testkit::fixtures::Index::new().image(&made[0]).image(&made[1]).add(attestation_entry(&attestation, &made[0])).build();
    write_layout(&home.path().join("attested"), &[(&attested, Some("1.0"))], &[&made[0], &made[1], &attestation]);
    let mut wrong = made[0].descriptor();
    wrong.platform = Some(testkit::fixtures::platform("linux/s390x"));
    let lie = testkit::fixtures::Index::new().add(wrong).build();
    write_layout(&home.path().join("lie"), &[(&lie, Some("1.0"))], &[&made[0]]);
    let pair = index_of(&[&made[0], &made[1]]);
    write_layout(&home.path().join("broken"), &[(&pair, Some("1.0"))], &[&made[0]]);
    // A platform in a nested index, one that only the config tells, an artifact, and text that steers a terminal.
    let inner = index_of(&[&made[1]]);
    let artifact = Image::new("linux/amd64").artifact("application/vnd.acme.report").build();
    let unsaid = |image: &testkit::fixtures::BuiltImage| oci::Descriptor { platform: None, artifact_type: None, ..image.descriptor() };
    let odd = testkit::fixtures::Index::new().add(unsaid(&made[2])).add(inner.descriptor()).add(unsaid(&artifact));
    let odd = odd.annotation("acme.note", "\u{1b}[31mred\nerror: forged").build();
    write_layout(&home.path().join("odd"), &[(&odd, Some("1.0")), (&inner, Some("localhost/inner:1"))], &[&made[1], &made[2], &artifact]);
    let signed = store::Layout::create_or_open(home.path().join("signed")).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(referred().put(&signed, "1.0"));
    let riscv = Image::new("linux/riscv64").text("riscv").build();
    std::fs::write(home.path().join("riscv64.tar"), docker_save(&[(&riscv, &["api:riscv64"])])).unwrap();
    home
}

fn run(name: &str) {
    run_in(&workshop(), name);
}

fn run_in(home: &Home, name: &str) {
    let folder = home.path().display().to_string();
    program().current_dir(home.path()).env("HOME", &folder).replace(&folder, "/home/me").run_file(&page(name));
}

#[test]
fn readme() {
    let home = Home::new();
    let page = program().current_dir(&root()).env("HOME", &home.path().display().to_string());
    page.alias("cargo run --release --", "polyarch").run_file(&root().join("README.md"));
}

#[test]
fn create() {
    run("create.md");
}

#[test]
fn copy() {
    run("copy.md");
}

#[test]
fn errors() {
    run("errors.md");
}

#[test]
fn inspect() {
    run("inspect.md");
}

#[test]
fn store() {
    run("store.md");
}

#[test]
fn cache() {
    let home = workshop();
    // What a build of the first second of 2020 remembered, and one of now.
    let year_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    let remember = |now: SystemTime, documents: &[(Shelf, &str)]| {
        let store = store::Store::open(home.path().join(".local/share/polyarch"), Arc::new(move || now)).unwrap();
        documents.iter().for_each(|(shelf, text)| store.put(*shelf, &Digest::of(text.as_bytes()), text.as_bytes()));
    };
    remember(year_2020, &[(Shelf::Steps, "old"), (Shelf::Shapes, ""), (Shelf::Files, "some files")]);
    remember(SystemTime::now(), &[(Shelf::Steps, "new"), (Shelf::Paths, "some paths")]);
    run_in(&home, "cache.md");
}

/// A folder with what builds need: a context, and the examples.
fn bakery() -> Home {
    let home = Home::new();
    std::os::unix::fs::symlink(root().join("examples"), home.path().join("examples")).unwrap();
    let app = home.path().join("app");
    std::fs::create_dir(&app).unwrap();
    for name in ["amd64", "arm64", "arm-v7", "s390x"] {
        let folder = app.join("bin").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(root().join("examples/hello/bin").join(name).join("hello"), folder.join("hello")).unwrap();
    }
    for (name, text) in [
        ("Dockerfile", "FROM scratch\nCOPY server.txt /srv/\n"),
        ("server.txt", "serving\n"),
        ("secret.env", "TOKEN=1\n"),
        (".dockerignore", "*.env\nDockerfile*\n"),
    ] {
        std::fs::write(app.join(name), text).unwrap();
    }
    home
}

#[test]
fn build() {
    run_in(&bakery(), "build.md");
}

#[test]
fn check() {
    let home = bakery();
    let image = Image::new("linux/amd64").text("single").build();
    write_layout(&home.path().join("single"), &[(&image.manifest, Some("1.0"))], &[&image]);
    run_in(&home, "check.md");
}

/// The page about the checks; the examples of its rules are looked at where the rules are.
#[test]
fn checks() {
    let home = Home::new();
    let app = home.path().join("app");
    std::fs::create_dir(&app).unwrap();
    for (name, text) in [
        ("Dockerfile", "FROM scratch\nCOPY server /server\nENTRYPOINT /server --verbose\n"),
        (
            "Dockerfile.strict",
            "# check=error=true\nFROM scratch\n# check=skip=JSONArgsRecommended\nENTRYPOINT /server --verbose\nMAINTAINER me\n",
        ),
    ] {
        std::fs::write(app.join(name), text).unwrap();
    }
    let page = program().current_dir(home.path()).env("HOME", &home.path().display().to_string());
    page.run_file(&root().join("docs/checks.md"));
}

#[test]
fn plan() {
    run_in(&bakery(), "plan.md");
}

/// The page about `RUN`, over a base that has a shell.
#[test]
fn commands_of_a_build() {
    let Some(home) = Home::with_shell() else { return };
    std::fs::create_dir_all(home.path().join("app/src")).unwrap();
    for (name, text) in [
        ("token.txt", "s3cret\n"),
        ("app/src/greeting", "hello\n"),
        (
            "app/Dockerfile",
            "FROM busybox:1.37\nARG VERSION=1.0\nENV MODE=release\nWORKDIR /work\n\
             RUN --mount=source=src,target=/src cp /src/greeting . && cat greeting\n\
             RUN echo \"$VERSION $MODE\" > version && cat version\n",
        ),
        (
            "app/Dockerfile.mounts",
            "FROM busybox:1.37\n\
             RUN --mount=type=cache,target=/cache echo built >> /cache/builds && wc -l < /cache/builds\n\
             RUN --mount=type=secret,id=token wc -c < /run/secrets/token\n\
             RUN --mount=type=secret,id=token,env=TOKEN test -n \"$TOKEN\" && echo \"there is a token\"\n\
             RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && ls /scratch\n\
             RUN ls -d /cache /run /scratch 2>/dev/null || echo \"nothing is left of them\"\n",
        ),
        ("app/Dockerfile.foreign", "FROM busybox:1.37\nRUN echo hello > /greeting\n"),
        (
            "app/Dockerfile.cross",
            "FROM --platform=$BUILDPLATFORM busybox:1.37 AS tools\nARG TARGETARCH\nRUN echo \"hello, $TARGETARCH\" > /greeting\n\
             FROM scratch\nCOPY --from=tools /greeting /greeting\n",
        ),
    ] {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    let page = program().current_dir(home.path()).env("HOME", &home.path().display().to_string());
    page.run_file(&root().join("docs/dockerfile-run.md"));
}

/// A folder with an image that has a shell, and one for another machine.
fn diner() -> Option<Home> {
    let home = Home::with_shell()?;
    let foreign = Image::new("linux/sparc64").text("foreign").build();
    write_layout(&home.path().join("foreign"), &[(&foreign.manifest, Some("1.0"))], &[&foreign]);
    std::fs::create_dir(home.path().join("app")).unwrap();
    let text = "FROM busybox:1.37\nENV GREETING=hello\nWORKDIR /srv\nRUN echo \"$GREETING from the image\" > greeting\nUSER www-data\n\
                CMD [\"cat\", \"greeting\"]\n";
    std::fs::write(home.path().join("app/Dockerfile"), text).unwrap();
    Some(home)
}

/// The page about programs of images.
#[test]
fn programs() {
    let Some(home) = diner() else { return };
    let page = program().current_dir(home.path()).env("HOME", &home.path().display().to_string());
    page.run_file(&root().join("docs/run.md"));
}

#[test]
fn programs_that_are_not_run() {
    let Some(home) = diner() else { return };
    home.done(&["build", "--platform=linux/amd64", "-t", "app:1.0", "app"]);
    run_in(&home, "run.md");
}

/// The page about programs of other machines, with QEMU in a folder.
#[test]
fn programs_of_other_machines() {
    let qemu = |machine: &str| testkit::binary(&format!("qemu-{machine}-static"));
    let (Some(arm64), Some(s390x)) = (qemu("aarch64"), qemu("s390x")) else {
        return testkit::skip("no QEMU: apt-get install qemu-user-static");
    };
    if !testkit::contains() {
        return;
    }
    let home = Home::new();
    let folder = home.path().join("qemu");
    std::fs::create_dir(&folder).unwrap();
    for (name, file) in [("qemu-aarch64-static", arm64), ("qemu-s390x-static", s390x)] {
        std::fs::copy(file, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("qemu-arm-static"), "#!/bin/sh\n").unwrap();
    let hello = std::fs::read(root().join("examples/hello/bin/arm64/hello")).unwrap();
    let (mut tar, mut header) = (tar::Builder::new(Vec::new()), tar::Header::new_gnu());
    header.set_mode(0o755);
    header.set_size(hello.len() as u64);
    tar.append_data(&mut header, "hello", hello.as_slice()).unwrap();
    let image = Image::new("linux/arm64").tar(tar.into_inner().unwrap());
    let image = image.config(|config| config["config"]["Entrypoint"] = serde_json::json!(["/hello"])).build();
    write_layout(&home.path().join("hello"), &[(&image.manifest, Some("1.0"))], &[&image]);
    let path = home.path().display().to_string();
    let page = program().current_dir(home.path()).env("HOME", &path).replace(&path, "/home/me");
    page.run_file(&root().join("docs/emulation.md"));
}

/// The page about how images came to be, with a registry that is called as it is there.
#[test]
fn provenance() {
    let (home, served) = (Home::new(), Home::new());
    let serving = program::Serving::start(&served, &[]);
    std::fs::create_dir(home.path().join("app")).unwrap();
    let base = |platform: &str| Image::new(platform).file("etc/base", "base\n").build();
    let (amd64, arm64) = (base("linux/amd64"), base("linux/arm64"));
    write_layout(&home.path().join("base"), &[(&index_of(&[&amd64, &arm64]), Some("2"))], &[&amd64, &arm64]);
    home.done(&["copy", "oci:base:2", &format!("{}/acme/base:2", serving.host)]);
    std::fs::write(home.path().join("app/greeting"), "hello\n").unwrap();
    let text = "FROM HOST/acme/base:2\nARG VERSION\nLABEL org.opencontainers.image.version=$VERSION\nCOPY greeting /greeting\n";
    std::fs::write(home.path().join("app/Dockerfile"), text.replace("HOST", &serving.host)).unwrap();
    let page = program().current_dir(home.path()).env("HOME", &home.path().display().to_string());
    page.replace(&serving.host, "registry.example.com").run_file(&root().join("docs/provenance.md"));
}

/// The page about what is elsewhere, with servers of our own.
#[test]
fn what_is_elsewhere() {
    if !repository::has_git() {
        return testkit::skip("needs git");
    }
    let all = repository::Repositories::new();
    let dockerfile = "FROM scratch\nCOPY . /\n";
    all.make("api", &[("Dockerfile", dockerfile), ("tool/Dockerfile", dockerfile), ("tool/x", "x")]);
    all.then("api", &["tag", "v1"]);
    let (mut tar, mut header) = (tar::Builder::new(Vec::new()), tar::Header::new_gnu());
    header.set_size(3);
    header.set_mode(0o644);
    tar.append_data(&mut header, "lib/a", &b"lib"[..]).unwrap();
    let (tar, root_folder) = (tar.into_inner().unwrap(), all.folder.path().to_owned());
    let web = program::web::Web::start(move |asked| match asked.path.as_str() {
        "/Dockerfile" => program::web::Reply::ok("FROM scratch\nCOPY a /\n"),
        "/lib.tar.gz" => program::web::Reply::ok(tar.clone()),
        "/hello" => program::web::Reply::ok("hello"),
        "/cloud.tar" => program::web::Reply::to("http://169.254.169.254/latest/user-data"),
        _ => repository::backend(&root_folder, asked),
    });
    let home = Home::new();
    let text = std::fs::read_to_string(root().join("docs/remote-contexts.md")).unwrap();
    let added = text.split("```dockerfile\n").nth(1).unwrap().split("```").next().unwrap();
    let added = format!("FROM scratch\n{added}").replace("https://git.example", &web.url(""));
    for (name, text) in [("a", "a"), ("Dockerfile", "FROM scratch\nCOPY --from=lib lib /lib\n"), ("Dockerfile.add", added.as_str())] {
        std::fs::write(home.path().join(name), text).unwrap();
    }
    let page = program().current_dir(home.path()).env("HOME", &home.path().display().to_string());
    page.replace(&web.url(""), "https://git.example").run_file(&root().join("docs/remote-contexts.md"));
}

/// Runs the page of an example as it is read: from the root of the repository.
fn example(name: &str) {
    let home = Home::new();
    let page = root().join("examples").join(name).join("README.md");
    program().current_dir(&root()).env("HOME", &home.path().display().to_string()).run_file(&page);
}

#[test]
fn the_example_hello() {
    example("hello");
}

#[test]
fn the_example_dockerfiles() {
    example("dockerfiles");
}

#[test]
fn the_example_prebuilt() {
    example("prebuilt");
    let read = |path: &str| std::fs::read(root().join("examples").join(path)).unwrap();
    for (there, here) in [("amd64", "x86_64"), ("arm64", "aarch64"), ("arm-v7", "armv7l"), ("riscv64", "riscv64")] {
        assert_eq!(read(&format!("hello/bin/{there}/hello")), read(&format!("prebuilt/dist/hello-{here}")), "{here}");
    }
}

#[test]
fn help() {
    run("help.md");
}

/// docs/cli.md is what the program says of itself.
#[test]
fn the_reference_is_up_to_date() {
    let home = Home::new();
    let said = home.run(&["help", "--markdown"]);
    let path = root().join("docs/cli.md");
    if std::env::var_os("UPDATE_TRANSCRIPTS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &said.stdout).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(said.stdout == written, "docs/cli.md differs from `polyarch help --markdown`: run `cargo xtask docs`");
}

#[test]
fn completion_knows_every_verb() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.done(&["completion", shell]);
        for verb in ["create", "inspect", "serve", "prune"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

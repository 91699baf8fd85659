//! Under other tools' names: scripts that run unchanged, with and without a real docker behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use program::clients::Client;
use program::{Home, Ran, binary, images};
use serde_json::Value;
use testkit::registry::{DebianRegistry, RegistryOptions};

/// A release script as people have it: not a word of it is ours.
const SCRIPT: &str = r#"set -eu
docker manifest create --insecure --amend "$IMAGE" "$REPOSITORY:amd64" "$REPOSITORY:arm64"
docker manifest annotate "$IMAGE" "$REPOSITORY:arm64" --os linux --arch arm64 --os-version 7
docker manifest inspect "$IMAGE" > inspected
docker manifest push --insecure --purge "$IMAGE"
docker manifest create --insecure --amend "$IMAGE" "$REPOSITORY:arm-v7"
docker manifest push --insecure --purge "$IMAGE"
"#;

struct World {
    home: Home,
    registry: DebianRegistry,
    /// The folder with the links.
    links: PathBuf,
}

impl World {
    fn start() -> Option<Self> {
        let registry = DebianRegistry::start(&RegistryOptions::default())?;
        let home = Home::new();
        let layout = home.layout("parts", &images(&["linux/amd64", "linux/arm64", "linux/arm/v7"]).iter().collect::<Vec<_>>());
        for tag in ["amd64", "arm64", "arm-v7"] {
            home.done(&["copy", &format!("oci:{}:{tag}", layout.display()), &format!("docker://{}/app:{tag}", registry.host())]);
        }
        let links = home.path().join("links");
        home.done(&["shims", "install", "--docker", &links.display().to_string()]);
        Some(Self { home, registry, links })
    }

    /// Runs a shell script that finds the links, then only these folders.
    fn script(&self, text: &str, behind: &[&Path]) -> Ran {
        let mut path = self.links.clone().into_os_string();
        for folder in behind.iter().copied().chain([Path::new("/nowhere")]) {
            path.push(":");
            path.push(folder);
        }
        let repository = format!("{}/app", self.registry.host());
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(text).env_clear().env("PATH", path).env("HOME", self.home.path()).current_dir(self.home.path());
        Ran::of(command.env("IMAGE", format!("{repository}:1")).env("REPOSITORY", repository))
    }

    fn platforms(&self) -> Vec<Value> {
        let tree: Value =
            serde_json::from_str(&self.home.done(&["inspect", "--raw", &format!("docker://{}/app:1", self.registry.host())])).unwrap();
        tree["manifests"].as_array().unwrap().iter().map(|entry| entry["platform"].clone()).collect()
    }
}

/// A program that says how it was called, in the place of docker.
fn pretender(folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join("docker");
    executable(&file, "#!/bin/sh\nprintf 'real:'\nprintf ' <%s>' \"$@\"\necho\nexit 42\n");
    file
}

/// A folder for links, without a registry.
struct Folder {
    home: Home,
    links: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let home = Home::new();
        let links = home.path().join("links");
        home.done(&["shims", "install", "--docker", &links.display().to_string()]);
        Self { home, links }
    }

    /// Puts a script called docker into a folder, and returns the folder.
    fn docker(&self, folder: &str, script: &str) -> PathBuf {
        let folder = self.home.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        executable(&folder.join("docker"), &format!("#!/bin/sh\n{script}\n"));
        folder
    }

    /// Runs a shell script with only these folders on PATH, and not for ever.
    fn script(&self, text: &str, path: &[&Path]) -> Ran {
        let mut command = Command::new("timeout");
        command.args(["20", "/bin/sh", "-c", "export PATH=\"$1\"; eval \"$2\"", "sh"]).arg(std::env::join_paths(path).unwrap()).arg(text);
        let usual = std::env::var_os("PATH").unwrap();
        Ran::of(command.env_clear().env("PATH", usual).env("HOME", self.home.path()).current_dir(self.home.path()))
    }

    /// Runs docker through the link, with the pretender behind it.
    fn linked(&self, words: &str) -> Ran {
        let real = self.home.path().join("real");
        pretender(&real);
        self.script(&format!("docker {words}"), &[&self.links, &real])
    }
}

fn executable(file: &Path, text: &str) {
    made(&["/bin/sh", "-c", "printf %s \"$2\" > \"$1\" && chmod +x \"$1\"", "sh", &file.display().to_string(), text]);
}

/// Runs a program that writes one. A file that this process had open for writing could be open in a child of
/// another test's, and would be busy then.
fn made(words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{words:?}");
}

fn copied(file: &Path) {
    made(&["cp", &binary().display().to_string(), &file.display().to_string()]);
}

#[test]
fn a_release_script_runs_unchanged_without_docker_and_loses_no_platform() {
    let Some(world) = World::start() else { return };
    let ran = world.script(SCRIPT, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() == 4 && lines[0].starts_with("Created manifest list ") && lines[1].starts_with("sha256:"), "{lines:?}");
    let platforms = world.platforms();
    assert_eq!(platforms.len(), 3, "{platforms:?}");
    assert!(platforms.iter().any(|platform| platform["os.version"] == "7" && platform["architecture"] == "arm64"), "{platforms:?}");
    assert!(std::fs::read_to_string(world.home.path().join("inspected")).unwrap().contains("\"os.version\": \"7\""));
}

#[test]
fn a_release_script_runs_unchanged_with_a_real_docker_behind() {
    let Some(world) = World::start() else { return };
    for client in Client::all() {
        let ran = world.script(SCRIPT, &[client.path.parent().unwrap()]);
        assert_eq!((ran.code, world.platforms().len()), (0, 3), "{}", ran.stderr);
        let version = world.script("docker --version", &[client.path.parent().unwrap()]);
        assert_eq!((version.code, version.stdout.starts_with("Docker version ")), (0, true), "{version:?}");
        // Its own errors and exit codes come through.
        let unknown = world.script("docker manifestt", &[client.path.parent().unwrap()]);
        assert!(unknown.code != 0 && unknown.stderr.contains("manifestt"), "{unknown:?}");
    }
}

#[test]
fn every_other_word_goes_to_the_docker_behind_as_it_is() {
    let Some(world) = World::start() else { return };
    let real = world.home.path().join("real");
    pretender(&real);
    for (words, seen) in [
        ("build -t a .", "<build> <-t> <a> <.>"),
        ("run --rm a manifest", "<run> <--rm> <a> <manifest>"),
        ("--context manifest ps", "<--context> <manifest> <ps>"),
        ("buildx build --platform linux/arm64 .", "<buildx> <build> <--platform> <linux/arm64> <.>"),
        ("buildx ls", "<buildx> <ls>"),
        ("'two words' ''", "<two words> <>"),
        ("--help", "<--help>"),
        ("", ""),
    ] {
        let ran = world.script(&format!("docker {words}"), &[&real]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (42, format!("real:{}\n", if seen.is_empty() { " <>".to_owned() } else { format!(" {seen}") }).as_str()),
            "{words}"
        );
    }
    // Whatever engine is meant, a registry is a registry.
    let list = format!("{}/app:x", world.registry.host());
    let created =
        world.script(&format!("docker -H tcp://nowhere:1 --context=x -D --config cfg manifest create {list} $REPOSITORY:amd64"), &[&real]);
    assert_eq!((created.code, created.stdout), (0, format!("Created manifest list {list}\n")), "{}", created.stderr);
    assert!(world.home.path().join("cfg/manifests").is_dir());
    let inspected = world.script("docker buildx imagetools inspect --raw $REPOSITORY:amd64", &[&real]);
    assert!(inspected.stdout.starts_with('{'), "{inspected:?}");
}

#[test]
fn without_docker_behind_that_is_said() {
    let Some(world) = World::start() else { return };
    let ran = world.script("docker build .", &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (127, ""), "{ran:?}");
    assert!(ran.stderr.starts_with("docker build: there is no docker behind ") && ran.stderr.contains("hint: "), "{}", ran.stderr);
}

/// Two folders of links, of two copies of polyarch, must not call each other for ever.
#[test]
fn two_of_them_never_call_each_other_in_a_circle() {
    let Some(world) = World::start() else { return };
    let other = world.home.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let copy = other.join("polyarch");
    copied(&copy);
    std::os::unix::fs::symlink(&copy, other.join("docker")).unwrap();
    let ran = world.script("docker build .", &[&other]);
    assert_eq!(ran.code, 127, "{ran:?}");
    let real = world.home.path().join("real");
    pretender(&real);
    assert_eq!(world.script("docker build .", &[&other, &real]).stdout, "real: <build> <.>\n");
    // By its path, from outside of PATH.
    let ran = Ran::of(
        Command::new(world.links.join("docker")).arg("ps").env_clear().env("PATH", format!("{}:{}", other.display(), real.display())),
    );
    assert_eq!(ran.stdout, "real: <ps>\n", "{ran:?}");
}

#[test]
fn the_other_tools_are_called_by_their_names() {
    let Some(world) = World::start() else { return };
    let created = world.script("docker-manifest create $IMAGE $REPOSITORY:amd64 && docker-manifest push --purge $IMAGE", &[]);
    assert!(created.code == 0 && created.stdout.contains("sha256:"), "{created:?}");
    let shown = world.script("mquery $REPOSITORY:amd64", &[]);
    assert!(shown.code == 0 && shown.stdout.starts_with("Image: "), "{shown:?}");
    let inspected = world.script("manifest-tool --plain-http inspect $REPOSITORY:amd64", &[]);
    assert!(inspected.code == 0 && inspected.stdout.starts_with("Name: "), "{inspected:?}");
}

#[test]
fn links_are_made_listed_and_removed_and_nothing_else_is_touched() {
    let home = Home::new();
    let folder = home.path().join("bin");
    let links = folder.display().to_string();
    let made = home.run(&["shims", "install", &links]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(made.stdout.lines().count(), 3, "{}", made.stdout);
    assert!(made.stderr.contains(&format!("next: export PATH=\"{links}:$PATH\"")), "{}", made.stderr);
    assert_eq!(home.run(&["shims", "install", &links]).stdout, made.stdout);
    let shims: Value = serde_json::from_str(&home.done(&["--json", "shims", "ls", &links])).unwrap();
    assert_eq!((shims["shims"].as_array().unwrap().len(), &shims["shims"][0]["state"]), (3, &"not on PATH".into()));
    let path = format!("{links}:{}", std::env::var("PATH").unwrap());
    let listed = Ran::of(home.command(&["shims", "ls"]).env("PATH", &path));
    assert_eq!(listed.stdout.matches("found first").count(), 3, "{}", listed.stdout);
    // What is not ours stays, and then nothing is made at all.
    std::fs::write(folder.join("docker"), "mine").unwrap();
    let refused = home.run(&["shims", "install", "--docker", &links]);
    assert!(refused.code == 3 && refused.stderr.contains("docker is there already, and no link to polyarch"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(folder.join("docker")).unwrap(), "mine");
    let removed = home.run(&["shims", "remove", &links]);
    assert_eq!((removed.code, removed.stdout), (0, made.stdout), "{}", removed.stderr);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(home.run(&["shims", "remove", &links]).code, 3);
    assert_eq!(home.run(&["shims", "ls", &links]).stdout, "");
}

#[test]
fn a_wrapper_that_calls_the_link_is_passed_once() {
    let folder = Folder::new();
    let link = folder.links.join("docker");
    let wrapper = folder.docker("wrapper", &format!("echo wrapped >> log\nexec {} \"$@\"", link.display()));
    let real = folder.home.path().join("real");
    pretender(&real);
    let log = folder.home.path().join("log");
    for (path, wrapped) in
        [(vec![&wrapper, &real], 2), (vec![&folder.links, &wrapper, &real], 1), (vec![&real, &folder.links, &wrapper], 1)]
    {
        let path: Vec<&Path> = path.into_iter().map(PathBuf::as_path).collect();
        let _ = std::fs::remove_file(&log);
        let name = if path[0] == real { link.display().to_string() } else { "docker".to_owned() };
        let ran = folder.script(&format!("{name} ps 'two words'"), &path);
        assert_eq!((ran.code, ran.stdout.as_str()), (42, "real: <ps> <two words>\n"), "{path:?} {ran:?}");
        assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), wrapped, "{path:?}");
    }
    // With nothing behind it, that is said.
    let ran = folder.script("docker ps", &[&folder.links, &wrapper]);
    let said =
        format!("docker ps: {}/docker calls polyarch's docker again, and there is no other docker on PATH\nhint: ", wrapper.display());
    assert_eq!((ran.code, ran.stderr.starts_with(&said)), (127, true), "{ran:?}");
}

/// A shell that waits has another process for every round.
#[test]
fn a_wrapper_that_waits_for_the_link_is_passed_some_time() {
    let folder = Folder::new();
    let wrapper = folder.docker("wrapper", &format!("{} \"$@\"; exit $?", folder.links.join("docker").display()));
    let real = folder.home.path().join("real");
    pretender(&real);
    let ran = folder.script("docker ps", &[&wrapper, &real]);
    assert_eq!((ran.code, ran.stdout.as_str()), (42, "real: <ps>\n"), "{ran:?}");
    let ran = folder.script("docker ps", &[&folder.links, &wrapper]);
    assert_eq!((ran.code, ran.stderr.contains("calls polyarch's docker again")), (127, true), "{ran:?}");
}

/// A plugin of docker's that calls docker means the same docker as everybody.
#[test]
fn a_docker_that_runs_docker_finds_the_same_one_again() {
    let folder = Folder::new();
    let real = folder.docker("real", "if [ \"$1\" = plugin ]; then shift; docker \"$@\"; exit $?; fi\necho \"real: $*\"");
    let other = folder.docker("other", "echo \"other: $*\"");
    for words in ["ps", "plugin ps", "plugin plugin ps", "plugin plugin plugin plugin ps"] {
        let ran = folder.script(&format!("docker {words}"), &[&folder.links, &real, &other]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "real: ps\n"), "{words}: {ran:?}");
    }
    let ours = folder.script("docker plugin manifest rm x", &[&folder.links, &real]);
    assert!(ours.stderr.starts_with("No such manifest: "), "{ours:?}");
}

/// In early boot and some chroots nobody tells a program which file it is.
#[test]
fn without_proc_the_link_does_not_call_itself() {
    let folder = Folder::new();
    let real = folder.home.path().join("real");
    pretender(&real);
    let usual = std::env::var_os("PATH").unwrap();
    let unshared = |name: &str, path: &[&Path]| {
        let script = "mount -t tmpfs none /proc || exit 99; export PATH=\"$1\"; exec \"$2\" ps";
        let mut command = Command::new("timeout");
        command.args(["20", "unshare", "-r", "-m", "/bin/sh", "-c", script, "sh"]).arg(std::env::join_paths(path).unwrap()).arg(name);
        Ran::of(command.env_clear().env("PATH", &usual).current_dir(folder.home.path()))
    };
    let ran = unshared("docker", &[&folder.links, &real]);
    if ran.stderr.starts_with("unshare: ") || ran.code == 99 {
        return;
    }
    assert_eq!((ran.code, ran.stdout.as_str()), (42, "real: <ps>\n"), "{ran:?}");
    assert_eq!(unshared("docker", &[&folder.links]).code, 127);
    let link = folder.links.join("docker").display().to_string();
    assert_eq!(unshared(&link, &[&real, &folder.links]).stdout, "real: <ps>\n");
}

#[test]
fn a_docker_in_front_is_taken_where_there_is_none_behind() {
    let folder = Folder::new();
    let real = folder.home.path().join("real");
    pretender(&real);
    let ran = folder.script("links/docker ps", &[&real, &folder.links]);
    assert_eq!((ran.code, ran.stdout.as_str()), (42, "real: <ps>\n"), "{ran:?}");
}

#[test]
fn flags_before_manifest_are_read_as_docker_reads_them() {
    let folder = Folder::new();
    for flags in [
        "--config a --config b",
        "--config=",
        "--config ''",
        "--config a --config=",
        "--config -a",
        "-Htcp://1",
        "-H=tcp://1",
        "-cctx",
        "-lfatal",
        "-Dl fatal",
        "-DDHtcp://1",
        "-D -DD -D=true -DD=F",
        "-l bogus --log-level WARNING",
        "--log-level=",
        "--tls=TRUE --debug=f --tlsverify=0 --tlskey k",
        "--host manifest -c manifest",
    ] {
        let ran = folder.linked(&format!("{flags} manifest rm x"));
        assert_eq!((ran.code, ran.stderr.trim_end()), (1, "No such manifest: docker.io/library/x:latest"), "{flags}: {ran:?}");
    }
    // What docker refuses, it refuses itself.
    for flags in ["-l bogus", "-lbogus", "-l=", "-DlD", "--log-level=bogus", "--tls=maybe", "--debug=", "-D=maybe", "-D=", "-=", "-", "-Dx"]
    {
        let ran = folder.linked(&format!("{flags} manifest rm x"));
        assert_eq!((ran.code, ran.stdout.starts_with("real: <-")), (42, true), "{flags}: {ran:?}");
    }
}

#[test]
fn the_last_config_is_the_one_that_is_meant() {
    let Some(world) = World::start() else { return };
    let list = format!("{}/app:x", world.registry.host());
    let ran = world.script(&format!("docker --config a --config=b manifest create {list} $REPOSITORY:amd64"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(world.home.path().join("b/manifests").is_dir() && !world.home.path().join("a").exists());
    let ran = world.script(&format!("docker --config a --config= manifest create {list} $REPOSITORY:amd64"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(world.home.path().join(".docker/manifests").is_dir() && !world.home.path().join("a").exists());
}

#[test]
fn links_in_a_folder_that_is_not_utf8_are_listed_as_json() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let folder = home.path().join(std::ffi::OsStr::from_bytes(b"bin\xff"));
    for verb in ["install", "ls", "remove"] {
        let ran = Ran::of(home.command(&["--json", "shims", verb]).arg(&folder));
        assert_eq!(ran.code, 0, "{verb}: {ran:?}");
        let shims: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(shims["shims"][0]["path"].as_str().unwrap().ends_with("bin\u{fffd}/docker-manifest"), "{shims}");
    }
}

#[test]
fn a_program_of_another_name_knows_its_links() {
    let home = Home::new();
    for name in ["polyarch-1.2.3", "pa"] {
        let program = home.path().join(name);
        copied(&program);
        let run = |words: &[&str]| Ran::of(Command::new(&program).args(words).env_clear().env("PATH", "/nowhere").env("HOME", home.path()));
        let links = home.path().join(format!("links-{name}")).display().to_string();
        for _ in 0..2 {
            let made = run(&["shims", "install", &links]);
            assert_eq!((made.code, made.stdout.lines().count()), (0, 3), "{made:?}");
            assert!(made.stderr.contains("next: export PATH="), "{made:?}");
        }
        assert_eq!(run(&["shims", "ls", &links]).stdout.matches("not on PATH").count(), 3);
        let removed = run(&["shims", "remove", &links]);
        assert_eq!((removed.code, removed.stdout.lines().count()), (0, 3), "{removed:?}");
    }
    // A version that is gone is still known by its name.
    let links = home.path().join("old");
    std::fs::create_dir(&links).unwrap();
    std::os::unix::fs::symlink("/gone/polyarch-0.1", links.join("mquery")).unwrap();
    let listed = home.done(&["shims", "ls", &links.display().to_string()]);
    assert!(listed.contains("leads nowhere: /gone/polyarch-0.1"), "{listed}");
}

#[test]
fn a_link_to_a_folder_is_none_of_ours() {
    let home = Home::new();
    let links = home.path().join("links");
    std::fs::create_dir_all(links.join("polyarch")).unwrap();
    std::os::unix::fs::symlink("polyarch/", links.join("docker")).unwrap();
    let refused = home.run(&["shims", "install", "--docker", &links.display().to_string()]);
    assert!(refused.code == 3 && refused.stderr.contains("docker is there already, and no link to polyarch"), "{refused:?}");
    assert_eq!(std::fs::read_link(links.join("docker")).unwrap(), Path::new("polyarch/"));
    // By a way of its own from its folder, a link to a file is.
    std::fs::remove_file(links.join("docker")).unwrap();
    std::fs::write(home.path().join("polyarch"), "").unwrap();
    std::os::unix::fs::symlink("../polyarch", links.join("docker")).unwrap();
    let listed = home.done(&["shims", "ls", &links.display().to_string()]);
    assert!(listed.contains("docker") && !listed.contains("leads nowhere"), "{listed}");
}

#[test]
fn the_line_for_path_runs_nothing_when_it_is_pasted() {
    let home = Home::new();
    for name in ["plain", "two words", "it's", "a\"$(touch ran)`touch ran`\\!'b", "$HOME"] {
        let folder = home.path().join(name);
        let made = home.run(&["shims", "install", &folder.display().to_string()]);
        let line = made.stderr.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("{line}; printf %s \"$PATH\"")).env_clear().env("PATH", "/bin:/usr/bin").current_dir(home.path());
        let ran = Ran::of(&mut shell);
        assert_eq!((ran.code, ran.stdout), (0, format!("{}:/bin:/usr/bin", folder.display())), "{line}");
    }
    assert!(!home.path().join("ran").exists());
}

//! Topics that belong to no verb.

use std::fmt::Write;

use oci::Platform;

use crate::context::VARIABLES;

/// A topic of `polyarch help`.
#[derive(Clone, Copy)]
pub struct Topic {
    /// Its word.
    pub name: &'static str,
    /// What it explains.
    pub headline: &'static str,
    text: fn() -> String,
}

impl Topic {
    /// Returns the text.
    pub fn text(&self) -> String {
        (self.text)()
    }
}

const TOPICS: [Topic; 4] = [
    Topic { name: "names", headline: "How names of images are read and written", text: names },
    Topic { name: "platforms", headline: "Names of platforms and their aliases", text: platforms },
    Topic { name: "exit-codes", headline: "What the exit code means", text: exit_codes },
    Topic { name: "environment", headline: "Environment variables that are read", text: environment },
];

/// Finds a topic.
pub fn topic(name: &str) -> Option<Topic> {
    TOPICS.into_iter().find(|topic| topic.name == name)
}

/// Lists all topics.
pub fn names_of_topics() -> impl Iterator<Item = Topic> {
    TOPICS.into_iter()
}

fn names() -> String {
    "\
-t NAME keeps the image in your local store, whole, with every platform. With --push it
goes to the registry in its name instead; `polyarch push NAME` sends it there later. The
last line on stderr says which.

A name that is read (a source of create, inspect, digest, FROM in a build):
  1. an image that was made here, under that name, answers first;
  2. else the registry in the name is asked; a copy that was pulled before is read instead
     where it is still that, and used as it is where the registry cannot be reached;
  3. a line on stderr says who answered.
For copy a bare name is always in its registry. run takes what is here, made or pulled, and
pulls what is not (--pull missing|always|never).
store:NAME asks the local store alone, docker://NAME the registry alone.

Without a host the registry is Docker Hub: hello:1.0 is docker.io/library/hello:1.0, and
that full name is printed before it is called. docker.io/library/ belongs to Docker, so
nothing is ever pushed there.

Your own registries.conf (~/.config/containers, or $CONTAINERS_REGISTRIES_CONF) may give a
name without a host another meaning where it is a source of create, copy, inspect or digest:
[aliases], then unqualified-search-registries; stderr says so. The machine's files cannot.
Both may have mirrors, location, insecure and blocked for a [[registry]]. Mirrors and
location are for reading; a mirror that fails is passed over, and --verbose says why.

Other places:
  oci:DIR[:TAG]                an OCI image layout in a folder (oci-layout://DIR[:TAG] too)
  oci-archive:FILE[:TAG]       a tar of such a layout
  docker-archive:FILE[:REF]    what docker save writes; - is the standard input
  docker-daemon:NAME           an image in the Docker Engine
  DIR[@sha256:...]             a digest instead of a tag, in layouts and archives
A word that starts with ./, ../ or / is a path, and what lies there decides its kind.
Paths and tags may hold colons and slashes, as in oci:dist:localhost/app:1: where the path
is not there as it is read first, the other colons are tried.
A layout of several images without names is taken as one image of several platforms.

PLATFORM=SOURCE says what platform a source is for: linux/arm/v7=app:1.0-arm.

Under `polyarch serve`, hello:1.0 is localhost:5000/hello:1.0, and ghcr.io/acme/api:1 is
localhost:5000/ghcr.io/acme/api:1; the inverse for pushes.
"
    .to_owned()
}

fn platforms() -> String {
    let mut text = "\
A platform is os/architecture[/variant], as in linux/arm/v7. One word is enough where it is
clear: arm64 is linux/arm64. Windows may have a version: windows/amd64:10.0.20348,
windows(10.0.20348)/amd64 or windows(ltsc2022)/amd64. linux/arm is linux/arm/v7, and
linux/arm64/v8 is linux/arm64.

"
    .to_owned();
    let _ = writeln!(text, "Aliases:");
    for (alias, platform) in Platform::aliases() {
        let _ = writeln!(text, "  {alias:<12} {platform}");
    }
    let _ = writeln!(text, "\nWindows versions:");
    for (name, version) in Platform::windows_releases() {
        let _ = writeln!(text, "  {name:<12} {version}");
    }
    let _ = writeln!(text, "\nSystems: {}", Platform::known_systems().join(" "));
    let _ = writeln!(text, "Architectures: {}", Platform::known_architectures().join(" "));
    text
}

fn exit_codes() -> String {
    fault::TABLE.iter().fold(String::new(), |mut text, code| {
        let _ = writeln!(text, "{:>4}  {}", code.number(), code.meaning());
        text
    }) + "`serve -- CMD` ends with the exit code of CMD; `manifest`, `manifest-tool`, `buildx` and `mquery` with
that of the tool whose words they speak. `run` ends with that of the program, or as docker does: 128 and
the number of a signal; 127 where there is no such program, 126 where it cannot be run, 125 where
anything else kept it from running.\n"
}

fn environment() -> String {
    VARIABLES.iter().fold(String::new(), |mut text, (name, meaning)| {
        let _ = writeln!(text, "{name:<27} {meaning}");
        text
    }) + "Nothing else of the environment is read, but the variables that `--build-arg KEY`, `--secret` and `run --env KEY` name.\n"
}

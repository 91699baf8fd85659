//! The same files, settings and history as BuildKit makes, the one within a Docker Engine.

use std::process::Command;

use testkit::dockerd::Dockerd;

use crate::cases::{BASE, CASES, Case, Known, REFUSED, home, known, only_known};
use crate::image::Image;
use crate::program::clients::Client;
use crate::program::{Home, Ran};

/// What the BuildKit of Docker 20.10 (0.8) does otherwise than later ones, which are followed here but for [`AGAIN`].
const KNOWN: [Known; 19] = [
    known("chmod", "bin: folder 4711", "an octal --chmod is that of folders that are made, too"),
    known("chmod", "tree: folder 700", "an octal --chmod is that of folders that are made, too"),
    known("chmod", "history: COPY --chmod=", "the history has --chmod and --chown"),
    known("owners", "history: COPY --chown=", "the history has --chmod and --chown"),
    known("onto-files", "history: COPY --chown=", "the history has --chmod and --chown"),
    known("owned-archive", "history: ADD --chown=", "the history has --chmod and --chown"),
    known("owned-archive", "x/in: ", "--chown is that of what an archive holds, too"),
    known("owned-archive", "x/in/", "--chown is that of what an archive holds, too"),
    known("owned-archive", "x/no-folder/file", "--chown is that of what an archive holds, too"),
    known("settings", "history: ARG VERSION=1", "the history has the value of a global argument"),
    known("settings", "history: EXPOSE [", "the history has a list of ports"),
    known("settings", "history: HEALTHCHECK {", "the history has names of fields"),
    known("words", "history: ARG WHERE=there", "the history has the value of a global argument"),
    known("words", "history: COPY --chown=", "the history has --chmod and --chown"),
    known("words", "layer 4: to/there/else/a.txt", AGAIN),
    known("again", "layer 3: tree", AGAIN),
    known("again", "layer 7: two", AGAIN),
    known("again", "one: ", AGAIN),
    known("again", "two: ", AGAIN),
];

/// BuildKit of every age leaves out what is the same as in the layers below.
const AGAIN: &str = "what is copied is in the layer, also where the same is there already";

fn peer() -> Option<(&'static Dockerd, Client)> {
    Some((Dockerd::shared()?, client()?))
}

/// Makes a home, and loads its base into the engine.
fn home_with_base(engine: &Dockerd) -> Home {
    let home = home("local");
    home.done(&["copy", &format!("store:{BASE}"), &format!("docker-archive:base.tar:{BASE}")]);
    engine.load(&std::fs::read(home.path().join("base.tar")).unwrap());
    home
}

/// Finds a client that hands Dockerfiles to the engine's own BuildKit: later ones have buildx do it.
fn client() -> Option<Client> {
    let client = Client::all().into_iter().find(|client| client.version < 23);
    if client.is_none() {
        testkit::skip("no docker client that builds without buildx is installed");
    }
    client
}

fn run(client: &Client, engine: &Dockerd, home: &Home, words: &[&str]) -> Ran {
    let mut command = Command::new(&client.path);
    command.env("DOCKER_HOST", engine.host()).env("DOCKER_CONFIG", home.path().join("docker")).env("DOCKER_BUILDKIT", "1");
    Ran::of(command.current_dir(home.path()).args(words))
}

fn build(client: &Client, engine: &Dockerd, home: &Home, case: &Case) -> Image {
    let name = format!("peers/theirs:{}", case.name);
    let ran = run(client, engine, home, &["build", "-q", "-t", &name, "-f", case.name, case.context]);
    assert_eq!(ran.code, 0, "{}: {}", case.name, ran.stderr);
    let archive = format!("{}.tar", case.name);
    let ran = run(client, engine, home, &["save", "-o", &archive, &name]);
    assert_eq!(ran.code, 0, "{}: {}", case.name, ran.stderr);
    Image::open(home, &format!("docker-archive:{archive}"))
}

/// Tells how two images differ, in lines.
fn differences(ours: &Image, theirs: &Image) -> Vec<String> {
    let mut found = ours.tree.differences(&theirs.tree);
    let (one, other) = (ours.running(), theirs.running());
    for key in one.as_object().unwrap().keys().chain(other.as_object().unwrap().keys().filter(|key| one.get(key).is_none())) {
        if one[key] != other[key] {
            found.push(format!("config.{key}: {}, but {}", one[key], other[key]));
        }
    }
    for key in ["architecture", "os", "author", "variant"] {
        if ours.config[key] != theirs.config[key] {
            found.push(format!("{key}: {}, but {}", ours.config[key], theirs.config[key]));
        }
    }
    let (one, other) = (ours.history(), theirs.history());
    for number in 0..one.len().max(other.len()) {
        let [ours, theirs] = [&one, &other].map(|history| history.get(number).map_or("nothing", String::as_str));
        if ours != theirs {
            found.push(format!("history: {ours}, but {theirs}"));
        }
    }
    assert_eq!(ours.layers.len(), theirs.layers.len());
    for (number, (ours, theirs)) in ours.layers.iter().zip(&theirs.layers).enumerate() {
        found.extend(ours.difference(theirs).map(|path| format!("layer {number}: {path}, but nothing")));
        found.extend(theirs.difference(ours).map(|path| format!("layer {number}: nothing, but {path}")));
    }
    found
}

#[test]
fn buildkit_makes_the_same_images_of_the_same_dockerfiles() {
    let Some((engine, client)) = peer() else { return };
    let home = home_with_base(engine);
    let mut found = Vec::new();
    for case in CASES {
        let (ours, theirs) = (case.build(&home), build(&client, engine, &home, case));
        found.extend(differences(&ours, &theirs).into_iter().map(|difference| format!("{}: {difference}", case.name)));
    }
    only_known(&found, &KNOWN);
}

#[test]
fn buildkit_refuses_what_is_refused_here() {
    let Some((engine, client)) = peer() else { return };
    let home = home_with_base(engine);
    let mut taken = Vec::new();
    for dockerfile in REFUSED {
        std::fs::write(home.path().join("refused"), dockerfile).unwrap();
        let ours = home.run(&["build", "--platform", "local", "-t", "refused", "-f", "refused", "context"]);
        let theirs = run(&client, engine, &home, &["build", "-q", "-f", "refused", "context"]);
        if ours.code == 0 || theirs.code == 0 {
            taken.push(format!("{dockerfile:?}: {} here, {} there", ours.code, theirs.code));
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

//! The rule of names at its edges: what is said when something is missing, and what a path means.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod program;

use std::fs::{self, File};

use program::{Home, Ran, Serving, images, index_of};
use testkit::fixtures::{Image, write_layout};

/// A home with `oci:parts:amd64` and `oci:parts:arm64`.
fn workshop() -> Home {
    let home = Home::new();
    home.layout("parts", &images(&["linux/amd64", "linux/arm64"]).iter().collect::<Vec<_>>());
    home
}

#[test]
fn only_a_name_that_is_missing_is_said_to_be_missing() {
    let (home, server) = (workshop(), Home::new());
    let made = images(&["linux/amd64", "linux/arm64"]);
    let serving = Serving::start(&server, &[]);
    let name = format!("{}/acme/app", serving.host);
    home.done(&["create", "--push", "-t", &format!("{name}:1"), "oci:parts:amd64", "oci:parts:arm64"]);
    for absent in [format!("{name}:2"), format!("{}/acme/other:1", serving.host), format!("{name}@{}", oci::Digest::of(b"nobody"))] {
        let ran = home.run(&["inspect", &absent]);
        assert_eq!(ran.code, 3);
        assert!(ran.stderr.contains(&format!("no image {absent} here or on {}", serving.host)), "{}", ran.stderr);
    }
    // A child that has gone is not the name that has gone.
    let child = made[1].digest();
    fs::remove_file(server.path().join(".local/share/polyarch/blobs/sha256").join(child.hex())).unwrap();
    let other = Home::new();
    for words in [["create", "-t", "copy:1", &format!("{name}:1")].as_slice(), &["inspect", "--full", &format!("{name}:1")]] {
        let ran = other.run(words);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(&child.to_string()) && !ran.stderr.contains("no image"), "{}", ran.stderr);
    }
}

#[test]
fn a_password_in_a_name_is_not_shown() {
    let home = workshop();
    for line in ["inspect https://ann:secret@host/x:1", "create -t x:1 https://ann:secret@host/x:1", "copy ann:secret@host/x:1 oci:x"] {
        let ran = home.run(&line.split(' ').collect::<Vec<_>>());
        assert!(ran.code != 0 && !ran.stderr.contains("secret"), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_digest_alone_moves_no_tag() {
    let (home, server) = (workshop(), Home::new());
    let serving = Serving::start(&server, &[]);
    let digest = home.done(&["create", "-t", "made:1", "oci:parts:amd64", "oci:parts:arm64"]).split('@').nth(1).unwrap().to_owned();
    let name = format!("{}/acme/app", serving.host);
    home.done(&["create", "--push", "-t", &format!("{name}:latest"), "oci:parts:amd64"]);
    let before = home.done(&["digest", &format!("{name}:latest")]);
    home.done(&["create", "--push", "-t", &format!("{name}@{digest}"), "oci:parts:amd64", "oci:parts:arm64"]);
    assert_eq!(home.done(&["digest", &format!("{name}:latest")]), before);
    assert_eq!(home.done(&["digest", &format!("{name}@{digest}")]), digest);
    let refused = home.run(&["create", "-t", &format!("made@{digest}"), "oci:parts:amd64", "oci:parts:arm64"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("hint: made:TAG@{digest}")), "{}", refused.stderr);
}

#[test]
fn a_registry_is_read_without_a_usable_store_and_a_bare_name_is_not() {
    let (home, server) = (workshop(), Home::new());
    let serving = Serving::start(&server, &[]);
    let name = format!("{}/acme/app:1", serving.host);
    home.done(&["create", "--push", "-t", &name, "oci:parts:amd64"]);
    for words in [
        vec!["--store", "parts", "inspect", "--full", "--plain-http", "PLACE"],
        vec!["--store", "parts", "create", "-t", "oci:copy:1", "PLACE"],
    ] {
        let place = format!("docker://{name}");
        home.done(&words.iter().map(|word| if *word == "PLACE" { place.as_str() } else { word }).collect::<Vec<_>>());
    }
    let refused = home.run(&["--store", "parts", "inspect", &name]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("parts is no local store"), "{}", refused.stderr);
}

#[test]
fn archives_are_read_from_the_standard_input() {
    let home = workshop();
    for kind in ["oci-archive", "docker-archive"] {
        let digest = home.done(&["digest", "oci:parts:amd64"]);
        home.done(&["create", "-t", &format!("{kind}:app.tar:app:1"), "oci:parts:amd64"]);
        let name = format!("{kind}:-");
        let archive = File::open(home.path().join("app.tar")).unwrap();
        let ran = Ran::from(home.command(&["inspect", &name]).stdin(archive).output().unwrap());
        assert!(ran.code == 0 && ran.stdout.contains(&digest), "{kind}: {}{}", ran.stdout, ran.stderr);
        let refused = home.run(&["create", "-t", &name, "oci:parts:amd64"]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("cannot write to -"), "{}", refused.stderr);
        fs::remove_file(home.path().join("app.tar")).unwrap();
    }
}

#[test]
fn a_path_as_target_is_what_lies_there() {
    let home = workshop();
    home.done(&["create", "-t", "./made:1", "oci:parts:amd64"]);
    fs::create_dir(home.path().join("empty")).unwrap();
    home.done(&["create", "-t", "./empty:1", "oci:parts:amd64"]);
    for folder in ["made", "empty"] {
        assert!(home.path().join(folder).join("oci-layout").is_file());
        home.done(&["create", "-t", &format!("./{folder}:2"), "oci:parts:arm64"]);
    }
    for kind in ["oci-archive", "docker-archive"] {
        home.done(&["create", "-t", &format!("{kind}:{kind}.tar:app:1"), "oci:parts:amd64"]);
        home.done(&["create", "-t", &format!("./{kind}.tar:app:2"), "oci:parts:arm64"]);
        assert!(home.path().join(format!("{kind}.tar")).is_file());
        let there = home.done(&["digest", &format!("{kind}:{kind}.tar:app:1")]);
        assert_ne!(there, home.done(&["digest", &format!("{kind}:{kind}.tar:app:2")]));
    }
    for new in ["./new.tar", "./new.tar.gz:1", "./new.tgz"] {
        let refused = home.run(&["create", "-t", new, "oci:parts:amd64"]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: oci-archive:./new.tar or docker-archive:./new.tar"), "{}", refused.stderr);
    }
    assert!(!home.path().join("new.tar").exists());
}

#[test]
fn a_name_with_slashes_and_colons_is_found_in_its_layout() {
    let home = Home::new();
    let image = Image::new("linux/amd64").build();
    write_layout(&home.path().join("dist"), &[(&image.manifest, Some("localhost/app:1"))], &[&image]);
    for name in ["oci:dist:localhost/app:1", "./dist:localhost/app:1"] {
        assert_eq!(home.done(&["digest", name]), image.digest().to_string());
    }
    home.done(&["create", "-t", "oci:dist:localhost/app:2", "oci:dist:localhost/app:1"]);
    assert!(home.done(&["digest", "oci:dist:localhost/app:2"]).starts_with("sha256:"));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing was made beside it");
}

#[test]
fn a_lookalike_does_not_hide_why_a_registry_did_not_answer() {
    let home = workshop();
    let index = index_of(&images(&["linux/amd64"]).iter().collect::<Vec<_>>());
    fs::create_dir_all(home.path().join("127.0.0.1:1/source")).unwrap();
    write_layout(&home.path().join("127.0.0.1:1/dist"), &[(&index, Some("1"))], &images(&["linux/amd64"]).iter().collect::<Vec<_>>());
    let said = home.run(&["inspect", "--quiet", "127.0.0.1:1/dist"]).stderr;
    let position = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part} is not in {said}"));
    assert!(position("holds an OCI layout") < position("127.0.0.1:1 is unreachable"), "{said}");
    assert!(said.contains("hint: oci:127.0.0.1:1/dist"), "{said}");
    // A folder of that name that is no layout has nothing to do with it.
    let said = home.run(&["inspect", "--quiet", "127.0.0.1:1/source"]).stderr;
    assert!(said.contains("127.0.0.1:1/source: 127.0.0.1:1 is unreachable") && !said.contains("folder"), "{said}");
}

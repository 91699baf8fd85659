//! ADD of what is elsewhere.

use std::sync::Arc;

use engine::files::read_archive;
use layer::tar::{Entry, Writer};
use serde_json::json;

use super::world::{Far, World};

const FILE: &str = "https://host/a/file.txt";

pub fn tar(entries: &[(Entry, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    entries.iter().for_each(|(entry, content)| writer.append_bytes(entry, content).unwrap());
    writer.finish().unwrap()
}

fn world() -> World {
    let mut world = World::new(&[("near", "near"), ("dir/x", "x")]);
    world.far.insert(FILE, Far::File(b"far".to_vec(), 1_500_000_000));
    let archive = tar(&[(Entry::file("in", 2).mode(0o640).owner(5, 6), b"in")]);
    world.far.insert("https://host/a.tar", Far::File(archive, 0));
    let tree = tar(&[(Entry::file("sub/a", 1).mode(0o755), b"a"), (Entry::file("sub/b/c", 1), b"c"), (Entry::file("other", 1), b"o")]);
    let files = read_archive(tree.as_slice(), "tree", world.folder.path()).unwrap().unwrap();
    world.far.insert("https://host/a.git#main:sub", Far::Tree(Arc::new(files)));
    world
}

#[tokio::test]
async fn item_58_a_file_behind_a_url_is_its_owner_s_alone_and_as_old_as_its_server_says() {
    let world = world();
    let image = world.one(&format!("FROM scratch\nADD {FILE} /dest\nADD --chmod=644 --chown=7:8 {FILE} near /to/\n")).await;
    assert_eq!(image.layer(0).await, ["dest: far 600"]);
    assert_eq!(image.layer(1).await, ["to/ 644 7:8", "to/file.txt: far 7:8", "to/near: near 7:8"]);
    assert_eq!(image.config["history"][0]["created_by"], json!(format!("ADD {FILE} /dest # buildkit")));
    // Nothing of it depends on when it is built.
    assert_eq!(world.one("FROM scratch\nADD https://host/a/file.txt /dest\n").await.digest(), {
        let again = self::world();
        again.one("FROM scratch\nADD https://host/a/file.txt /dest\n").await.digest()
    });
}

#[tokio::test]
async fn item_57_an_archive_behind_a_url_is_unpacked_where_that_is_said() {
    let world = world();
    let image =
        world.one("FROM scratch\nADD https://host/a.tar /x/\nADD --unpack https://host/a.tar dir https://host/a/file.txt /y/\n").await;
    assert_eq!(image.layer(0).await.len(), 2, "it is copied");
    assert_eq!(image.layer(1).await, ["y/", "y/file.txt: far 600", "y/in: in 640 5:6", "y/x: x"]);
}

#[tokio::test]
async fn item_59_files_of_a_repository_are_those_of_the_folder_that_is_named() {
    let world = world();
    let image = world
        .one("FROM scratch\nADD https://host/a.git#main:sub near /src/\nADD --link --exclude=b https://host/a.git#main:sub /x\n")
        .await;
    assert_eq!(image.layer(0).await, ["src/", "src/a: a 755", "src/b/", "src/b/c: c", "src/near: near"]);
    assert_eq!(image.layer(1).await, ["x/", "x/a: a 755"]);
}

#[tokio::test]
async fn a_pattern_of_the_context_meets_nothing_that_is_far() {
    let image = world();
    let image = image.one("FROM scratch\nADD * https://host/a/file.txt /all/\n").await;
    assert_eq!(image.layer(0).await, ["all/", "all/file.txt: far 600", "all/near: near", "all/x: x"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_said_before_anything_is_asked() {
    let world = world();
    for (line, part) in [
        ("ADD ftp://host/a /", "got ftp"),
        ("ADD ssh://-oProxyCommand=id/a /", "begins with a dash"),
        ("ADD https://host/a.git?ref=a&tag=b /", "say different things"),
        ("ADD --checksum=abc https://host/a /", "bad checksum"),
        ("ADD --checksum=sha256:00 https://host/a.git /", "of a commit"),
    ] {
        let problem = world.plan(&format!("FROM scratch\n{line}\n"), &["linux/amd64"]).await.map(|mut plan| plan.problem());
        let said = problem.unwrap_or_else(Some).unwrap().to_string();
        assert!(said.contains(part) && said.contains("Dockerfile:2"), "{line}: {said}");
    }
    let said = world.refused("FROM scratch\nADD https://me:secret@host/none /\n").await.to_string();
    assert!(said.contains("no image https://host/none") && !said.contains("secret"), "{said}");
}

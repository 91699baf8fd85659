//! The files of images.

use std::sync::Arc;

use content::Memory;
use engine::base::BaseError;
use engine::files::{Files, pick, read_image};
use engine::pack::{Contents, PackError};
use graph::TreePath;
use layer::tar::{Entry, Writer};

use super::fixture::{all, copied, image, lines, packed, tar};

/// Reads an image of these layers, and prepares all files of it.
async fn read(layers: &[&[&str]]) -> Files {
    let (place, scratch) = (Memory::new(), tempfile::tempdir().unwrap());
    let layers: Vec<Vec<u8>> = layers.iter().map(|lines| tar(lines)).collect();
    let (base, _) = image(&place, &layers).await;
    let (index, files) = read_image(&base, scratch.path()).await.unwrap();
    assert_eq!(index, base.survey().await.unwrap().paths);
    assert_eq!(files.tree().len(), index.len());
    let root = TreePath::default();
    let wanted: Vec<TreePath> = files.tree().below(&root).filter(|(_, entry)| entry.size() > 0).map(|(path, _)| path.clone()).collect();
    files.prepare(&wanted).await.unwrap();
    files
}

#[tokio::test]
async fn layers_hide_and_cover_what_is_below_them() {
    let base: &[&str] = &["d a", "f a/1 one", "f a/2 two", "d b", "f b/1 one", "f c c"];
    let upper: &[&str] = &["w a/1", "f a/2 2", "o b", "f b/3 three", "f d/e/f deep", "d c", "f c/1 in"];
    assert_eq!(all(&read(&[base, upper]).await), ["a/", "a/2: 2", "b/", "b/3: three", "c/", "c/1: in", "d/", "d/e/", "d/e/f: deep"]);
    assert_eq!(all(&read(&[base, &["w a", "w b"], &["f b now"]]).await), ["b: now", "c: c"]);
}

#[tokio::test]
async fn links_on_the_way_lead_where_they_lead_in_the_image() {
    let base: &[&str] = &["d usr", "d usr/lib", "l lib usr/lib", "f usr/lib/a old", "f usr/lib/b b"];
    let upper: &[&str] = &["f lib/a new", "w lib/b", "f lib/x/y deep"];
    let expected = ["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/a: new", "usr/lib/x/", "usr/lib/x/y: deep"];
    assert_eq!(all(&read(&[base, upper]).await), expected);
}

#[tokio::test]
async fn hard_links_are_names_of_what_was_there_when_they_came() {
    // To a lower layer, and over a link.
    let base: &[&str] = &["d usr", "l bin usr", "f usr/a old", "l usr/s a"];
    let files = read(&[base, &["h bin/b bin/a", "h usr/t usr/s"]]).await;
    assert_eq!(all(&files), ["bin -> usr", "usr/", "usr/a: old", "usr/b = usr/a", "usr/s -> a", "usr/t -> a"]);
    // Overwritten or hidden later: in the same layer, and in one above.
    let same = read(&[base, &["h usr/b usr/a", "f usr/a new"]]).await;
    assert_eq!(all(&same), ["bin -> usr", "usr/", "usr/a: new", "usr/b: old", "usr/s -> a"]);
    let above = read(&[base, &["h 0/b usr/a", "h usr/c usr/a"], &["w usr/a"]]).await;
    assert_eq!(all(&above), ["0/", "0/b: old", "bin -> usr", "usr/", "usr/c = 0/b", "usr/s -> a"]);
    // Over the very file, and over what it is another name of.
    let itself = read(&[base, &["h usr/a usr/a", "h usr/b usr/a", "h usr/b usr/b"]]).await;
    assert_eq!(all(&itself), ["bin -> usr", "usr/", "usr/a: old", "usr/b = usr/a", "usr/s -> a"]);
    // The layer that is made of it has them.
    let lay = copied(&read(&[base, &["h usr/b usr/a"]]).await, &["usr"], "/to/");
    assert_eq!(lay.values().filter(|laid| laid.content != graph::Content::Nothing).count(), 2);
}

#[tokio::test]
async fn only_layers_with_wanted_files_are_read_again_and_only_those_files_are_kept() {
    let (place, scratch) = (Memory::new(), tempfile::tempdir().unwrap());
    let layers = [tar(&["f a/one 1", "f a/two 2", "f rest r"]), tar(&["f b 3"]), tar(&["f a/two II"])];
    let (base, digests) = image(&place, &layers).await;
    let (_, files) = read_image(&base, scratch.path()).await.unwrap();
    place.forget(&digests[1]);
    let lay = copied(&files, &["a"], "/");
    let files = Arc::new(files);
    assert_eq!(lines(&packed(lay.clone(), files.clone()).await.unwrap()), ["one: 1", "two: II"]);
    assert_eq!(all(&files), ["a/", "a/one: 1", "a/two: II", "b: ?", "rest: ?"]);
    let missing = packed(copied(&files, &["b"], "/"), files.clone()).await;
    assert!(matches!(missing, Err(PackError::Base(BaseError::Place(content::Error::Missing { .. })))));
    // What was fetched is not fetched again.
    digests.iter().for_each(|digest| place.forget(digest));
    assert_eq!(lines(&packed(lay, files.clone()).await.unwrap()), ["one: 1", "two: II"]);
    let unknown = files.read(&"b".into(), &mut |_| Ok(()));
    assert_eq!(unknown.unwrap_err().to_string(), "/b: its content is not known here");
}

#[tokio::test]
async fn attributes_owners_and_times_come_through_a_copy() {
    let (place, scratch) = (Memory::new(), tempfile::tempdir().unwrap());
    let ping = Entry::file("bin/ping", 2).mode(0o4755).owner(7, 8).mtime(-5).xattr("security.capability", [1, 0, 0, 2]);
    let mut writer = Writer::new(Vec::new());
    writer.append_empty(&Entry::directory("bin").mode(0o711).owner(1, 2).mtime(3)).unwrap();
    writer.append_bytes(&ping, b"hi").unwrap();
    writer.append_empty(&Entry::hardlink("bin/ping6", "bin/ping")).unwrap();
    let (base, _) = image(&place, &[writer.finish().unwrap()]).await;
    let (_, files) = read_image(&base, scratch.path()).await.unwrap();
    assert_eq!(files.tree().get(&"bin".into()), Some(&Entry::directory("bin").mode(0o711).owner(1, 2).mtime(3)));
    let lay = copied(&files, &["bin"], "/bin/");
    let found = packed(lay, Arc::new(files)).await.unwrap();
    let link = Entry { kind: Entry::hardlink("", "bin/ping").kind, path: b"bin/ping6".to_vec(), ..ping.clone() };
    assert_eq!(found[1..], [(ping, "hi".to_owned()), (link, String::new())]);
}

#[tokio::test]
async fn a_scratch_folder_that_is_not_there_and_a_layer_that_changed_are_named() {
    let place = Memory::new();
    let (base, digests) = image(&place, &[tar(&["f a 1"])]).await;
    let gone = std::path::Path::new("/nowhere/to/be/found");
    let (_, files) = read_image(&base, gone).await.unwrap();
    let files = Arc::new(files);
    let problem = packed(copied(&files, &["a"], "/"), files).await.unwrap_err();
    assert_eq!(problem.to_string(), "cannot write to the scratch folder /nowhere/to/be/found");
    place.forget(&digests[0]);
    assert!(matches!(read_image(&base, gone).await, Err(BaseError::Place(content::Error::Missing { .. }))));
}

#[tokio::test]
async fn a_file_of_an_image_is_known_before_it_is_fetched() {
    let (place, scratch) = (Memory::new(), tempfile::tempdir().unwrap());
    let (lower, upper) = (tar(&["f a 1", "f b 2", "f c 3"]), tar(&["f b 4", "h d a"]));
    let of = |files: &Files| ["a", "b", "c", "d"].map(|path| files.identity(&path.into()));
    let (base, digests) = image(&place, &[lower.clone(), upper]).await;
    let mut files = read_image(&base, scratch.path()).await.unwrap().1;
    digests.iter().for_each(|digest| place.forget(digest));
    let [a, b, c, d] = of(&files);
    assert!(a.is_some() && a == d && b.is_some() && c.is_some());
    assert!(a != b && b != c && a != c);
    // The same layer in another image, and another layer at the same height.
    let (other, _) = image(&place, &[lower]).await;
    let other = read_image(&other, scratch.path()).await.unwrap().1;
    assert_eq!(of(&other)[0], a);
    assert_ne!(of(&other)[1], b);
    let (strange, _) = image(&place, &[tar(&["f a 9"])]).await;
    assert_ne!(of(&read_image(&strange, scratch.path()).await.unwrap().1)[0], a);
    // What a stage puts over it is known as it is where it comes from.
    let text = graph::Laid { entry: Entry::file("b", 3), content: graph::Content::Inline(b"abc".to_vec()) };
    let contents: Arc<dyn Contents> = Arc::new(other);
    let copied = graph::Laid { entry: Entry::file("c", 1), content: graph::Content::Source("a".into()) };
    files.lay(&[(TreePath::from("b"), text), ("c".into(), copied)].into_iter().collect(), &contents);
    assert_eq!(of(&files), [a.clone(), Some(oci::Digest::of(b"abc")), a, d]);
}

#[tokio::test]
async fn files_are_picked_by_their_names_in_one_pass() {
    let (place, scratch) = (Memory::new(), tempfile::tempdir().unwrap());
    let base: &[&str] = &["d usr", "l bin usr", "f usr/qemu old", "f usr/other o", "f usr/gone/qemu g", "h usr/again/qemu usr/other"];
    let upper: &[&str] = &["f bin/qemu new", "w usr/gone", "f qemu q", "l usr/link/qemu qemu"];
    let (base, digests) = image(&place, &[tar(base), tar(upper)]).await;
    let files = pick(&base, scratch.path(), |name| name == b"qemu").await.unwrap();
    digests.iter().for_each(|digest| place.forget(digest));
    let expected = [
        "bin -> usr",
        "qemu: q",
        "usr/",
        "usr/again/",
        "usr/again/qemu: ?",
        "usr/link/",
        "usr/link/qemu -> qemu",
        "usr/other = usr/again/qemu",
        "usr/qemu: new",
    ];
    assert_eq!(all(&files), expected);
    // What has no room is the folder's fault, not the layer's.
    let (base, _) = image(&place, &[tar(&["f qemu q"])]).await;
    let problem = pick(&base, &scratch.path().join("none"), |_| true).await.map(|_| ()).unwrap_err();
    assert!(matches!(problem, PackError::Spool(_)), "{problem}");
}

//! Parts of blobs are read where they lie.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use content::{Error, Library, Place, Source};
use futures_util::TryStreamExt;
use oci::{Descriptor, Platform};
use store::archive::{Archive, Settings};
use store::{Layout, LayoutLibrary, NameOrigin, Store};
use testkit::fixtures::{Image, put, random_bytes};

async fn part(place: &dyn Source, blob: &Descriptor, range: Range<u64>) -> content::Result<Vec<u8>> {
    let chunks: Vec<bytes::Bytes> = place.blob_range(blob, range).await?.try_collect().await?;
    Ok(chunks.concat())
}

/// Damages the first byte of every file that holds these bytes somewhere.
fn damage(path: &Path, whole: &[u8]) {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().for_each(|entry| damage(&entry.unwrap().path(), whole));
    }
    let mut bytes = fs::read(path).unwrap();
    if let Some(start) = bytes.windows(whole.len()).position(|window| window == whole) {
        bytes[start] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[tokio::test]
async fn a_part_is_read_without_what_lies_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let layout = Layout::create_or_open(path("layout")).unwrap();
    let served = LayoutLibrary::new(layout.clone(), "hello".to_owned()).open("hello").await.unwrap();
    let store = Store::open(path("store"), Arc::new(SystemTime::now)).unwrap();
    let archive = || Archive::layout(path("a.tar"), Settings::new(folder.path(), Platform::new("linux", "amd64", None)));
    let image = Image::new("linux/amd64").file("data", random_bytes(5, 700_000)).uncompressed().build();
    let places: [Arc<dyn Place>; 4] =
        [Arc::new(layout), served, store.repository(&"hello".parse().unwrap(), NameOrigin::Made), Arc::new(archive())];
    let (blob, bytes) = &image.layers[0];
    for place in &places {
        put(&**place, &image, Some("1.0")).await;
        for range in [0..10, 5..600_000, 690_000..blob.size, 0..blob.size, blob.size - 1..blob.size + 9] {
            let (start, end) = (range.start as usize, range.end.min(blob.size) as usize);
            assert!(part(&**place, blob, range).await.unwrap() == bytes[start..end], "{} {start}..{end}", place.name());
        }
        let longer = Descriptor::new(blob.media_type.clone(), blob.digest.clone(), blob.size + 1);
        assert!(matches!(part(&**place, &longer, 5..10).await, Err(Error::WrongSize { .. })), "{}", place.name());
    }
    damage(folder.path(), bytes);
    for place in &places {
        let last = part(&**place, blob, blob.size - 10..blob.size).await.unwrap();
        assert_eq!(last, bytes[bytes.len() - 10..], "{}", place.name());
    }
}

//! What a step's layer depends on, as digests.
//!
//! Times of files count for nothing: who touches a file, or clones a repository again, gets the layer that was made
//! before (as BuildKit does). Times of folders that the root below had already do, as they would go from one base's layer
//! into another's; so does whatever the caller's words say.

use graph::{Content, Laid, Lay, TreePath};
use layer::Settings;
use layer::compact::{put_bytes, put_number, put_signed};
use layer::tar::{Device, EntryKind, Layout};
use oci::{Algorithm, Digest, Hasher};

use crate::pack::sources;

/// The form of keys, and whose layers they stand for: another release may write a layer otherwise.
const FORMAT: &str = concat!("step 1 of ", env!("CARGO_PKG_VERSION"));

/// All that a step's layer depends on, but for what is in its files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Digest);

/// All that a step's layer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepKey(Digest);

impl Shape {
    /// Works it out: what the writer is told, the caller's words, and every entry with all that is not in its file.
    pub fn of(lay: &Lay, settings: &Settings, words: &[String]) -> Self {
        let mut sum = Sum::new(FORMAT);
        sum.add(|output| put_settings(output, settings));
        sum.add(|output| put_number(output, words.len() as u64));
        for word in words {
            sum.add(|output| put_bytes(output, word.as_bytes()));
        }
        for (path, laid) in lay {
            sum.add(|output| put_laid(output, path, laid, settings.options.newest));
        }
        Self(sum.finish())
    }

    /// Returns the key of the shelf.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl StepKey {
    /// Works it out; `None` where the content of a file is not known.
    pub fn of(shape: &Shape, lay: &Lay, identity: impl Fn(&TreePath) -> Option<Digest>) -> Option<Self> {
        let mut sum = Sum::new("files");
        sum.add(|output| put_digest(output, &shape.0));
        for path in sources(lay) {
            let identity = identity(path)?;
            sum.add(|output| put_digest(output, &identity));
        }
        Some(Self(sum.finish()))
    }

    /// Returns the key of the shelf.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// Returns what a shape leaves out of a lay, but for its files: its times.
pub(super) fn times(lay: &Lay) -> Digest {
    let mut sum = Sum::new("times");
    for laid in lay.values() {
        sum.add(|output| put_signed(output, laid.entry.mtime));
    }
    sum.finish()
}

/// Returns where the files of a lay come from, which is not known by what is in them.
pub(super) fn origins(lay: &Lay) -> Digest {
    let mut sum = Sum::new("origins");
    for path in sources(lay) {
        sum.add(|output| put_bytes(output, path.bytes()));
    }
    sum.finish()
}

pub(super) fn put_settings(output: &mut Vec<u8>, settings: &Settings) {
    let Settings { compression, threads: _, options } = settings;
    put_bytes(output, compression.name().as_bytes());
    output.push(compression.level().unwrap_or(0));
    put_time(output, options.newest);
    output.push(match options.layout {
        Layout::Plain => 0,
        Layout::Windows => 1,
    });
}

fn put_laid(output: &mut Vec<u8>, path: &TreePath, laid: &Laid, newest: Option<i64>) {
    let entry = &laid.entry;
    put_bytes(output, path.bytes());
    match &entry.kind {
        EntryKind::File { size } => {
            output.push(0);
            put_number(output, *size);
        }
        EntryKind::Directory => output.push(1),
        EntryKind::Symlink { target } => {
            output.push(2);
            put_bytes(output, target);
        }
        EntryKind::Hardlink { target } => {
            output.push(3);
            put_bytes(output, target);
        }
        EntryKind::Fifo => output.push(4),
        EntryKind::CharDevice(device) => put_device(output, 5, device),
        EntryKind::BlockDevice(device) => put_device(output, 6, device),
    }
    for number in [u64::from(entry.mode), entry.uid, entry.gid, entry.xattrs.len() as u64] {
        put_number(output, number);
    }
    for (name, value) in &entry.xattrs {
        put_bytes(output, name);
        put_bytes(output, value);
    }
    match &laid.content {
        Content::Nothing => output.push(0),
        // What it will be in the layer: newer times become the newest that is allowed.
        Content::Root => {
            output.push(1);
            put_signed(output, newest.map_or(entry.mtime, |newest| newest.min(entry.mtime)));
        }
        // Where it comes from is of no matter, only what is there.
        Content::Source(_) => output.push(2),
        Content::Inline(bytes) => {
            output.push(3);
            put_bytes(output, bytes);
        }
        Content::Whiteout => output.push(4),
    }
}

fn put_device(output: &mut Vec<u8>, kind: u8, device: &Device) {
    output.push(kind);
    put_number(output, device.major.into());
    put_number(output, device.minor.into());
}

fn put_time(output: &mut Vec<u8>, time: Option<i64>) {
    output.push(time.is_some().into());
    put_signed(output, time.unwrap_or(0));
}

fn put_digest(output: &mut Vec<u8>, digest: &Digest) {
    put_bytes(output, digest.algorithm().name().as_bytes());
    put_bytes(output, digest.hex().as_bytes());
}

/// Hashes fields, each of which says itself how long it is.
struct Sum {
    hasher: Hasher,
    field: Vec<u8>,
}

impl Sum {
    fn new(kind: &str) -> Self {
        let mut sum = Self { hasher: Hasher::new(Algorithm::Sha256), field: Vec::new() };
        sum.add(|output| put_bytes(output, kind.as_bytes()));
        sum
    }

    fn add(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        self.field.clear();
        put(&mut self.field);
        self.hasher.update(&self.field);
    }

    fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use layer::tar::{Entry, Options};
    use layer::{Compression, GzipLevel, ZstdLevel};

    use super::*;

    fn lay() -> Lay {
        let device = EntryKind::CharDevice(Device { major: 1, minor: 3 });
        let laid = [
            (Entry::directory("usr").mtime(5), Content::Root),
            (Entry::directory("usr/app").mtime(6), Content::Nothing),
            (Entry::file("usr/app/a", 3).mtime(7).xattr("user.a", "1"), Content::Source("src/a".into())),
            (Entry::file("usr/app/b", 3).mtime(8), Content::Inline(b"abc".to_vec())),
            (Entry::file("usr/app/empty", 0), Content::Source("src/empty".into())),
            (Entry::symlink("usr/app/l", "a"), Content::Source("src/l".into())),
            (Entry { kind: device, ..Entry::file("usr/app/null", 0) }, Content::Source("src/null".into())),
        ];
        laid.into_iter().map(|(entry, content)| (TreePath::clean(&entry.path), Laid { entry, content })).collect()
    }

    fn shape(lay: &Lay) -> Shape {
        Shape::of(lay, &Settings::default(), &[])
    }

    fn changed(path: &str, change: impl Fn(&mut Laid)) -> Shape {
        let mut lay = lay();
        change(lay.get_mut(&path.into()).unwrap());
        shape(&lay)
    }

    #[test]
    fn what_does_not_reach_the_layer_s_content_is_no_part_of_it() {
        let own = shape(&lay());
        assert_eq!(changed("usr/app", |laid| laid.entry.mtime = 99), own);
        assert_eq!(changed("usr/app/a", |laid| laid.entry.mtime = 99), own);
        assert_eq!(changed("usr/app/a", |laid| laid.content = Content::Source("renamed".into())), own);
        assert_eq!(Shape::of(&lay(), &Settings { threads: 9, ..Settings::default() }, &[]), own);
        let newest = |newest| Settings { options: Options { newest: Some(newest), ..Options::default() }, ..Settings::default() };
        let mut older = lay();
        older.get_mut(&"usr".into()).unwrap().entry.mtime = 4;
        assert_eq!(Shape::of(&older, &newest(2), &[]), Shape::of(&lay(), &newest(2), &[]), "both become 2");
    }

    #[test]
    fn everything_else_is() {
        let word =
            |words: &[&str]| Shape::of(&lay(), &Settings::default(), &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            Shape::of(&lay(), &settings, &[])
        };
        let mut fewer = lay();
        fewer.remove(&"usr/app/l".into());
        let shapes = [
            shape(&lay()),
            shape(&fewer),
            word(&["a"]),
            word(&["a", ""]),
            word(&["ab"]),
            with(|settings| settings.compression = Compression::None),
            with(|settings| settings.compression = Compression::Gzip(GzipLevel::new(3).unwrap())),
            with(|settings| settings.compression = Compression::Zstd(ZstdLevel::DEFAULT)),
            with(|settings| settings.options.newest = Some(0)),
            with(|settings| settings.options.newest = Some(1)),
            with(|settings| settings.options.layout = Layout::Windows),
            changed("usr", |laid| laid.entry.mtime = 99),
            changed("usr", |laid| laid.content = Content::Nothing),
            changed("usr/app", |laid| laid.entry.mode = 0o700),
            changed("usr/app/a", |laid| laid.entry.uid = 1),
            changed("usr/app/a", |laid| laid.entry.gid = 1),
            changed("usr/app/a", |laid| laid.entry.kind = EntryKind::File { size: 4 }),
            changed("usr/app/a", |laid| laid.entry.kind = EntryKind::Hardlink { target: b"a".to_vec() }),
            changed("usr/app/a", |laid| laid.entry.xattrs.clear()),
            changed("usr/app/a", |laid| drop(laid.entry.xattrs.insert(b"user.a".to_vec(), b"2".to_vec()))),
            changed("usr/app/b", |laid| laid.content = Content::Inline(b"abd".to_vec())),
            changed("usr/app/l", |laid| laid.entry.kind = EntryKind::Symlink { target: b"b".to_vec() }),
            changed("usr/app/null", |laid| laid.entry.kind = EntryKind::BlockDevice(Device { major: 1, minor: 3 })),
            changed("usr/app/null", |laid| laid.entry.kind = EntryKind::CharDevice(Device { major: 1, minor: 5 })),
            changed("usr/app/null", |laid| laid.entry.kind = EntryKind::Fifo),
        ];
        let different: std::collections::HashSet<&Shape> = shapes.iter().collect();
        assert_eq!(different.len(), shapes.len());
    }

    #[test]
    fn a_key_needs_what_is_in_every_file_and_asks_for_nothing_else() {
        let (lay, shape) = (lay(), shape(&lay()));
        let key = |content: &'static str| {
            StepKey::of(&shape, &lay, move |path| (*path == "src/a".into()).then(|| Digest::of(content.as_bytes())))
        };
        assert!(key("abc").is_some());
        assert_eq!(key("abc"), key("abc"));
        assert_ne!(key("abc"), key("abd"));
        assert_eq!(StepKey::of(&shape, &lay, |_| None), None);
    }
}

//! A command that was run: what it is known by, and what is kept of it.
//!
//! A format's number, how its layer is written, what is in it, the layer, its entries. The bytes of its files are in the layer's
//! blob, found by the numbers of their entries.

use std::sync::Arc;

use graph::{Content, Laid, Lay, TreePath};
use layer::Settings;
use layer::compact::{put_bytes, put_number, put_signed, take_byte, take_bytes, take_number, take_signed};
use layer::tar::{Device, Entry, EntryKind};
use oci::{Algorithm, Digest, Hasher};

use super::key::put_settings;
use super::record;
use crate::files::entry_name;
use crate::pack::Packed;

/// One more where anything below changes.
const FORMAT: u8 = 1;
/// The form of keys, and who writes what they stand for.
const KEY: &str = concat!("run 1 of ", env!("CARGO_PKG_VERSION"));

/// All that what a command writes depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunKey(Digest);

impl RunKey {
    /// Works it out from fields, in their order.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for field in std::iter::once(KEY.as_bytes()).chain(fields) {
            let mut output = Vec::new();
            put_bytes(&mut output, field);
            hasher.update(&output);
        }
        Self(hasher.finish())
    }

    /// Returns the key of the shelf.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The entries of its layer. [`Content::Source`] is a file's name among [`LayerFiles`](crate::files::LayerFiles) of that layer.
    pub lay: Arc<Lay>,
    /// The layer.
    pub packed: Packed,
    /// How it is written.
    settings: Digest,
    /// What only commands have in common that have written the same.
    pub content: Digest,
}

impl Ran {
    pub(super) fn new(lay: &Lay, packed: Packed, settings: &Settings, content: Digest) -> Self {
        let named = lay.iter().enumerate().map(|(number, (path, laid))| {
            let content = match &laid.content {
                Content::Source(_) => Content::Source(entry_name(0, number as u64)),
                other => other.clone(),
            };
            (path.clone(), Laid { entry: laid.entry.clone(), content })
        });
        Self { lay: Arc::new(named.collect()), packed, settings: written_as(settings), content }
    }

    /// Tells whether the layer is written as is wanted.
    pub fn is_written_as(&self, settings: &Settings) -> bool {
        self.settings == written_as(settings)
    }

    /// Writes it in few bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut output = vec![FORMAT];
        for digest in [&self.settings, &self.content] {
            put_bytes(&mut output, digest.to_string().as_bytes());
        }
        put_bytes(&mut output, &record::encode(&self.packed));
        put_number(&mut output, self.lay.len() as u64);
        for (path, laid) in self.lay.iter() {
            put_laid(&mut output, path, laid);
        }
        output
    }

    /// Reads what was written; `None` where it has another format.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes;
        if take_byte(input)? != FORMAT {
            return None;
        }
        let (settings, content) = (record::take_digest(input)?, record::take_digest(input)?);
        let packed = record::decode(take_bytes(input)?)?;
        let mut lay = Lay::new();
        for number in 0..take_number(input)? {
            let (path, laid) = take_laid(input, number)?;
            lay.insert(path, laid);
        }
        input.is_empty().then_some(Self { lay: Arc::new(lay), packed, settings, content })
    }
}

fn written_as(settings: &Settings) -> Digest {
    let mut output = Vec::new();
    put_settings(&mut output, settings);
    Digest::of(&output)
}

fn put_laid(output: &mut Vec<u8>, path: &TreePath, laid: &Laid) {
    put_bytes(output, path.bytes());
    let entry = &laid.entry;
    match (&laid.content, &entry.kind) {
        (Content::Whiteout, _) => return output.push(0),
        (Content::Root, _) => output.push(1),
        (_, EntryKind::Directory) => output.push(2),
        (_, EntryKind::File { size }) => {
            output.push(3);
            put_number(output, *size);
        }
        (_, EntryKind::Symlink { target }) => {
            output.push(4);
            put_bytes(output, target);
        }
        (_, EntryKind::Hardlink { target }) => {
            output.push(5);
            put_bytes(output, target);
        }
        (_, EntryKind::Fifo) => output.push(6),
        (_, EntryKind::CharDevice(device)) => put_device(output, 7, *device),
        (_, EntryKind::BlockDevice(device)) => put_device(output, 8, *device),
    }
    for number in [u64::from(entry.mode), entry.uid, entry.gid] {
        put_number(output, number);
    }
    put_signed(output, entry.mtime);
    put_number(output, entry.xattrs.len() as u64);
    for (name, value) in &entry.xattrs {
        put_bytes(output, name);
        put_bytes(output, value);
    }
}

fn put_device(output: &mut Vec<u8>, kind: u8, device: Device) {
    output.push(kind);
    put_number(output, device.major.into());
    put_number(output, device.minor.into());
}

fn take_laid(input: &mut &[u8], number: u64) -> Option<(TreePath, Laid)> {
    let path = TreePath::clean(take_bytes(input)?);
    let mut content = Content::Nothing;
    let kind = match take_byte(input)? {
        0 => {
            let entry = Entry::whiteout(path.bytes());
            return Some((path, Laid { entry, content: Content::Whiteout }));
        }
        1 => {
            content = Content::Root;
            EntryKind::Directory
        }
        2 => EntryKind::Directory,
        3 => {
            content = Content::Source(entry_name(0, number));
            EntryKind::File { size: take_number(input)? }
        }
        4 => EntryKind::Symlink { target: take_bytes(input)?.to_vec() },
        5 => EntryKind::Hardlink { target: take_bytes(input)?.to_vec() },
        6 => EntryKind::Fifo,
        7 => EntryKind::CharDevice(take_device(input)?),
        8 => EntryKind::BlockDevice(take_device(input)?),
        _ => return None,
    };
    let mode = u32::try_from(take_number(input)?).ok()?;
    let (uid, gid, mtime) = (take_number(input)?, take_number(input)?, take_signed(input)?);
    let mut entry = Entry { kind, mode, uid, gid, mtime, ..Entry::directory(path.bytes()) };
    for _ in 0..take_number(input)? {
        let name = take_bytes(input)?.to_vec();
        entry.xattrs.insert(name, take_bytes(input)?.to_vec());
    }
    Some((path, Laid { entry, content }))
}

fn take_device(input: &mut &[u8]) -> Option<Device> {
    let number = |input: &mut &[u8]| u32::try_from(take_number(input)?).ok();
    Some(Device { major: number(input)?, minor: number(input)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use layer::{Compressed, Compression};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn lay() -> impl Strategy<Value = Lay> {
        let path = "[a-z]{1,3}(/[a-zé]{1,4}){0,2}".prop_map(|text| TreePath::from(text.as_str()));
        let bytes = || any::<Vec<u8>>();
        let device = any::<(u32, u32)>().prop_map(|(major, minor)| Device { major, minor });
        let kind = prop_oneof![
            Just(EntryKind::Directory),
            any::<u64>().prop_map(|size| EntryKind::File { size }),
            bytes().prop_map(|target| EntryKind::Symlink { target }),
            bytes().prop_map(|target| EntryKind::Hardlink { target }),
            Just(EntryKind::Fifo),
            device.clone().prop_map(EntryKind::CharDevice),
            device.prop_map(EntryKind::BlockDevice),
        ];
        let attributes = btree_map(bytes(), bytes(), 0..3);
        let laid = (kind, any::<(u32, u64, u64, i64)>(), attributes, any::<bool>(), 0..8_u8);
        btree_map(path, laid, 0..6).prop_map(|laid| {
            let laid = laid.into_iter().map(|(path, (kind, (mode, uid, gid, mtime), xattrs, is_way, gone))| {
                if gone == 0 {
                    let entry = Entry::whiteout(path.bytes());
                    return (path, Laid { entry, content: Content::Whiteout });
                }
                let content = match kind {
                    EntryKind::File { .. } => Content::Source(path.clone()),
                    EntryKind::Directory if is_way => Content::Root,
                    _ => Content::Nothing,
                };
                let entry = Entry { path: path.bytes().to_vec(), kind, mode, uid, gid, mtime, xattrs };
                (path, Laid { entry, content })
            });
            laid.collect()
        })
    }

    fn ran(lay: &Lay) -> Ran {
        let layer = Compressed { diff_id: oci::DiffId(Digest::of(b"d")), digest: Digest::of(b"b"), size: 1, uncompressed: 2 };
        let packed = Packed { layer, programs: Vec::new(), newest: Some(3), accounts: Vec::new() };
        let settings = Settings { compression: Compression::None, threads: 1, options: Default::default() };
        Ran::new(lay, packed, &settings, Digest::of(b"c"))
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(lay in lay(), cut: prop::sample::Index) {
            let ran = ran(&lay);
            let bytes = ran.encode();
            prop_assert_eq!(Ran::decode(&bytes), Some(ran));
            prop_assert_eq!(Ran::decode(&bytes[..cut.index(bytes.len())]), None);
            prop_assert_eq!(Ran::decode(&[bytes.as_slice(), b"x"].concat()), None);
        }

        #[test]
        fn fields_of_a_key_do_not_run_into_each_other(one in vec(any::<Vec<u8>>(), 0..4), other in vec(any::<Vec<u8>>(), 0..4)) {
            let key = |fields: &[Vec<u8>]| RunKey::of(fields.iter().map(Vec::as_slice));
            prop_assert_eq!(one == other, key(&one) == key(&other));
        }
    }

    #[test]
    fn a_file_is_known_by_the_number_of_its_entry() {
        let mut lay = Lay::new();
        for path in ["a", "b", "c"] {
            let entry = if path == "b" { Entry::file(path, 1) } else { Entry::directory(path) };
            let content = if path == "b" { Content::Source("upper/b".into()) } else { Content::Nothing };
            lay.insert(path.into(), Laid { entry, content });
        }
        assert_eq!(ran(&lay).lay.get(&"b".into()).unwrap().content, Content::Source(entry_name(0, 1)));
    }
}

//! The layout of a layer of a Windows image: everything below `Files/`, with what its file system wants to know.

use super::Entry;
use super::entry::EntryKind;
use super::pax::Record;

/// The directories every such layer begins with: for the registry's differences, and for files.
pub(crate) const FIRST: [&[u8]; 2] = [b"Hives", FILES];
const FILES: &[u8] = b"Files";

/// Security descriptors in the binary form of MS-DTYP 2.4.6, in base64; both belong to the administrators.
/// `O:BAG:SYD:(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CI;DC;;;BU)`
const DIRECTORY_SECURITY: &[u8] = b"AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgCoAAcAAAAAAxgA/wEfAAECAAAAAAAFIAAAACACAAAAAxQA/wEfAAEBAAAAAAAFEgAAAAAAGAD/AR8AAQIAAAAAAAUgAAAAIAIAAAALFAAAAAAQAQEAAAAAAAMAAAAAAAMYAKkAEgABAgAAAAAABSAAAAAhAgAAAAIYAAQAAAABAgAAAAAABSAAAAAhAgAAAAIYAAIAAAABAgAAAAAABSAAAAAhAgAA";
/// `O:BAG:SYD:(A;;FA;;;BA)(A;;FA;;;SY)(A;;0x1200a9;;;BU)`
const FILE_SECURITY: &[u8] = b"AQAEgBQAAAAkAAAAAAAAADAAAAABAgAAAAAABSAAAAAgAgAAAQEAAAAAAAUSAAAAAgBMAAMAAAAAABgA/wEfAAECAAAAAAAFIAAAACACAAAAABQA/wEfAAEBAAAAAAAFEgAAAAAAGACpABIAAQIAAAAAAAUgAAAAIQIAAA==";

/// Puts an entry below `Files/`, and the target of a hard link with it.
pub(crate) fn below_files(entry: &mut Entry) {
    let below = |path: &[u8]| [FILES, b"/", path].concat();
    entry.path = below(&entry.path);
    if let EntryKind::Hardlink { target } = &mut entry.kind {
        *target = below(target);
    }
}

/// What an entry's header says for Windows: the bits of its mode that name the type, and its records.
pub(crate) fn describe(entry: &Entry, with_security: bool) -> (u32, Vec<Record>) {
    let (bits, attributes, security) = match entry.kind {
        EntryKind::Directory => (0o040_000, Some(&b"16"[..]), DIRECTORY_SECURITY),
        EntryKind::File { .. } => (0o100_000, Some(&b"32"[..]), FILE_SECURITY),
        _ => (0, None, &b""[..]),
    };
    let mut records = vec![(b"LIBARCHIVE.creationtime".to_vec(), format!("{}.0", entry.mtime).into_bytes())];
    if let Some(attributes) = attributes {
        records.push((b"MSWINDOWS.fileattr".to_vec(), attributes.to_vec()));
        if with_security {
            records.push((b"MSWINDOWS.rawsd".to_vec(), security.to_vec()));
        }
    }
    (bits, records)
}

//! A step's entries become a layer: each file is read once, and hashed, compressed and looked at while its
//! bytes pass.

mod contents;
mod error;
mod store;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use graph::{Content, Laid, Lay, TreePath};
use layer::binary::{Binary, Sniffer};
use layer::tar::{Entry, EntryKind};
use layer::{Compressed, LayerWriter, Settings};

pub use contents::{Contents, Nowhere, Reading};
pub use error::PackError;
pub use store::pack_into;

/// The names whose content tells who may own files.
const ACCOUNTS: [&str; 2] = ["etc/passwd", "etc/group"];

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its digests and sizes.
    pub layer: Compressed,
    /// The programs in it, in the order of their paths.
    pub programs: Vec<Program>,
    /// The newest time of modification in it, in seconds since 1970; none of an empty layer.
    pub newest: Option<i64>,
    /// `etc/passwd` and `etc/group`, where they are in it.
    pub accounts: Vec<(TreePath, Vec<u8>)>,
}

/// A file that is for a machine, or says what runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is in the image.
    pub path: TreePath,
    /// Somebody may execute it.
    pub is_executable: bool,
    /// What it is.
    pub binary: Binary,
}

/// Writes entries as a layer.
///
/// # Errors
/// Names the file that cannot be read, that changed while it was read, or that no layer may hold.
pub fn pack(lay: &Lay, contents: &dyn Contents, settings: Settings, output: impl Write) -> Result<Packed, PackError> {
    let mut packing = Packing { writer: LayerWriter::create(output, settings), programs: Vec::new(), newest: None, accounts: Vec::new() };
    for (path, laid) in lay {
        packing.one(path, laid, contents)?;
    }
    let Packing { writer, programs, newest, accounts } = packing;
    Ok(Packed { layer: writer.finish().map_err(PackError::Layer)?, programs, newest, accounts })
}

/// Lists the files of the source that will be read, in the order of the layer; some may come twice.
pub(crate) fn sources(lay: &Lay) -> impl Iterator<Item = &TreePath> {
    lay.values().filter_map(|laid| match &laid.content {
        Content::Source(source) if laid.entry.size() > 0 => Some(source),
        _ => None,
    })
}

/// Lists paths sorted, each once, as contents are prepared.
pub(crate) fn each_once<'a>(paths: impl Iterator<Item = &'a TreePath>) -> Vec<TreePath> {
    paths.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

struct Packing<W: Write> {
    writer: LayerWriter<W>,
    programs: Vec<Program>,
    newest: Option<i64>,
    accounts: Vec<(TreePath, Vec<u8>)>,
}

impl<W: Write> Packing<W> {
    fn one(&mut self, path: &TreePath, laid: &Laid, contents: &dyn Contents) -> Result<(), PackError> {
        let entry = &laid.entry;
        self.newest = self.newest.max(Some(entry.mtime));
        match &laid.content {
            Content::Inline(_) | Content::Source(_) if entry.size() == 0 => self.bare(entry),
            Content::Nothing | Content::Root => self.bare(entry),
            Content::Inline(bytes) => self.file(path, entry, &mut bytes.as_slice()),
            Content::Source(source) => contents.read(source, &mut |reader| self.file(path, entry, reader)),
        }
    }

    fn bare(&mut self, entry: &Entry) -> Result<(), PackError> {
        self.writer.append_empty(entry).map_err(PackError::Layer)
    }

    fn file(&mut self, path: &TreePath, entry: &Entry, reader: &mut dyn Read) -> Result<(), PackError> {
        let mut kept = ACCOUNTS.iter().any(|name| name.as_bytes() == path.bytes()).then(Vec::new);
        let mut seen = Seen { reader, sniffer: Sniffer::new(), kept: kept.as_mut() };
        self.writer.append(entry, &mut seen).map_err(PackError::Layer)?;
        let binary = seen.sniffer.finish();
        if binary != Binary::Other {
            self.programs.push(Program { path: path.clone(), is_executable: is_executable(entry), binary });
        }
        self.accounts.extend(kept.map(|content| (path.clone(), content)));
        Ok(())
    }
}

fn is_executable(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File { .. }) && entry.mode & 0o111 != 0
}

/// Looks at bytes on their way into the layer.
struct Seen<'a> {
    reader: &'a mut dyn Read,
    sniffer: Sniffer,
    kept: Option<&'a mut Vec<u8>>,
}

impl Read for Seen<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        self.sniffer.update(bytes);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(count)
    }
}

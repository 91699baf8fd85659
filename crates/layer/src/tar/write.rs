//! Writes tars: the same entries give the same bytes, everywhere and always.
//!
//! The bytes are those of Go's `archive/tar` for the same header with its format left open: ustar where everything
//! fits, else an extended header (PAX) with the records that are needed, sorted.

use std::io::{self, Read, Write};

use super::entry::EntryKind;
use super::header::{self, Header};
use super::pax::Record;
use super::seen::Seen;
use super::{BLOCK, Entry, WHITEOUT, WHITEOUT_OPAQUE, padding, path, pax, windows};
use crate::error::{Got, LayerError, Problem, shown};

/// How content travels.
const CHUNK: usize = 128 * 1024;
static ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What holds for every entry of a tar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Newer times become this one, in seconds since 1970; older ones stay (`SOURCE_DATE_EPOCH`).
    pub newest: Option<i64>,
    /// Where in the tar the files stand.
    pub layout: Layout,
}

/// Where in a layer the files stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// At its root: every system but Windows.
    #[default]
    Plain,
    /// Below `Files/`, beside an empty `Hives/`, with the attributes and security descriptors that Windows wants.
    /// Every image whose `os` is `windows` needs this, also one from `scratch`.
    Windows,
}

/// Writes a tar, entry by entry.
///
/// Parents come before their children, and the order is the caller's. The end is written by
/// [`finish`](Self::finish) alone: a writer that is dropped leaves a tar that is cut off.
///
/// ```
/// use layer::tar::{Entry, Writer};
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append_empty(&Entry::directory("etc"))?;
/// tar.append_bytes(&Entry::file("etc/motd", 6).mtime(1_700_000_000), b"hello\n")?;
/// assert_eq!(tar.finish()?.len(), 2 * 512 + 512 + 1024);
/// # Ok::<(), layer::LayerError>(())
/// ```
pub struct Writer<W: Write> {
    inner: W,
    encoder: Encoder,
}

impl<W: Write> Writer<W> {
    /// Starts a tar with the usual options.
    pub fn new(inner: W) -> Self {
        Self::with(inner, Options::default())
    }

    /// Starts a tar.
    pub fn with(inner: W, options: Options) -> Self {
        Self { inner, encoder: Encoder::new(options) }
    }

    /// Writes an entry and its content, which is exactly as long as the entry says.
    ///
    /// # Errors
    /// [`LayerError::Changed`] where the content is shorter or longer, [`LayerError::Entry`] for a name that no layer may
    /// have or that was written before, and what the reader and the writer report. After any error but
    /// [`LayerError::Entry`] the tar is of no use.
    pub fn append(&mut self, entry: &Entry, content: impl Read) -> Result<(), LayerError> {
        let header = self.encoder.header(entry)?;
        self.inner.write_all(&header).map_err(LayerError::written)?;
        copy_content(entry, content, &mut self.inner)?;
        self.inner.write_all(pad(entry.size())).map_err(LayerError::written)
    }

    /// Writes an entry whose content is at hand.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_bytes(&mut self, entry: &Entry, content: &[u8]) -> Result<(), LayerError> {
        self.append(entry, content)
    }

    /// Writes an entry without content: a directory, a link, a device, an empty file.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_empty(&mut self, entry: &Entry) -> Result<(), LayerError> {
        self.append(entry, io::empty())
    }

    /// Hides a path of the layers below.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn whiteout(&mut self, path: &[u8]) -> Result<(), LayerError> {
        let header = self.encoder.whiteout(path)?;
        self.inner.write_all(&header).map_err(LayerError::written)
    }

    /// Hides everything that the layers below have in a directory. For copies of other people's layers: a whiteout for
    /// each name says the same and is understood by everybody.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn opaque(&mut self, directory: &[u8]) -> Result<(), LayerError> {
        let header = self.encoder.opaque(directory)?;
        self.inner.write_all(&header).map_err(LayerError::written)
    }

    /// Writes the end and returns what was written to, flushed.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn finish(mut self) -> Result<W, LayerError> {
        let end = self.encoder.end();
        self.inner.write_all(&end).and_then(|()| self.inner.flush()).map_err(LayerError::written)?;
        Ok(self.inner)
    }
}

/// The zeros that fill the last block of a content.
pub(crate) fn pad(size: u64) -> &'static [u8] {
    ZEROS.get(..padding(size)).unwrap_or_default()
}

/// Copies exactly the declared content.
pub(crate) fn copy_content(entry: &Entry, mut content: impl Read, output: &mut impl Write) -> Result<(), LayerError> {
    let size = entry.size();
    let changed = |got| LayerError::Changed { name: shown(&entry.path), expected: size, got };
    let mut left = size;
    let mut chunk = vec![0; usize::try_from(size).unwrap_or(CHUNK).clamp(1, CHUNK)];
    loop {
        let room = usize::try_from(left).unwrap_or(CHUNK).clamp(1, chunk.len());
        let place = chunk.get_mut(..room).unwrap_or_default();
        let count = match content.read(place) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(LayerError::Content { name: shown(&entry.path), source }),
        };
        match (count, left) {
            (0, 0) => return Ok(()),
            (0, _) => return Err(changed(Got::Only(size - left))),
            (_, 0) => return Err(changed(Got::More)),
            _ => {}
        }
        output.write_all(place.get(..count).unwrap_or_default()).map_err(LayerError::written)?;
        left -= count as u64;
    }
}

/// Turns entries into the bytes before their content, and remembers their names.
pub(crate) struct Encoder {
    options: Options,
    seen: Seen,
    begun: bool,
}

impl Encoder {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, seen: Seen::default(), begun: false }
    }

    pub(crate) fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, LayerError> {
        if entry.name().starts_with(WHITEOUT) {
            return Err(LayerError::entry(&entry.path, Problem::Whiteout));
        }
        self.any(entry.clone())
    }

    pub(crate) fn whiteout(&mut self, path: &[u8]) -> Result<Vec<u8>, LayerError> {
        let hidden = path::clean(path).map_err(|problem| LayerError::entry(path, problem))?;
        if hidden.is_empty() {
            return Err(LayerError::entry(path, Problem::Empty));
        }
        self.any(Entry::whiteout(hidden))
    }

    pub(crate) fn opaque(&mut self, directory: &[u8]) -> Result<Vec<u8>, LayerError> {
        let name = if directory.is_empty() { WHITEOUT_OPAQUE.to_vec() } else { [directory, b"/", WHITEOUT_OPAQUE].concat() };
        self.any(Entry::file(name, 0).mode(0))
    }

    /// The end of the tar: two blocks of zeros.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        [self.begin().as_slice(), &ZEROS].concat()
    }

    fn any(&mut self, mut entry: Entry) -> Result<Vec<u8>, LayerError> {
        let bad = |problem| LayerError::entry(&entry.path, problem);
        let cleaned = path::clean(&entry.path).map_err(bad)?;
        if cleaned.is_empty() {
            return Err(bad(Problem::Empty));
        }
        if let EntryKind::Hardlink { target } = &mut entry.kind {
            let cleaned = path::clean(target).map_err(|_| LayerError::entry(&entry.path, Problem::LinkLeadsOut(shown(target))))?;
            if !self.seen.contains(&cleaned) {
                return Err(LayerError::entry(&entry.path, Problem::LinkMissing(shown(target))));
            }
            *target = cleaned;
        }
        entry.path = cleaned;
        if self.seen.contains(&entry.path) {
            return Err(LayerError::entry(&entry.path, Problem::Duplicate));
        }
        entry.mtime = self.options.newest.map_or(entry.mtime, |newest| entry.mtime.min(newest));
        let name = entry.path.clone();
        let header = match self.options.layout {
            Layout::Plain => encode(&entry, 0, Vec::new()),
            Layout::Windows => {
                windows::below_files(&mut entry);
                let (bits, records) = windows::describe(&entry, true);
                encode(&entry, bits, records)
            }
        }
        .map_err(|problem| LayerError::entry(&name, problem))?;
        self.seen.insert(&name);
        let mut bytes = self.begin();
        bytes.extend_from_slice(&header);
        Ok(bytes)
    }

    /// What stands before the first entry.
    fn begin(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.begun, true) || self.options.layout == Layout::Plain {
            return Vec::new();
        }
        let first = windows::FIRST.iter().map(|name| {
            let entry = Entry::directory(*name).mode(0).mtime(self.options.newest.unwrap_or_default());
            let (bits, records) = windows::describe(&entry, false);
            encode(&entry, bits, records).unwrap_or_default()
        });
        first.collect::<Vec<_>>().concat()
    }
}

/// Encodes the header of an entry whose path is clean, with an extended header before it where one is needed.
fn encode(entry: &Entry, type_bits: u32, mut records: Vec<Record>) -> Result<Vec<u8>, Problem> {
    let mut header = Header {
        name: entry.path.clone(),
        mode: u64::from(entry.mode | type_bits),
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size(),
        mtime: entry.mtime,
        ..Header::default()
    };
    match &entry.kind {
        EntryKind::File { .. } => header.flag = header::FILE,
        EntryKind::Directory => {
            header.flag = header::DIRECTORY;
            header.name.push(b'/');
        }
        EntryKind::Symlink { target } => (header.flag, header.link) = (header::SYMLINK, target.clone()),
        EntryKind::Hardlink { target } => (header.flag, header.link) = (header::HARDLINK, target.clone()),
        EntryKind::Fifo => header.flag = header::FIFO,
        EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) => {
            let is_char = matches!(entry.kind, EntryKind::CharDevice(_));
            header.flag = if is_char { header::CHAR_DEVICE } else { header::BLOCK_DEVICE };
            (header.major, header.minor) = (u64::from(device.major), u64::from(device.minor));
        }
    }
    for (number, what) in [(header.mode, "mode"), (header.major, "major number"), (header.minor, "minor number")] {
        if !header::fits_octal(8, number) {
            return Err(Problem::Number(what));
        }
    }
    if header.link.contains(&0) {
        return Err(Problem::Nul);
    }
    if header.link.is_empty() && matches!(entry.kind, EntryKind::Symlink { .. }) {
        return Err(Problem::LinkMissing(String::new()));
    }
    let mut add = |key: &[u8], value: &[u8]| records.push((key.to_vec(), value.to_vec()));
    if !header::fits_name(&header.link) {
        add(b"linkpath", &header.link);
    }
    for (key, width, number) in [(&b"uid"[..], 8, header.uid), (b"gid", 8, header.gid), (b"size", 12, header.size)] {
        if !header::fits_octal(width, number) {
            add(key, number.to_string().as_bytes());
        }
    }
    if !u64::try_from(header.mtime).is_ok_and(|seconds| header::fits_octal(12, seconds)) {
        add(b"mtime", header.mtime.to_string().as_bytes());
    }
    for (name, value) in &entry.xattrs {
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            return Err(Problem::Attribute(shown(name)));
        }
        add(&[pax::XATTR, name].concat(), value);
    }
    let parts = header::split(&header.name);
    // A long name is split only where nothing else needs an extended header: so does Go.
    if let (true, Some((prefix, rest))) = (records.is_empty(), parts) {
        let short = Header { name: rest.to_vec(), ..header.clone() };
        return Ok(short.encode(prefix).to_vec());
    }
    if !header::fits_name(&header.name) {
        records.push((b"path".to_vec(), header.name.clone()));
    }
    let mut bytes = Vec::new();
    if !records.is_empty() {
        records.sort();
        let mut text = Vec::new();
        for (key, value) in &records {
            pax::append(&mut text, key, value);
        }
        bytes.extend_from_slice(&Header::encode_extended(&extended_name(&header.name), text.len()));
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(pad(text.len() as u64));
    }
    header.name = cut(&header.name);
    header.link = cut(&header.link);
    bytes.extend_from_slice(&header.encode(b""));
    Ok(bytes)
}

/// The name of an extended header: a folder `PaxHeaders.0` beside the entry, so that tools that do not know it make
/// something harmless.
fn extended_name(name: &[u8]) -> Vec<u8> {
    let at = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (directory, file) = name.split_at(at);
    let mut extended = [directory, b"PaxHeaders.0"].concat();
    if !file.is_empty() {
        extended.push(b'/');
        extended.extend_from_slice(file);
    }
    extended
}

/// What of a text stands in a header whose extended header says the whole.
fn cut(text: &[u8]) -> Vec<u8> {
    const FIELD: usize = 100;
    let mut cut: Vec<u8> = text.iter().copied().filter(u8::is_ascii).collect();
    if cut.len() > FIELD {
        cut.truncate(FIELD);
        // Old readers take a trailing slash for a directory.
        while cut.last() == Some(&b'/') {
            cut.pop();
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_does_not_fit_has_a_record() {
        let header = |entry: &Entry| encode(entry, 0, Vec::new()).unwrap();
        let largest = (8 << 30) - 1;
        assert_eq!(header(&Entry::file("a", largest)).len(), BLOCK);
        let large = header(&Entry::file("a", largest + 1));
        assert!(large.len() == 3 * BLOCK && large[BLOCK..].starts_with(b"19 size=8589934592\n"));
        // The field holds nothing then, as Go has it: who does not know the record sees that something is wrong.
        assert_eq!(&large[2 * BLOCK + 124..][..12], b"00000000000\0");
        assert_eq!(header(&Entry::file("a", 0).mtime(-1)).len(), 3 * BLOCK);
        let mut device = Entry::file("a", 0);
        device.kind = EntryKind::CharDevice(crate::tar::Device { major: 1 << 21, minor: 0 });
        assert_eq!(encode(&device, 0, Vec::new()), Err(Problem::Number("major number")));
    }
}

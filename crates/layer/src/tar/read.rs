//! Reads tars that anybody may have made.

mod content;
mod limits;

use std::io::{self, Read};

use super::entry::{Device, EntryKind};
use super::header::{self, Header};
use super::seen::Seen;
use super::sparse::{self, Records, Segment};
use super::{BLOCK, Entry, leads_outside, padding, path, pax};
use crate::error::{LayerError, Limit, Problem, shown};
pub use content::Content;
use content::Place;
pub use limits::{AbsoluteNames, HardLinks, Limits, Rules, Symlinks};

/// The old form of a sparse file.
const SPARSE: u8 = b'S';

/// Reads the entries of an uncompressed tar one after the other.
///
/// Reads ustar, PAX, GNU and older tars: long names, large and negative numbers, extended attributes, sparse files. A
/// PAX header that is to hold for all entries (`git archive` writes one) is ignored.
///
/// ```
/// use layer::tar::{Entry, Limits, Reader, Rules, Writer};
///
/// let mut tar = Writer::new(Vec::new());
/// tar.append_bytes(&Entry::file("motd", 6), b"hello\n")?;
/// let tar = tar.finish()?;
/// let mut reader = Reader::new(tar.as_slice(), Limits::default(), Rules::default());
/// while let Some(entry) = reader.next_entry()? {
///     assert_eq!(entry.path, b"motd");
///     assert_eq!(std::io::read_to_string(reader.content()).unwrap(), "hello\n");
/// }
/// # Ok::<(), layer::LayerError>(())
/// ```
pub struct Reader<R: Read> {
    inner: R,
    limits: Limits,
    rules: Rules,
    /// How many bytes of the archive were read.
    offset: u64,
    /// Where in the current entry's content we are.
    place: Place,
    /// The zeros behind that content.
    padding: usize,
    seen: Seen,
    entries: u64,
    content: u64,
    holes: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Broken,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<i64>,
    xattrs: std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    sparse: Option<Records>,
}

impl<R: Read> Reader<R> {
    /// Starts at the first byte of a tar.
    pub fn new(inner: R, limits: Limits, rules: Rules) -> Self {
        Self {
            inner,
            limits,
            rules,
            offset: 0,
            place: Place::default(),
            padding: 0,
            seen: Seen::default(),
            entries: 0,
            content: 0,
            holes: 0,
            state: State::Open,
        }
    }

    /// Goes to the next entry, past what is left of the current one's content. `None` is the end of the archive; what
    /// stands behind it is not read.
    ///
    /// # Errors
    /// [`LayerError::Entry`] for an entry that no layer may have: the next call goes on behind it. All other errors are
    /// the end: [`LayerError::Limit`], [`LayerError::Damaged`], [`LayerError::Read`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LayerError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Broken => return Err(self.damaged("it was read on after an error")),
            State::Open => {}
        }
        let next = self.advance();
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(error) if error.concerns_one_entry() => self.place.become_skipped(),
            Err(_) => self.state = State::Broken,
        }
        next
    }

    /// Returns a reader of what is left of the current entry's content, with holes filled by zeros.
    pub fn content(&mut self) -> Content<'_, R> {
        Content::new(self)
    }

    /// Returns how many bytes of the archive were read so far.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the reader, wherever it is now.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn advance(&mut self) -> Result<Option<Entry>, LayerError> {
        let rest = self.place.packed + self.padding as u64;
        (self.place, self.padding) = (Place::default(), 0);
        self.skip(rest)?;
        let mut extension = Extension::default();
        loop {
            let Some(block) = self.header_block()? else { return Ok(None) };
            let header = Header::decode(&block).map_err(|problem| self.damaged_header(problem))?;
            match header.flag {
                header::EXTENDED => {
                    let bytes = self.small(&header, Limit::Header, self.limits.header)?;
                    self.take_records(&bytes, &mut extension)?;
                }
                b'g' => drop(self.small(&header, Limit::Header, self.limits.header)?),
                b'L' | b'K' => {
                    let mut name = self.small(&header, Limit::Name, self.limits.name + 1)?;
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                    *(if header.flag == b'L' { &mut extension.path } else { &mut extension.link }) = Some(name);
                }
                _ => return self.entry(header, extension, &block).map(Some),
            }
        }
    }

    /// Reads the block of the next header. Two blocks of zeros are the end, and so is the end of the bytes.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        match self.block()? {
            Some(second) if second != [0; BLOCK] => Err(self.damaged_header("something stands behind a block of zeros")),
            _ => Ok(None),
        }
    }

    /// Reads one block, or `None` at the end of the bytes.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(place) = block.get_mut(filled..).filter(|place| !place.is_empty()) {
            match self.inner.read(place) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.damaged("it ends within a header")),
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LayerError::read(error)),
            }
        }
        Ok(Some(block))
    }

    fn skip(&mut self, count: u64) -> Result<(), LayerError> {
        let passed = io::copy(&mut self.inner.by_ref().take(count), &mut io::sink()).map_err(LayerError::read)?;
        self.offset += passed;
        if passed < count { Err(self.damaged("it ends within an entry")) } else { Ok(()) }
    }

    /// Reads the content of an entry that says something of another one.
    fn small(&mut self, header: &Header, limit: Limit, allowed: u64) -> Result<Vec<u8>, LayerError> {
        if header.size > allowed {
            return Err(LayerError::limit(&header.name, limit, allowed));
        }
        let mut bytes = Vec::new();
        self.inner.by_ref().take(header.size).read_to_end(&mut bytes).map_err(LayerError::read)?;
        self.offset += bytes.len() as u64;
        if (bytes.len() as u64) < header.size {
            return Err(self.damaged("it ends within an extended header"));
        }
        self.skip(padding(header.size) as u64)?;
        Ok(bytes)
    }

    fn take_records(&mut self, bytes: &[u8], extension: &mut Extension) -> Result<(), LayerError> {
        let records = pax::parse(bytes).ok_or_else(|| self.damaged("an extended header has bad records"))?;
        for (key, value) in records {
            if let Some(name) = key.strip_prefix(pax::XATTR) {
                extension.xattrs.insert(name.to_vec(), value.to_vec());
                continue;
            }
            if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                extension.sparse.get_or_insert_default().take(key, value);
                continue;
            }
            // An empty value takes back what was said before: the header itself holds.
            let is_set = !value.is_empty();
            let number = |what| if is_set { pax::decimal(value).ok_or(what).map(Some) } else { Ok(None) };
            let taken = match key {
                b"path" => {
                    extension.path = is_set.then(|| value.to_vec());
                    Ok(())
                }
                b"linkpath" => {
                    extension.link = is_set.then(|| value.to_vec());
                    Ok(())
                }
                b"size" => number("an extended header has a bad size").map(|size| extension.size = size),
                b"uid" => number("an extended header has a bad owner").map(|uid| extension.uid = uid),
                b"gid" => number("an extended header has a bad group").map(|gid| extension.gid = gid),
                b"mtime" if is_set => {
                    pax::seconds(value).ok_or("an extended header has a bad time").map(|seconds| extension.mtime = Some(seconds))
                }
                _ => Ok(()),
            };
            taken.map_err(|problem| self.damaged(problem))?;
        }
        Ok(())
    }

    /// Makes an entry of its headers, checks it against limits and rules, and opens its content.
    fn entry(&mut self, header: Header, extension: Extension, block: &[u8; BLOCK]) -> Result<Entry, LayerError> {
        let raw = extension.path.unwrap_or(header.name);
        let packed = extension.size.unwrap_or(header.size);
        let has_content = matches!(header.flag, header::FILE | 0 | b'7' | SPARSE) || !header.flag.is_ascii_digit();
        self.place.packed = if has_content { packed } else { 0 };
        self.padding = padding(self.place.packed);
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(LayerError::limit(&raw, Limit::Entries, self.limits.entries));
        }
        let link = extension.link.unwrap_or(header.link);
        if raw.len().max(link.len()) as u64 > self.limits.name {
            return Err(LayerError::limit(&raw, Limit::Name, self.limits.name));
        }
        let size = self.open_content(&raw, header.flag, extension.sparse.as_ref(), block)?;
        let raw = extension.sparse.and_then(|sparse| sparse.name).unwrap_or(raw);
        if raw.len() as u64 > self.limits.name {
            return Err(LayerError::limit(&raw, Limit::Name, self.limits.name));
        }
        let bad = |problem| LayerError::entry(&raw, problem);
        let path = self.clean(&raw).map_err(bad)?;
        let device = || -> Result<Device, LayerError> {
            let number = |number: u64| u32::try_from(number).map_err(|_| bad(Problem::Number("number of a device")));
            Ok(Device { major: number(header.major)?, minor: number(header.minor)? })
        };
        let kind = match header.flag {
            header::DIRECTORY => EntryKind::Directory,
            // Before ustar there was no type of directories.
            header::FILE | 0 if raw.ends_with(b"/") => EntryKind::Directory,
            header::FILE | 0 | b'7' | SPARSE => EntryKind::File { size },
            header::HARDLINK => EntryKind::Hardlink { target: self.hard_link(&raw, &link)? },
            header::SYMLINK => EntryKind::Symlink { target: self.symlink(&raw, &path, link)? },
            header::FIFO => EntryKind::Fifo,
            header::CHAR_DEVICE => EntryKind::CharDevice(device()?),
            header::BLOCK_DEVICE => EntryKind::BlockDevice(device()?),
            other => return Err(bad(Problem::Type(char::from(other)))),
        };
        if path.is_empty() && kind != EntryKind::Directory {
            return Err(bad(Problem::Empty));
        }
        self.seen.insert(&path);
        Ok(Entry {
            path,
            kind,
            // Some tools write the type's bits with the mode.
            mode: (header.mode & 0o7777) as u32,
            uid: extension.uid.unwrap_or(header.uid),
            gid: extension.gid.unwrap_or(header.gid),
            mtime: extension.mtime.unwrap_or(header.mtime),
            xattrs: extension.xattrs,
        })
    }

    fn clean(&self, name: &[u8]) -> Result<Vec<u8>, Problem> {
        match self.rules.absolute_names {
            AbsoluteNames::Refuse => path::clean(name),
            AbsoluteNames::Strip => path::clean_relative(name),
        }
    }

    fn hard_link(&self, name: &[u8], link: &[u8]) -> Result<Vec<u8>, LayerError> {
        let target = self.clean(link).ok().filter(|target| !target.is_empty());
        let target = target.ok_or_else(|| LayerError::entry(name, Problem::LinkLeadsOut(shown(link))))?;
        if self.rules.hard_links == HardLinks::AfterTarget && !self.seen.contains(&target) {
            return Err(LayerError::entry(name, Problem::LinkMissing(shown(link))));
        }
        Ok(target)
    }

    fn symlink(&self, name: &[u8], path: &[u8], link: Vec<u8>) -> Result<Vec<u8>, LayerError> {
        if link.contains(&0) {
            return Err(LayerError::entry(name, Problem::Nul));
        }
        if link.is_empty() {
            return Err(LayerError::entry(name, Problem::LinkMissing(String::new())));
        }
        if self.rules.symlinks == Symlinks::Inside && leads_outside(path, &link) {
            return Err(LayerError::entry(name, Problem::SymlinkLeadsOut(shown(&link))));
        }
        Ok(link)
    }

    /// Finds out where the content's bytes belong, and returns the length of the file.
    fn open_content(&mut self, name: &[u8], flag: u8, records: Option<&Records>, block: &[u8; BLOCK]) -> Result<u64, LayerError> {
        let bad = || LayerError::entry(name, Problem::Sparse);
        let mut size = self.place.packed;
        let mut numbers = None;
        if flag == SPARSE {
            size = header::number(header::field(block, 483, 12)).and_then(|size| u64::try_from(size).ok()).ok_or_else(bad)?;
            numbers = Some(self.old_map(name, block)?);
        } else if let Some(records) = records {
            if records.damaged {
                return Err(bad());
            }
            size = records.size.unwrap_or(size);
            numbers = if records.map_in_content { Some(self.map_in_content(name)?) } else { records.map.clone() };
        }
        let mut segments = vec![Segment { offset: 0, length: size }];
        if let Some(numbers) = numbers {
            self.check_segments(name, numbers.len() as u64 / 2)?;
            segments = sparse::segments(&numbers, size).ok_or_else(bad)?;
            let data: u64 = segments.iter().map(|segment| segment.length).sum();
            if data != self.place.packed {
                return Err(bad());
            }
            self.holes = self.holes.saturating_add(size - data);
            if self.holes > self.limits.holes {
                return Err(LayerError::limit(name, Limit::Holes, self.limits.holes));
            }
        } else if size != self.place.packed {
            return Err(bad());
        }
        self.content = self.content.saturating_add(size);
        if self.content > self.limits.content {
            return Err(LayerError::limit(name, Limit::Content, self.limits.content));
        }
        self.place.open(segments, size);
        Ok(size)
    }

    fn check_segments(&self, name: &[u8], count: u64) -> Result<(), LayerError> {
        if count > self.limits.segments { Err(LayerError::limit(name, Limit::Segments, self.limits.segments)) } else { Ok(()) }
    }

    /// The map of the old form: four pairs in the header, and blocks of 21 behind it.
    fn old_map(&mut self, name: &[u8], block: &[u8; BLOCK]) -> Result<Vec<u64>, LayerError> {
        let bad = || LayerError::entry(name, Problem::Sparse);
        let mut numbers = Vec::new();
        sparse::old_pairs(block, 386, 4, &mut numbers).ok_or_else(bad)?;
        let mut more = block[482] != 0;
        while more {
            let block = self.block()?.ok_or_else(|| self.damaged("it ends within a sparse file's map"))?;
            sparse::old_pairs(&block, 0, 21, &mut numbers).ok_or_else(bad)?;
            more = block[504] != 0;
            self.check_segments(name, numbers.len() as u64 / 2)?;
        }
        Ok(numbers)
    }

    /// The map of form 1.0: decimal lines before the content, the first of them the number of pairs, filled up to a block.
    fn map_in_content(&mut self, name: &[u8]) -> Result<Vec<u64>, LayerError> {
        let bad = || LayerError::entry(name, Problem::Sparse);
        let (mut numbers, mut line, mut wanted) = (Vec::new(), Vec::new(), None);
        while wanted.is_none_or(|wanted| (numbers.len() as u64) < wanted) {
            if self.place.packed < BLOCK as u64 {
                return Err(bad());
            }
            let block = self.block()?.ok_or_else(|| self.damaged("it ends within a sparse file's map"))?;
            self.place.packed -= BLOCK as u64;
            for byte in block {
                if byte != b'\n' {
                    line.push(byte);
                    if line.len() > 20 {
                        break;
                    }
                    continue;
                }
                let number = pax::decimal(&line).ok_or_else(bad)?;
                line.clear();
                if wanted.is_none() {
                    self.check_segments(name, number)?;
                    wanted = Some(number * 2);
                } else {
                    numbers.push(number);
                }
                if wanted == Some(numbers.len() as u64) {
                    break;
                }
            }
            if line.len() > 20 {
                return Err(bad());
            }
        }
        Ok(numbers)
    }

    const fn damaged(&self, problem: &'static str) -> LayerError {
        LayerError::Damaged { offset: self.offset, problem }
    }

    const fn damaged_header(&self, problem: &'static str) -> LayerError {
        LayerError::Damaged { offset: self.offset.saturating_sub(BLOCK as u64), problem }
    }
}

//! The 512 bytes before every entry: ustar as Go's `archive/tar` writes it, and what old and new tools write.

use super::BLOCK;

/// What stands in one header, before extended headers change it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) flag: u8,
    pub(crate) mode: u64,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size: u64,
    pub(crate) mtime: i64,
    pub(crate) major: u64,
    pub(crate) minor: u64,
}

pub(crate) const FILE: u8 = b'0';
pub(crate) const HARDLINK: u8 = b'1';
pub(crate) const SYMLINK: u8 = b'2';
pub(crate) const CHAR_DEVICE: u8 = b'3';
pub(crate) const BLOCK_DEVICE: u8 = b'4';
pub(crate) const DIRECTORY: u8 = b'5';
pub(crate) const FIFO: u8 = b'6';
pub(crate) const EXTENDED: u8 = b'x';

/// The longest name in a header's own field, and the longest that stands before it.
const NAME: usize = 100;
const PREFIX: usize = 155;

/// Tells whether a number fits a field of so many bytes: octal digits and a NUL.
pub(crate) const fn fits_octal(width: usize, number: u64) -> bool {
    number < 1 << ((width - 1) * 3)
}

/// Splits a long ASCII name into the two fields that ustar has for it, at the last slash that serves.
pub(crate) fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME || !name.is_ascii() {
        return None;
    }
    let reach = if name.len() > PREFIX + 1 { PREFIX + 1 } else { name.len() - usize::from(name.ends_with(b"/")) };
    let slash = name.get(..reach)?.iter().rposition(|byte| *byte == b'/')?;
    let (prefix, rest) = name.split_at_checked(slash)?;
    let rest = rest.get(1..)?;
    (!prefix.is_empty() && prefix.len() <= PREFIX && !rest.is_empty() && rest.len() <= NAME).then_some((prefix, rest))
}

/// Tells whether a name fits the header's own field as it is.
pub(crate) fn fits_name(name: &[u8]) -> bool {
    name.len() <= NAME && name.is_ascii()
}

impl Header {
    /// Encodes the header. What does not fit is cut, or zero: an extended header says it right.
    ///
    /// `prefix` is the first part of a name that was split.
    pub(crate) fn encode(&self, prefix: &[u8]) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put_text(&mut block, 0, NAME, &self.name);
        put_octal(&mut block, 100, 8, self.mode);
        put_octal(&mut block, 108, 8, self.uid);
        put_octal(&mut block, 116, 8, self.gid);
        put_octal(&mut block, 124, 12, self.size);
        put_octal(&mut block, 136, 12, u64::try_from(self.mtime).unwrap_or_default());
        put_text(&mut block, 156, 1, &[self.flag]);
        put_text(&mut block, 157, NAME, &self.link);
        put_octal(&mut block, 329, 8, self.major);
        put_octal(&mut block, 337, 8, self.minor);
        put_text(&mut block, 345, PREFIX, prefix);
        sign(block)
    }

    /// Encodes the header of an extended header, whose own numbers are all zero and left out.
    pub(crate) fn encode_extended(name: &[u8], size: usize) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut name: Vec<u8> = name.iter().copied().filter(u8::is_ascii).take(NAME).collect();
        while name.last() == Some(&b'/') {
            name.pop();
        }
        put_text(&mut block, 0, NAME, &name);
        for (at, width, number) in [(100, 8, 0), (108, 8, 0), (116, 8, 0), (124, 12, size as u64), (136, 12, 0)] {
            put_octal(&mut block, at, width, number);
        }
        put_text(&mut block, 156, 1, &[EXTENDED]);
        sign(block)
    }

    /// Reads a header of any age, or returns what is wrong with it.
    pub(crate) fn decode(block: &[u8; BLOCK]) -> Result<Self, &'static str> {
        if !is_signed(block) {
            return Err("the checksum of a header is wrong");
        }
        let number = |at, width, what| number(field(block, at, width)).and_then(|number| u64::try_from(number).ok()).ok_or(what);
        let mut name = until_nul(field(block, 0, NAME)).to_vec();
        if field(block, 257, 6) == b"ustar\0" {
            // The format `star` keeps two times in the last 24 bytes of the prefix.
            let width = if field(block, 508, 4) == b"tar\0" { 131 } else { PREFIX };
            let prefix = until_nul(field(block, 345, width));
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        let flag = block[156];
        let device = |at| if matches!(flag, CHAR_DEVICE | BLOCK_DEVICE) { number(at, 8, "bad number of a device") } else { Ok(0) };
        Ok(Self {
            name,
            link: until_nul(field(block, 157, NAME)).to_vec(),
            flag,
            mode: number(100, 8, "bad mode in a header")?,
            uid: number(108, 8, "bad owner in a header")?,
            gid: number(116, 8, "bad group in a header")?,
            size: number(124, 12, "bad size in a header")?,
            mtime: self::number(field(block, 136, 12)).ok_or("bad time in a header")?,
            major: device(329)?,
            minor: device(337)?,
        })
    }
}

/// Tells whether the first bytes of a file are the header of a tar of any age: their checksum is right.
///
/// Two zero blocks, an archive of nothing, are no header.
pub fn looks_like_tar(first: &[u8]) -> bool {
    first.first_chunk().is_some_and(|block| is_signed(block) && Header::decode(block).is_ok())
}

/// Puts magic and checksum in their places.
fn sign(mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    put_text(&mut block, 257, 8, b"ustar\x0000");
    let (sum, _) = sums(&block);
    put_octal(&mut block, 148, 7, sum);
    put_text(&mut block, 155, 1, b" ");
    block
}

fn is_signed(block: &[u8; BLOCK]) -> bool {
    let (unsigned, signed) = sums(block);
    // Some old tools added signed bytes. A block of zeros has no checksum, so it never fits.
    number(field(block, 148, 8)).is_some_and(|told| i64::try_from(unsigned) == Ok(told) || signed == told)
}

/// The sum of all bytes, with spaces in the place of the checksum: of unsigned bytes, and of signed ones.
fn sums(block: &[u8; BLOCK]) -> (u64, i64) {
    block.iter().enumerate().fold((0, 0), |(unsigned, signed), (at, byte)| {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        (unsigned + u64::from(byte), signed + i64::from(byte.cast_signed()))
    })
}

pub(crate) fn field(block: &[u8], at: usize, width: usize) -> &[u8] {
    block.get(at..at + width).unwrap_or_default()
}

fn put_text(block: &mut [u8; BLOCK], at: usize, width: usize, text: &[u8]) {
    let text = text.iter().filter(|byte| byte.is_ascii()).take(width);
    for (place, byte) in block.iter_mut().skip(at).zip(text) {
        *place = *byte;
    }
}

fn put_octal(block: &mut [u8; BLOCK], at: usize, width: usize, number: u64) {
    let number = if fits_octal(width, number) { number } else { 0 };
    put_text(block, at, width - 1, format!("{number:0digits$o}", digits = width - 1).as_bytes());
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number in octal, or in base 256 where the first bit is set, as GNU tar writes large and negative ones.
pub(crate) fn number(bytes: &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let mut number = i128::from(first & 0x3f) - if negative { 0x40 } else { 0 };
        for byte in rest {
            number = number.checked_mul(256)? + i128::from(*byte);
        }
        return i64::try_from(number).ok();
    }
    let text = bytes.trim_ascii_start();
    let text = text.split(|byte| matches!(byte, 0 | b' ')).next().unwrap_or_default();
    text.iter().try_fold(0_i64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_split_as_go_splits_them() {
        let of = |parts: &[usize]| parts.iter().map(|count| "n".repeat(*count)).collect::<Vec<_>>().join("/").into_bytes();
        let lengths = |name: &[u8]| split(name).map(|(prefix, rest)| (prefix.len(), rest.len()));
        assert_eq!(lengths(&of(&[50, 49])), None);
        assert_eq!(lengths(&of(&[50, 50])), Some((50, 50)));
        assert_eq!(lengths(&of(&[155, 100])), Some((155, 100)));
        assert_eq!(lengths(&of(&[156, 99])), None);
        assert_eq!(lengths(&of(&[155, 101])), None);
        assert_eq!(lengths(&of(&[60, 60, 0])), Some((60, 61)));
        assert_eq!(lengths(&of(&[101])), None);
        assert_eq!(lengths(&of(&[0, 120])), None);
        assert_eq!(split("é/".repeat(60).as_bytes()), None);
    }

    #[test]
    fn numbers_of_every_age_are_read() {
        for (bytes, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644\0junk", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"77777777777", Some(0o777_7777_7777)),
            (b"12x", None),
            (b"-1", None),
            (b"\x80\0\0\0\0\0\0\x01\0\0\0\0", Some(1 << 32)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(number(bytes), want, "{bytes:?}");
        }
    }

    #[test]
    fn a_header_reads_back() {
        let header = Header { name: b"a".to_vec(), flag: FILE, mode: 0o644, size: 7, mtime: 9, ..Header::default() };
        let mut block = header.encode(b"long/prefix");
        assert!(looks_like_tar(&block));
        let back = Header::decode(&block).unwrap();
        assert_eq!((back.name.as_slice(), back.size, back.mtime, back.mode), (&b"long/prefix/a"[..], 7, 9, 0o644));
        block[0] ^= 1;
        assert!(!looks_like_tar(&block));
        assert!(!looks_like_tar(&[0; BLOCK]));
        assert!(!looks_like_tar(b"short"));
    }
}

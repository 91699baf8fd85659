//! Where a layer is cut into pieces: at places that its content alone decides.
//!
//! A piece is compressed on its own, so that equal pieces of two layers are equal bytes of two blobs. Nothing here depends
//! on time, threads, or how the bytes arrive.
//!
//! - A file of [`LARGE`] bytes or more has pieces of its own: one begins with its first byte, one ends with its last. Within
//!   it, a piece ends where a rolling hash over the last 64 bytes says so.
//! - Other entries share a piece. Before an entry, a piece ends where a hash of the entry's name says so, the likelier the
//!   larger the entry is.
//!
//! No piece ends before it has [`LEAST`] bytes, but at a large file's border and at the end. One that has [`MOST`] ends at the
//! next entry, or at once within a large file. About a mebibyte is usual.

/// A file that has pieces of its own.
pub(crate) const LARGE: u64 = 1 << 20;
/// A piece that is compressed on its own loses what came before; below this size that shows.
const LEAST: usize = 512 << 10;
/// How many bytes there are between places where a piece may end, on average.
const USUAL: u64 = 512 << 10;
const MOST: usize = 2 << 20;

/// Numbers without a pattern, one for each value of a byte: splitmix64 from a fixed seed. Another table would be another
/// digest of every layer.
static GEAR: [u64; 256] = gear();

const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut state: u64 = 0x706f_6c79_6172_6368;
    let mut index = 0;
    while index < table.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    table
}

/// A gear hash: each byte shifts the older ones out, so that 64 bytes later nothing is left of it.
const fn roll(hash: u64, byte: u8) -> u64 {
    (hash << 1).wrapping_add(GEAR[byte as usize])
}

/// True for one hash in [`USUAL`]; the upper bits, in which all 64 bytes are mixed.
const fn ends_piece(hash: u64) -> bool {
    hash >> (64 - USUAL.ilog2()) == 0
}

/// Collects the bytes of a tar into pieces.
#[derive(Default)]
pub(crate) struct Cutter {
    piece: Vec<u8>,
    /// The rolling hash, within a large file.
    hash: Option<u64>,
}

impl Cutter {
    /// Tells that an entry begins: what it is called, and how many bytes of tar it has. Returns the piece that ends here.
    pub(crate) fn entry(&mut self, name: &[u8], length: u64) -> Option<Vec<u8>> {
        if self.piece.len() < LEAST {
            return None;
        }
        let hash = name.iter().fold(0, |hash, byte| roll(hash, *byte));
        // The chance that a piece ends here is that of a place within so many bytes.
        let chance = length >= USUAL || (hash >> 32) * USUAL < length << 32;
        (chance || self.piece.len() >= MOST).then(|| self.take())
    }

    /// Tells that a large file's content begins. Returns the piece that ends here.
    pub(crate) fn begin_content(&mut self) -> Option<Vec<u8>> {
        self.hash = Some(0);
        self.rest()
    }

    /// Tells that a large file's content has ended. Returns its last piece.
    pub(crate) fn end_content(&mut self) -> Option<Vec<u8>> {
        self.hash = None;
        self.rest()
    }

    /// Takes bytes up to the end of a piece, and returns how many, and the piece if it ended.
    pub(crate) fn take_from(&mut self, bytes: &[u8]) -> (usize, Option<Vec<u8>>) {
        let Some(mut hash) = self.hash else {
            self.piece.extend_from_slice(bytes);
            return (bytes.len(), None);
        };
        // Within the first bytes nothing can end, so they need no hash, but for the 64 before.
        let unhashed = (LEAST - 64).saturating_sub(self.piece.len()).min(bytes.len());
        let mut count = unhashed;
        let mut ends = false;
        for byte in bytes.get(unhashed..).unwrap_or_default() {
            hash = roll(hash, *byte);
            count += 1;
            let length = self.piece.len() + count;
            if length >= LEAST && (ends_piece(hash) || length >= MOST) {
                ends = true;
                break;
            }
        }
        self.piece.extend_from_slice(bytes.get(..count).unwrap_or(bytes));
        self.hash = Some(if ends { 0 } else { hash });
        (count, ends.then(|| self.take()))
    }

    /// Returns what was collected and not cut.
    pub(crate) fn rest(&mut self) -> Option<Vec<u8>> {
        (!self.piece.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.piece)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn noise(length: usize, mut state: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push((state >> 56) as u8);
        }
        bytes
    }

    fn pieces(content: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::default();
        let mut pieces: Vec<_> = cutter.begin_content().into_iter().collect();
        for mut bytes in content.chunks(step) {
            while !bytes.is_empty() {
                let (count, piece) = cutter.take_from(bytes);
                pieces.extend(piece);
                bytes = &bytes[count..];
            }
        }
        pieces.extend(cutter.end_content());
        pieces
    }

    #[test]
    fn pieces_are_the_content_within_their_bounds_however_it_arrives() {
        let content = noise(12 << 20, 7);
        let cut = pieces(&content, 1 << 20);
        assert_eq!(cut.concat(), content);
        assert_eq!(cut, pieces(&content, 4099));
        let (last, others) = cut.split_last().unwrap();
        assert!(others.iter().all(|piece| (LEAST..=MOST).contains(&piece.len())), "{:?}", others.iter().map(Vec::len).collect::<Vec<_>>());
        assert!(last.len() <= MOST && (7..=20).contains(&cut.len()), "{}", cut.len());
        // Content in which no place is special is cut at the upper bound.
        assert!(pieces(&vec![0; 5 << 20], 65536).iter().map(Vec::len).eq([MOST, MOST, 1 << 20]));
    }

    #[test]
    fn a_byte_more_changes_few_pieces() {
        let content = noise(12 << 20, 9);
        let changed = [b"!".as_slice(), &content].concat();
        let (before, after) = (pieces(&content, 65536), pieces(&changed, 65536));
        let kept = after.iter().filter(|piece| before.contains(piece)).count();
        assert!(kept + 4 >= before.len(), "{kept} of {} pieces are the same", before.len());
    }

    #[test]
    fn small_entries_share_pieces_that_come_back_after_a_change() {
        let cut = |skip: usize| {
            let mut cutter = Cutter::default();
            let mut pieces = Vec::new();
            for number in skip..4000 {
                let bytes = noise(512 * (1 + number % 9), number as u64);
                pieces.extend(cutter.entry(format!("usr/lib/file-{number}").as_bytes(), bytes.len() as u64));
                cutter.take_from(&bytes);
            }
            pieces.extend(cutter.rest());
            pieces
        };
        let (before, after) = (cut(0), cut(1));
        let lengths: Vec<usize> = before.iter().map(Vec::len).collect();
        assert!((7..=20).contains(&before.len()), "{lengths:?}");
        let kept = after.iter().filter(|piece| before.contains(piece)).count();
        assert!(kept + 4 >= before.len(), "{kept} of {} pieces are the same", before.len());
    }
}

//! Sparse files: where in a file the bytes of an archive belong. Everything between is a hole.
//!
//! Four forms are read: GNU tar's old one (type `S`), and its PAX forms 0.0, 0.1 and 1.0 (GNU tar manual, "Sparse
//! Formats").

use super::BLOCK;
use super::header::{field, number};
use super::pax::decimal;

/// Bytes of a file that stand in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What the records of an extended header say of holes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) name: Option<Vec<u8>>,
    /// The length of the file with its holes.
    pub(crate) size: Option<u64>,
    /// Form 1.0: the map stands before the content.
    pub(crate) map_in_content: bool,
    /// Forms 0.0 and 0.1: offset, length, offset, length.
    pub(crate) map: Option<Vec<u64>>,
    pub(crate) damaged: bool,
}

impl Records {
    /// Takes a record whose key begins with `GNU.sparse.`.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) {
        let number = decimal(value);
        match key {
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => {
                self.size = number;
                self.damaged |= number.is_none();
            }
            b"major" => self.map_in_content = number == Some(1),
            b"offset" | b"numbytes" => match number {
                Some(number) => self.map.get_or_insert_default().push(number),
                None => self.damaged = true,
            },
            b"map" => {
                let numbers: Option<Vec<u64>> = value.split(|byte| *byte == b',').map(decimal).collect();
                self.damaged |= numbers.is_none() && !value.is_empty();
                self.map = Some(numbers.unwrap_or_default());
            }
            _ => {}
        }
    }
}

/// Makes segments of numbers, or returns `None` where they overlap, come in another order or leave the file.
pub(crate) fn segments(numbers: &[u64], size: u64) -> Option<Vec<Segment>> {
    let (pairs, []) = numbers.as_chunks() else { return None };
    let mut end = 0;
    let mut segments = Vec::with_capacity(pairs.len());
    for [offset, length] in pairs.iter().copied() {
        if offset < end || offset.checked_add(length)? > size {
            return None;
        }
        end = offset + length;
        segments.push(Segment { offset, length });
    }
    Some(segments)
}

/// The pairs in a header of the old form, or in one of the blocks that follow it. A pair of nothing ends the list.
pub(crate) fn old_pairs(block: &[u8; BLOCK], at: usize, pairs: usize, numbers: &mut Vec<u64>) -> Option<()> {
    for pair in 0..pairs {
        let place = field(block, at + pair * 24, 24);
        let (offset, length) = place.split_at_checked(12)?;
        if offset.first() == Some(&0) {
            break;
        }
        for text in [offset, length] {
            numbers.push(u64::try_from(number(text)?).ok()?);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_that_contradict_themselves_are_none() {
        assert_eq!(segments(&[], 5), Some(Vec::new()));
        assert_eq!(segments(&[1, 2, 3, 0], 3), Some(vec![Segment { offset: 1, length: 2 }, Segment { offset: 3, length: 0 }]));
        for (numbers, size) in [(&[1][..], 9), (&[0, 10], 9), (&[4, 2, 5, 1], 9), (&[u64::MAX, 1], u64::MAX), (&[5, 1, 0, 1], 9)] {
            assert_eq!(segments(numbers, size), None, "{numbers:?}");
        }
    }
}

//! Numbers in a file of either byte order, where the file reaches so far.

/// Bytes with an order.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_big_endian: bool,
}

impl<'a> View<'a> {
    pub(super) const fn new(bytes: &'a [u8], is_big_endian: bool) -> Self {
        Self { bytes, is_big_endian }
    }

    pub(super) fn slice(&self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(at..at.checked_add(length)?)
    }

    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        self.number(at, 2).map(|number| number as u16)
    }

    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        self.number(at, 4).map(|number| number as u32)
    }

    pub(super) fn u64(&self, at: usize) -> Option<u64> {
        self.number(at, 8)
    }

    fn number(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.slice(at, width)?;
        let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    /// The text up to the next NUL, which has to be there and not far.
    pub(super) fn text(&self, at: usize) -> Option<&'a [u8]> {
        const LONGEST: usize = 4096;
        let rest = self.bytes.get(at..)?;
        let rest = rest.get(..LONGEST).unwrap_or(rest);
        rest.get(..rest.iter().position(|byte| *byte == 0)?)
    }
}

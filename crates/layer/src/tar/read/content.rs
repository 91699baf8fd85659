//! The content of the entry that a reader stands at.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::super::sparse::Segment;
use super::{LayerError, Reader};

/// Where in a content we are.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// How many bytes of it are still in the archive, without the zeros that fill its last block.
    pub(super) packed: u64,
    /// What is still to come of the file.
    segments: VecDeque<Segment>,
    position: u64,
    size: u64,
}

impl Place {
    pub(super) fn open(&mut self, segments: Vec<Segment>, size: u64) {
        (self.segments, self.position, self.size) = (segments.into(), 0, size);
    }

    /// Makes the content one that nobody will read; its bytes are still to be passed over.
    pub(super) fn become_skipped(&mut self) {
        (self.position, self.size) = (0, 0);
        self.segments.clear();
    }
}

/// Reads the content of one entry. It ends where the entry ends.
///
/// An archive that ends too early is an [`io::Error`] with a [`LayerError::Damaged`] inside.
pub struct Content<'a, R: Read> {
    reader: &'a mut Reader<R>,
}

impl<'a, R: Read> Content<'a, R> {
    pub(super) const fn new(reader: &'a mut Reader<R>) -> Self {
        Self { reader }
    }

    /// Returns how many bytes are still to come.
    pub const fn left(&self) -> u64 {
        self.reader.place.size - self.reader.place.position
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.reader;
        let place = &mut reader.place;
        while place.segments.front().is_some_and(|segment| segment.offset + segment.length <= place.position) {
            place.segments.pop_front();
        }
        let (end, is_hole) = match place.segments.front() {
            Some(segment) if segment.offset <= place.position => (segment.offset + segment.length, false),
            Some(segment) => (segment.offset, true),
            None => (place.size, true),
        };
        let room = usize::try_from(end - place.position).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = if is_hole {
            buffer.fill(0);
            room
        } else {
            let count = reader.inner.read(buffer)?;
            if count == 0 {
                return Err(LayerError::Damaged { offset: reader.offset, problem: "it ends within an entry" }.into());
            }
            reader.offset += count as u64;
            place.packed -= count as u64;
            count
        };
        place.position += count as u64;
        Ok(count)
    }
}

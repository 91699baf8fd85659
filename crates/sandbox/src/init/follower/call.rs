//! A call by which a thread becomes another program, and the words that it is made with.

use std::ffi::CString;
use std::io;

use crate::kernel::trace::Registers;

/// Where whoever is the emulator finds it, whatever its root is: the link leads to the program itself, and not by a path.
const ITSELF: &[u8] = b"/proc/self/exe\0";

/// The size of an address.
const ADDRESS: u64 = 8;

/// What a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Its path begins at a descriptor, as `execveat` has it.
    pub at: Option<i32>,
    /// Without a path, it is of what that descriptor is.
    pub takes_no_path: bool,
    /// Where its path stands.
    pub path: u64,
    /// Where the addresses of its arguments stand; nowhere, if there are none.
    pub arguments: u64,
}

impl Call {
    /// Reads it.
    ///
    /// # Errors
    /// It is another call, or says more of what is to be done, such as only to tell whether it could be.
    pub fn of(registers: &Registers) -> io::Result<Self> {
        let [one, two, three, _, five, _] = registers.arguments();
        let low = |argument: u64| ((argument & 0xffff_ffff) as u32).cast_signed();
        match (registers.call(), low(five)) {
            (libc::SYS_execve, _) => Ok(Self { at: None, takes_no_path: false, path: one, arguments: two }),
            (libc::SYS_execveat, flags @ (0 | libc::AT_EMPTY_PATH)) => {
                Ok(Self { at: Some(low(one)), takes_no_path: flags != 0, path: two, arguments: three })
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns what it is made with once it says something else.
    pub const fn with(&self, before: [u64; 6], block: &Block) -> [u64; 6] {
        let [one, _, three, four, five, six] = before;
        match self.at {
            None => [block.path, block.arguments, three, four, five, six],
            // The path is a whole one, so that it begins at no descriptor, and flags are not needed.
            Some(_) => [one, block.path, block.arguments, four, 0, six],
        }
    }
}

/// A word of a call: text of ours, or what stands in the memory of who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Text(CString),
    At(u64),
}

impl From<CString> for Word {
    fn from(text: CString) -> Self {
        Self::Text(text)
    }
}

/// What is written to the memory of who calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where.
    pub start: u64,
    pub bytes: Vec<u8>,
    /// Where the path stands in it, and the addresses of the arguments.
    pub path: u64,
    pub arguments: u64,
}

impl Block {
    /// Makes it of a call's words, to end below an address.
    pub fn below(end: u64, words: &[Word]) -> Option<Self> {
        let addresses = ADDRESS * (words.len() as u64 + 1);
        let texts = words.iter().filter_map(|word| match word {
            Word::Text(text) => Some(text.as_bytes_with_nul()),
            Word::At(_) => None,
        });
        let texts: Vec<u8> = ITSELF.iter().copied().chain(texts.flatten().copied()).collect();
        // As the stack has to be for any call of a function.
        let start = end.checked_sub(addresses + texts.len() as u64)? & !15;
        let path = start + addresses;
        let mut text = path + ITSELF.len() as u64;
        let mut bytes = Vec::new();
        for word in words {
            let address = match word {
                Word::At(address) => *address,
                Word::Text(own) => {
                    let address = text;
                    text += own.as_bytes_with_nul().len() as u64;
                    address
                }
            };
            bytes.extend(address.to_ne_bytes());
        }
        bytes.extend(0_u64.to_ne_bytes());
        bytes.extend(texts);
        Some(Self { start, bytes, path, arguments: start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_addresses_of_what_is_in_it_and_of_what_was_there() {
        let words = [Word::Text(c"qemu".to_owned()), Word::At(7), Word::Text(c"/bin/x".to_owned())];
        let block = Block::below(0x1000, &words).unwrap();
        assert!(block.start.is_multiple_of(16) && block.start + block.bytes.len() as u64 <= 0x1000);
        let text = |address: u64| {
            let from = usize::try_from(address - block.start).unwrap();
            block.bytes[from..].split(|byte| *byte == 0).next().unwrap()
        };
        let (addresses, _) = block.bytes.as_chunks::<8>();
        let addresses: Vec<u64> = addresses.iter().take(4).map(|bytes| u64::from_ne_bytes(*bytes)).collect();
        assert_eq!((block.arguments, text(block.path)), (block.start, &b"/proc/self/exe"[..]));
        assert_eq!((text(addresses[0]), addresses[1], text(addresses[2]), addresses[3]), (&b"qemu"[..], 7, &b"/bin/x"[..], 0));
        assert_eq!(Block::below(8, &words), None);
    }

    #[test]
    fn a_call_says_something_else_where_its_path_and_arguments_stand() {
        let block = Block { start: 0, bytes: Vec::new(), path: 10, arguments: 20 };
        let call = |at| Call { at, takes_no_path: false, path: 1, arguments: 2 };
        assert_eq!(call(None).with([1, 2, 3, 4, 5, 6], &block), [10, 20, 3, 4, 5, 6]);
        assert_eq!(call(Some(9)).with([9, 1, 2, 4, 5, 6], &block), [9, 10, 20, 4, 0, 6]);
    }
}

//! How an interpreter is registered with binfmt_misc (Linux, Documentation/admin-guide/binfmt-misc.rst).

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::elf::{EXECUTABLE, Order, SHARED};
use crate::{Machine, RegistrationError};

/// The most bytes of a registration (Linux, fs/binfmt_misc.c, `MAX_REGISTER_LENGTH`).
pub const LONGEST: usize = 1920;

/// As much of an ELF header as tells the machine: up to and with `e_machine`.
const LENGTH: usize = 20;

/// What stands between the fields: the first of these that is in none of them. The kernel takes whichever comes first.
const DELIMITERS: [u8; 6] = *b":|,;!@";

/// How the kernel runs an interpreter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// `P`: the interpreter is told the program's own first argument, besides its path.
    pub preserves_name: bool,
    /// `O`: the kernel hands over the program opened, so that it need not be readable.
    pub opens_program: bool,
    /// `C`: the process gets the rights of the program, not of the interpreter. Without it, set-user-ID programs gain nothing.
    pub takes_credentials: bool,
    /// `F`: the interpreter is opened when it is registered, so it runs in every root and every namespace.
    pub is_fixed: bool,
}

impl Flags {
    /// Reads the letters; those that are not known are passed over.
    pub(crate) fn read(letters: &[u8]) -> Self {
        let has = |letter| letters.contains(&letter);
        Self { preserves_name: has(b'P'), opens_program: has(b'O'), takes_credentials: has(b'C'), is_fixed: has(b'F') }
    }
}

/// The letters, in the order in which the kernel shows them.
impl fmt::Display for Flags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [(self.preserves_name, "P"), (self.opens_program, "O"), (self.takes_credentials, "C"), (self.is_fixed, "F")];
        flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, letter)| formatter.write_str(letter))
    }
}

impl Machine {
    /// Returns the first bytes of its programs.
    pub fn magic(self) -> [u8; 20] {
        let mut magic = [0; LENGTH];
        magic[..4].copy_from_slice(b"\x7fELF");
        magic[4] = self.class() as u8;
        magic[5] = self.order() as u8;
        magic[6] = 1;
        magic[16..18].copy_from_slice(&self.half(EXECUTABLE));
        magic[18..].copy_from_slice(&self.half(self.number()));
        magic
    }

    /// Returns which bits of [`magic`](Self::magic) have to be as they are.
    ///
    /// Programs are at a fixed place (2) or at any (3), so the last bit of `e_type` is free. The system (`EI_OSABI`) and its
    /// version are free: Linux itself looks at neither, and compilers write 0 or 3 for it, MIPS and LoongArch with versions of
    /// their own.
    pub fn mask(self) -> [u8; 20] {
        let mut mask = [0xff; LENGTH];
        mask[7..9].fill(0);
        mask[16..18].copy_from_slice(&self.half(!(EXECUTABLE ^ SHARED)));
        mask
    }

    /// Returns what is written into `register` so that the kernel runs this machine's programs by an interpreter.
    ///
    /// It is registered under its [name](Self::handler_name), `polyarch-ARCH`. With the flag `F`, the path is that of a file which the writing process can open,
    /// such as `/proc/self/fd/7`; without, it is looked up in the root of every process.
    ///
    /// ```
    /// # use emulate::{Flags, Machine};
    /// let flags = Flags { is_fixed: true, ..Flags::default() };
    /// let line = Machine::S390x.registration("/opt/qemu-s390x".as_ref(), flags)?;
    /// assert!(line.starts_with(br":polyarch-s390x:M:0:\x7f\x45\x4c\x46\x02\x02\x01"));
    /// assert!(line.ends_with(b":/opt/qemu-s390x:F"));
    /// # Ok::<(), emulate::RegistrationError>(())
    /// ```
    ///
    /// # Errors
    /// The path is none that the kernel can take.
    pub fn registration(self, interpreter: &Path, flags: Flags) -> Result<Vec<u8>, RegistrationError> {
        let path = interpreter.as_os_str().as_bytes();
        let refuse = |reason| RegistrationError { interpreter: interpreter.to_owned(), reason };
        if !path.starts_with(b"/") {
            return Err(refuse("it is no absolute path"));
        }
        // The text ends at a NUL, and at a line break where a kernel shows it again.
        if path.iter().any(|byte| matches!(byte, 0 | b'\n')) {
            return Err(refuse("there is a line break or a NUL in it"));
        }
        let delimiter = DELIMITERS.into_iter().find(|delimiter| !path.contains(delimiter));
        let delimiter = delimiter.ok_or_else(|| refuse("all characters that could stand around it are in it"))?;
        let (name, magic, mask) = (self.handler_name(), escaped(&self.magic()), escaped(&self.mask()));
        let front = format!("{name}{0}M{0}0{0}{magic}{0}{mask}", char::from(delimiter));
        let flags = flags.to_string();
        let mut line = Vec::new();
        for field in [front.as_bytes(), path, flags.as_bytes()] {
            line.push(delimiter);
            line.extend_from_slice(field);
        }
        if line.len() > LONGEST { Err(refuse("it is too long")) } else { Ok(line) }
    }

    fn half(self, number: u16) -> [u8; 2] {
        if self.order() == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

/// Writes every byte as `\xNN`: so there is no NUL among them, and none that stands between fields.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Flags = Flags { preserves_name: true, opens_program: true, takes_credentials: true, is_fixed: true };

    fn line(path: &str) -> Result<String, RegistrationError> {
        Machine::Arm64.registration(path.as_ref(), ALL).map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn a_line_is_as_the_kernel_reads_it() {
        assert_eq!(
            line("/opt/qemu").unwrap(),
            concat!(
                r":polyarch-arm64:M:0",
                r":\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
                r":\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
                r":/opt/qemu:POCF"
            )
        );
    }

    #[test]
    fn a_big_endian_machine_has_its_numbers_the_other_way_around() {
        assert_eq!(Machine::S390x.magic()[16..], [0, 2, 0, 22]);
        assert_eq!(Machine::S390x.mask()[16..], [0xff, 0xfe, 0xff, 0xff]);
        assert_eq!(Machine::Loong64.magic()[16..], [2, 0, 2, 1]);
    }

    #[test]
    fn a_colon_in_a_path_changes_what_stands_between_fields() {
        assert!(line("/opt/a:b").unwrap().starts_with("|polyarch-arm64|M|0|"));
        assert!(line("/opt/a:b").unwrap().ends_with("|/opt/a:b|POCF"));
        assert!(line("/opt/:|,;!@").is_err());
    }

    #[test]
    fn paths_that_the_kernel_cannot_take_are_refused() {
        assert!(line("qemu").is_err());
        assert!(line("/opt/qe\nmu").is_err());
        assert!(line("/opt/qe\0mu").is_err());
        let longest = LONGEST - line("/").unwrap().len() + 1;
        assert_eq!(line(&format!("/{}", "x".repeat(longest - 1))).unwrap().len(), LONGEST);
        let error = line(&format!("/{}", "x".repeat(longest))).unwrap_err();
        assert!(error.to_string().ends_with("it is too long"), "{error}");
    }

    #[test]
    fn flags_are_read_as_they_are_written() {
        assert_eq!(Flags::read(b"POCF"), ALL);
        assert_eq!(ALL.to_string(), "POCF");
        assert_eq!(Flags::read(b""), Flags::default());
    }

    proptest! {
        #[test]
        fn any_path_is_refused_or_stands_whole_between_two_of_one_character(path in "/[ -~]{0,60}") {
            if let Ok(line) = line(&path) {
                let delimiter = line.chars().next().unwrap();
                let fields: Vec<&str> = line.split(delimiter).collect();
                prop_assert_eq!((fields.len(), fields[6], fields[7]), (8, path.as_str(), "POCF"));
            }
        }
    }
}

//! Whose files are, where the kernel knows only one user.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// What becomes of users and groups that do not exist in the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strangers {
    /// Nothing can belong to them, and nobody can become one: the kernel refuses it.
    Refused,
    /// It looks as if they existed to who gives files to them, becomes one of them, makes files as one, or asks who it is. What they
    /// may not do is not kept from them, and who looks at a file finds it to be root's: who copies it with its owner makes it
    /// root's. Whose files should be is told when all is over, in [`Ended`]; devices are empty files in the meantime.
    ///
    /// Not told is whose sockets are, and what is made by calls that no filter sees: those of `io_uring`, and those of 32-bit programs
    /// on a 64-bit machine.
    ///
    /// All numbers are strangers then, and what runs is root itself, whoever the user of the process is.
    Played,
}

/// How a process ended, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub exit: crate::Exit,
    /// What should be somebody's, in no order; every path once.
    pub owners: Vec<Owned>,
}

/// A file that should be somebody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Where it is in the root.
    pub path: OsString,
    /// Its user; none if that was not said.
    ///
    /// Who gives a file to root and then renames it has mostly copied the owner of another, which looked like root's. So this is
    /// not said, either.
    pub uid: Option<u32>,
    /// Its group.
    pub gid: Option<u32>,
    /// The device that it should be.
    pub device: Option<Device>,
}

/// A device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Whether it is read and written in blocks, else in characters.
    pub is_block: bool,
    /// The number of its driver.
    pub major: u32,
    /// Its number there.
    pub minor: u32,
}

//! Whose files are, where the kernel knows only one user.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// What becomes of users and groups that do not exist in the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strangers {
    /// Nothing can belong to them, and nobody can become one: the kernel refuses it.
    Refused,
    /// It looks as if they existed to who gives files to them, becomes one of them, makes files as one, looks at files, or asks who
    /// it is. What they may not do is not kept from them. Whose files should be is told when all is over, in [`Ended`]; devices
    /// are empty files in the meantime.
    ///
    /// Not told is whose sockets are, nor anything to who makes or looks by calls that no filter sees: those of `io_uring`, and those
    /// of 32-bit programs on a 64-bit machine.
    ///
    /// All numbers are strangers then, and what runs is root itself, whoever the user of the process is.
    Played,
}

/// How a process ended, and what it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub exit: crate::Exit,
    /// What is new or changed in the root and should not be root's, or should be a device, in no order; every path once. None where
    /// strangers were refused: the disk says it then.
    pub owners: Option<Vec<Owned>>,
}

/// A file that is not root's, or not what it seems to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Where it is in the root.
    pub path: OsString,
    /// Whose it is.
    pub owner: Owner,
}

/// Whose a file is. By itself it is root's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The device that it is, if it is one and the kernel made an empty file.
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

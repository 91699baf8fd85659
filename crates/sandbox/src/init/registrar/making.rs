//! Making files for somebody: the kernel would make them root's, and nobody could tell afterwards.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, mkdirat, mknodat, openat, openat2, symlinkat, unlinkat};
use rustix::io::Errno;
use rustix::process::umask;

use super::identity::Identity;
use super::{Place, Registrar, low};
use crate::init::asking::{Asking, Way};
use crate::kernel::{Answer, Notice, hand_over};

/// How many links are followed from one to the next (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// The size of `struct open_how` when there was nothing but what we know of.
const OPEN_HOW: u64 = 24;

/// Something that is to be made, and where.
pub(super) struct Making {
    place: Place,
    what: What,
}

/// What is to be made.
enum What {
    Folder {
        mode: u32,
    },
    /// A symbolic link, with where its target stands in memory.
    Link {
        target: u64,
    },
    Node {
        mode: u32,
        device: u32,
    },
    /// A file that is opened, made if there is none.
    File(Opening),
    /// A file that is opened by `openat2`, with where it stands in memory how, and how much of it there is.
    FileAs {
        how: u64,
        size: u64,
    },
}

/// How a file is opened.
#[derive(Clone, Copy)]
struct Opening {
    flags: OFlags,
    mode: u32,
    /// Which ways are closed to it. None for a call that has no such thing.
    resolve: Option<ResolveFlags>,
}

impl Making {
    /// Reads a call.
    pub fn of(notice: &Notice) -> Option<Self> {
        let [one, two, three, four, ..] = notice.arguments;
        let at = |path| Place { base: low(one).cast_signed(), path, flags: 0 };
        let (place, what) = match notice.call {
            libc::SYS_openat => (at(two), What::File(Opening::of(low(three), low(four)))),
            libc::SYS_openat2 => (at(two), What::FileAs { how: three, size: four }),
            libc::SYS_mkdirat => (at(two), What::Folder { mode: low(three) }),
            libc::SYS_mknodat => (at(two), What::Node { mode: low(three), device: low(four) }),
            libc::SYS_symlinkat => (Place { base: low(two).cast_signed(), path: three, flags: 0 }, What::Link { target: one }),
            _ => return Self::of_older(notice),
        };
        Some(Self { place, what })
    }

    #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
    fn of_older(notice: &Notice) -> Option<Self> {
        let [one, two, three, ..] = notice.arguments;
        let creat = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
        let (path, what) = match notice.call {
            libc::SYS_open => (one, What::File(Opening::of(low(two), low(three)))),
            libc::SYS_creat => (one, What::File(Opening::of(creat.cast_unsigned(), low(two)))),
            libc::SYS_mkdir => (one, What::Folder { mode: low(two) }),
            libc::SYS_mknod => (one, What::Node { mode: low(two), device: low(three) }),
            libc::SYS_symlink => (two, What::Link { target: one }),
            _ => return None,
        };
        Some(Self { place: Place::named(path, 0), what })
    }

    #[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
    const fn of_older(_: &Notice) -> Option<Self> {
        None
    }
}

impl Opening {
    fn of(flags: u32, mode: u32) -> Self {
        Self { flags: OFlags::from_bits_retain(flags), mode, resolve: None }
    }

    /// Reads what `openat2` is told. None where the kernel should say what is wrong with it, or where nothing is made.
    fn read(asking: &Asking<'_>, how: u64, size: u64) -> Result<Option<Self>, Errno> {
        if size < OPEN_HOW {
            return Ok(None);
        }
        let [flags, mode, resolve] = asking.large_numbers(how)?;
        let (Ok(flags), Ok(mode)) = (u32::try_from(flags), u32::try_from(mode)) else { return Ok(None) };
        Ok(Some(Self { resolve: Some(ResolveFlags::from_bits_retain(resolve)), ..Self::of(flags, mode) }))
    }

    /// Opens a file if it is not there yet. If it is, or cannot be, it is for the kernel to say so.
    fn open(self, asking: &Asking<'_>, way: Way) -> Option<OwnedFd> {
        if self.flags.contains(OFlags::TMPFILE) {
            return self.begin(&way, self.flags).ok();
        }
        if !self.flags.contains(OFlags::CREATE) || self.flags.intersects(OFlags::PATH | OFlags::DIRECTORY) {
            return None;
        }
        let stays = self.flags.intersects(OFlags::EXCL | OFlags::NOFOLLOW) || self.resolve.is_some_and(|resolve| !resolve.is_empty());
        let mut way = way;
        for _ in 0..MOST_LINKS {
            match self.begin(&way, self.flags | OFlags::EXCL) {
                Ok(file) => return Some(file),
                // Behind a link that points nowhere the file is made there.
                Err(Errno::EXIST) if !stays => match way.behind_link(asking) {
                    Ok(Some(next)) => way = next,
                    _ => return None,
                },
                Err(_) => return None,
            }
        }
        None
    }

    fn begin(self, way: &Way, flags: OFlags) -> Result<OwnedFd, Errno> {
        let (flags, mode) = (flags | OFlags::CLOEXEC, Mode::from_raw_mode(self.mode));
        match self.resolve {
            Some(resolve) => openat2(way.base(), &way.path, flags, mode, resolve),
            None => openat(way.base(), &way.path, flags, mode),
        }
    }
}

impl Registrar<'_> {
    /// Makes something for somebody; for root, the kernel does.
    pub(super) fn make(&mut self, asking: &Asking<'_>, id: u64, making: &Making) -> Result<Answer, Errno> {
        let Making { place, what } = making;
        if let What::Node { mode, device } = *what
            && matches!(FileType::from_raw_mode(mode), FileType::BlockDevice | FileType::CharacterDevice)
        {
            // What overlays take for a file that is gone everybody may make.
            let is_gone = FileType::from_raw_mode(mode) == FileType::CharacterDevice && device == 0;
            return if is_gone { Ok(Answer::Proceed) } else { self.device(asking, place, mode, device) };
        }
        let who = self.who(asking)?;
        if who.makes_for_root() {
            return Ok(Answer::Proceed);
        }
        let mask = Mode::from_raw_mode(asking.kin()?.mask);
        match *what {
            What::File(opening) => self.open(asking, id, place, opening, (&who, mask)),
            What::FileAs { how, size } => match Opening::read(asking, how, size)? {
                Some(opening) => self.open(asking, id, place, opening, (&who, mask)),
                None => Ok(Answer::Proceed),
            },
            What::Folder { mode } => {
                let mode = Mode::from_raw_mode(mode & 0o1777);
                self.put(asking, place, (&who, mask), |way| mkdirat(way.base(), &way.path, mode))
            }
            What::Link { target } => {
                let target = asking.path(target)?;
                self.put(asking, place, (&who, mask), |way| symlinkat(&*target, way.base(), &way.path))
            }
            What::Node { mode, .. } => {
                let kind = match FileType::from_raw_mode(mode) {
                    kind @ (FileType::RegularFile | FileType::Fifo | FileType::Socket) => kind,
                    _ if mode & libc::S_IFMT == 0 => FileType::RegularFile,
                    // The kernel knows what is wrong with it.
                    _ => return Ok(Answer::Proceed),
                };
                let mode = Mode::from_raw_mode(mode & 0o7777);
                self.put(asking, place, (&who, mask), |way| mknodat(way.base(), &way.path, kind, mode, 0))
            }
        }
    }

    /// Makes something that is not opened.
    fn put(
        &mut self,
        asking: &Asking<'_>,
        place: &Place,
        (who, mask): (&Identity, Mode),
        put: impl FnOnce(&Way) -> Result<(), Errno>,
    ) -> Result<Answer, Errno> {
        let path = asking.path(place.path)?;
        let file = self.in_root_of(asking, || {
            let way = asking.way(place.base, &path)?;
            masked(mask, || put(&way))?;
            way.open(OFlags::NOFOLLOW)
        })?;
        self.write_down(&file, who)?;
        Ok(Answer::Value(0))
    }

    /// Makes a file and hands it over, open. What is there already is the kernel's to open.
    fn open(
        &mut self,
        asking: &Asking<'_>,
        id: u64,
        place: &Place,
        opening: Opening,
        (who, mask): (&Identity, Mode),
    ) -> Result<Answer, Errno> {
        let path = asking.path(place.path)?;
        let opened = self.in_root_of(asking, || {
            let way = asking.way(place.base, &path)?;
            Ok(masked(mask, || opening.open(asking, way)))
        })?;
        let Some(file) = opened else { return Ok(Answer::Proceed) };
        let path = self.write_down(&file, who)?;
        let closes = opening.flags.contains(OFlags::CLOEXEC);
        let error = match hand_over(self.listener.as_fd(), id, file.as_fd(), closes) {
            Ok(answer) => return Ok(answer),
            Err(error) => Errno::from_io_error(&error).unwrap_or(Errno::IO),
        };
        if error == Errno::INVAL && !opening.flags.contains(OFlags::EXCL) {
            // It can open what is there now.
            return Ok(Answer::Proceed);
        }
        // As if it had not been asked for. What has no name is gone by itself, and nothing has the name that it is known by.
        let _ = unlinkat(CWD, &path, AtFlags::empty());
        // Where nothing can be handed over, the kernel makes it root's.
        if error == Errno::INVAL { Ok(Answer::Proceed) } else { Err(error) }
    }

    /// Writes down whose something is that is new, and returns where it is.
    fn write_down(&mut self, file: &OwnedFd, who: &Identity) -> Result<Vec<u8>, Errno> {
        let path = self.path_of(file)?;
        self.register.is_made(file, path.clone(), who.user.files, who.group.files)?;
        Ok(path)
    }
}

/// Does something with another file mode mask: where a folder has rules of its own for what is made in it, the kernel knows.
pub(super) fn masked<T>(mask: Mode, act: impl FnOnce() -> T) -> T {
    let before = umask(mask);
    let result = act();
    umask(before);
    result
}

//! Telling whose a file is that is looked at: the kernel would say root's.

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;

use super::changes;
use super::{Place, Registrar, low};
use crate::init::asking::Asking;
use crate::kernel::{self, Answer, Notice};

/// What says how a path is to be followed. Other flags are for the kernel to refuse.
const FOLLOWING: i32 = libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT;

/// A file that is looked at, and where in memory it is to be described.
pub(super) struct Looking {
    place: Place,
    form: Form,
    to: u64,
}

/// How it is to be described.
enum Form {
    /// `struct stat`.
    Plain,
    /// `struct statx`, with how fresh it has to be, and with what in it.
    Extended { sync: i32, mask: u32 },
}

impl Looking {
    /// Reads a call.
    pub fn of(notice: &Notice) -> Option<Self> {
        let [one, two, three, four, five, _] = notice.arguments;
        let at = |flags| Place { base: low(one).cast_signed(), path: two, flags };
        Some(match notice.call {
            libc::SYS_fstat => Self { place: Place::open(one), form: Form::Plain, to: two },
            libc::SYS_newfstatat => Self { place: at(low(four).cast_signed()), form: Form::Plain, to: three },
            libc::SYS_statx => {
                let flags = low(three).cast_signed();
                let form = Form::Extended { sync: flags & libc::AT_STATX_SYNC_TYPE, mask: low(four) };
                Self { place: at(flags & !libc::AT_STATX_SYNC_TYPE), form, to: five }
            }
            #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
            libc::SYS_stat => Self { place: Place::named(one, 0), form: Form::Plain, to: two },
            #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
            libc::SYS_lstat => Self { place: Place::named(one, libc::AT_SYMLINK_NOFOLLOW), form: Form::Plain, to: two },
            _ => return None,
        })
    }
}

impl Registrar<'_> {
    /// Describes a file, unless it is as the kernel says or there is none.
    pub(super) fn look(&self, asking: &Asking<'_>, looking: &Looking) -> Result<Answer, Errno> {
        if self.register.is_empty() {
            return Ok(Answer::Proceed);
        }
        // The kernel knows best what is wrong.
        let Ok(Some(description)) = self.describe(asking, looking) else { return Ok(Answer::Proceed) };
        asking.write_bytes(looking.to, &description)?;
        Ok(Answer::Value(0))
    }

    fn describe(&self, asking: &Asking<'_>, looking: &Looking) -> Result<Option<Vec<u8>>, Errno> {
        let Looking { place, form, .. } = looking;
        if place.flags & !FOLLOWING != 0 {
            return Ok(None);
        }
        let path = if place.path == 0 { Vec::new() } else { asking.path(place.path)? };
        let follows = place.flags & libc::AT_SYMLINK_NOFOLLOW == 0;
        let file = self.in_root_of(asking, || match path.is_empty() {
            true if place.flags & libc::AT_EMPTY_PATH != 0 => asking.base(place.base),
            _ => asking.find(place.base, &path, if follows { OFlags::empty() } else { OFlags::NOFOLLOW }),
        })?;
        let found = changes::look(&file, b"", AtFlags::EMPTY_PATH)?;
        let Some(owner) = self.register.owner(&found, || self.path_of(&file))? else { return Ok(None) };
        let described = match *form {
            Form::Plain => kernel::describe(&file, owner),
            Form::Extended { sync, mask } => kernel::describe_extended(&file, sync, mask, owner),
        };
        described.map(Some).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

//! Files that the disk may not have yet: nobody waits for it when a layer is unpacked, so that what was written shortly before the
//! machine stopped may be there by name only.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::touch;

/// Where Linux tells one start of the machine from another (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Says in which the layers were written.
const BOOT: &str = "boot";
/// Stands beside the files of a layer that the disk has.
const LASTING: &str = "lasting";
/// After this the kernel has written everything: by itself it waits for half a minute, and for ten on machines that save power
/// (laptop-mode.rst).
const WRITTEN_AFTER: Duration = Duration::from_mins(15);

/// Takes away the layers that a stop of the machine may have spoilt, unless somebody works with them, who has done so already.
///
/// `folder` has the lock of that name, which is given back.
pub(super) fn settle(folder: &Path, layers: &Path, lock: &File) -> io::Result<()> {
    match fs::read_to_string(BOOT_ID) {
        Ok(boot) => settle_at(folder, layers, lock, &boot),
        // Where that is hidden, one start is like another.
        Err(_) => Ok(()),
    }
}

fn settle_at(folder: &Path, layers: &Path, lock: &File, boot: &str) -> io::Result<()> {
    let path = folder.join(BOOT);
    let is_same = || fs::read_to_string(&path).is_ok_and(|before| before == boot);
    if is_same() {
        return Ok(());
    }
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(problem)) => return Err(problem),
    }
    // Another may have come first.
    let settled = if is_same() { Ok(()) } else { drop_unmarked(layers).and_then(|()| fs::write(&path, boot)) };
    lock.unlock().and(settled)
}

fn drop_unmarked(layers: &Path) -> io::Result<()> {
    for entry in fs::read_dir(layers)? {
        let place = entry?.path();
        if !place.join(LASTING).exists() {
            fs::remove_dir_all(place)?;
        }
    }
    Ok(())
}

/// Marks the layers that have been there for long enough, for whoever holds the lock. One that cannot be is unpacked again some day.
pub(super) fn mark(folder: &Path, layers: &Path, now: SystemTime) {
    let path = folder.join(BOOT);
    let is_older = |time: io::Result<SystemTime>| time.is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age > WRITTEN_AFTER));
    // There was a look at all of them not long ago, or none of them is older than this start.
    if !is_older(fs::metadata(&path).and_then(|found| found.modified())) {
        return;
    }
    for entry in fs::read_dir(layers).into_iter().flatten().flatten() {
        let made = entry.metadata().and_then(|found| found.created());
        if is_older(made) && !entry.path().join(LASTING).exists() {
            let _ = File::create_new(entry.path().join(LASTING));
        }
    }
    touch(&path);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(home: &Path, boot: &str, now: SystemTime) -> Vec<String> {
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(home.join("lock")).unwrap();
        settle_at(home, &home.join("layers"), &lock, boot).unwrap();
        mark(home, &home.join("layers"), now);
        // It was given back. A process that is just being started would hold it on without our doing so.
        lock.try_lock().unwrap();
        lock.unlock().unwrap();
        let mut names: Vec<String> =
            fs::read_dir(home.join("layers")).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_the_disk_may_not_have_is_gone_after_a_stop() {
        let home = tempfile::tempdir().unwrap();
        let layer = |name: &str| fs::create_dir_all(home.path().join("layers").join(name).join("files")).unwrap();
        let now = SystemTime::now();
        layer("unknown");
        assert_eq!(settled(home.path(), "one", now).len(), 0);
        layer("old");
        assert_eq!(settled(home.path(), "one", now), ["old"]);
        // As if it were later.
        settled(home.path(), "one", now + 2 * WRITTEN_AFTER);
        layer("new");
        assert_eq!(settled(home.path(), "one", now), ["new", "old"]);
        assert_eq!(settled(home.path(), "two", now), ["old"]);
        assert_eq!(settled(home.path(), "two", now), ["old"]);
    }

    #[test]
    fn what_somebody_works_with_stays() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("layers/one/files")).unwrap();
        let open = || File::options().read(true).write(true).create(true).truncate(false).open(home.path().join("lock")).unwrap();
        let theirs = open();
        theirs.lock_shared().unwrap();
        settle_at(home.path(), &home.path().join("layers"), &open(), "one").unwrap();
        assert!(home.path().join("layers/one").exists() && !home.path().join("boot").exists());
    }
}

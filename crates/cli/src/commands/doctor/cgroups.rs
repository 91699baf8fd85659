//! Whether a cgroup can be made: what bounds processes, and counts what they use.

use std::fs;
use std::path::{Path, PathBuf};

use super::check::Check;
use super::mount::mounted;

/// Makes a cgroup below that of this process, and removes it.
pub fn check() -> Check {
    let name = "cgroups";
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let Some(own) = own(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo")) else {
        return Check::limited(name, "none are mounted, and builds do without");
    };
    let child = own.join(format!("polyarch-doctor-{}", std::process::id()));
    match fs::create_dir(&child).and_then(|()| fs::remove_dir(&child)) {
        Ok(()) => Check::ok(name, format!("can be made in {}", own.display())),
        Err(problem) => Check::limited(name, format!("cannot be made in {}, and builds do without: {problem}", own.display()))
            .mended_by("systemd-run --user --scope -p Delegate=yes polyarch doctor"),
    }
}

/// Finds the folder of this process's own cgroup: of version 2, else of the controller of memory.
fn own(cgroup: &str, mountinfo: &str) -> Option<PathBuf> {
    let lines: Vec<(&str, &str)> = cgroup.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    let mounts: Vec<_> = mounted(mountinfo).collect();
    let of = |controller: &str, kind: &str| {
        let (_, path) = lines.iter().find(|(controllers, _)| controllers.split(',').any(|one| one == controller))?;
        let has = |options: &str| controller.is_empty() || options.split(',').any(|option| option == controller);
        let mount = mounts.iter().find(|mount| mount.kind == kind && has(&mount.options))?;
        // In a container, what is mounted may be a part of it all.
        let path = Path::new(path);
        let below = path.strip_prefix(&mount.root).or_else(|_| path.strip_prefix("/")).ok()?;
        // Joined with nothing, a path would get a slash at its end.
        Some(mount.target.components().chain(below.components()).collect())
    };
    of("", "cgroup2").or_else(|| of("memory", "cgroup"))
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn the_own_cgroup_is_found_in_both_versions() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let memory = "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n32 30 0:28 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        for (cgroup, mountinfo, expected) in [
            ("0::/user.slice/a.scope\n", unified, Some("/sys/fs/cgroup/user.slice/a.scope")),
            ("0::/\n", unified, Some("/sys/fs/cgroup")),
            ("4:memory:/docker/1/a\n0::/\n", memory, Some("/sys/fs/cgroup/memory/a")),
            ("4:cpu,memory:/docker/1\n", memory, Some("/sys/fs/cgroup/memory")),
            ("4:memory:/other\n", memory, Some("/sys/fs/cgroup/memory/other")),
            ("0::/\n", memory, None),
            ("", unified, None),
            ("nonsense\n", "nonsense\n", None),
        ] {
            assert_eq!(own(cgroup, mountinfo).map(|folder| folder.display().to_string()).as_deref(), expected, "{cgroup}");
        }
    }
}

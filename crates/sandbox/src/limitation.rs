//! What a machine can refuse, and what can be done about that.

use std::fmt;

use fault::Hint;
use serde::{Deserialize, Serialize};

use crate::{Cause, SandboxError};

/// What a machine can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Limitation {
    /// A user namespace.
    UserNamespace,
    /// More than one user in a user namespace.
    ManyUsers,
    /// The other namespaces.
    Namespaces,
    /// Folders over each other. Whoever copies them instead can do without.
    Overlay,
    /// The calls that mounts are made by.
    Mounts,
    /// The call that finds paths inside of a root.
    Paths,
    /// A /proc of its own.
    Proc,
    /// Changing the root.
    Root,
    /// A network of its own.
    Network,
    /// A limit.
    Limit,
    /// A control group.
    Cgroup,
    /// Giving up capabilities.
    Capabilities,
    /// A seccomp filter.
    Filter,
    /// Answering for users that do not exist.
    Strangers,
    /// Following processes, to have an emulator run what they start.
    Following,
    /// Registering handlers of programs that nobody else has.
    Handlers,
    /// Something every kernel of these years has.
    Kernel,
}

impl Limitation {
    /// Says for `map_err` that this was refused.
    pub(crate) fn because<E: Into<Cause>>(self) -> impl FnOnce(E) -> SandboxError {
        move |cause| SandboxError::Refused { limitation: self, cause: cause.into() }
    }

    /// Returns what to change.
    pub(crate) fn hint(self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::UserNamespace => {
                "allow user namespaces: `sysctl user.max_user_namespaces`, and on Ubuntu `kernel.apparmor_restrict_unprivileged_userns`; or run as root"
            }
            Self::ManyUsers => "install newuidmap, such as by `apt-get install uidmap`",
            Self::Namespaces | Self::Root => {
                "in a container, start that with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or with `--privileged`"
            }
            Self::Overlay => "keep the store on a file system of its own, such as ext4 or xfs; an ordinary user needs Linux 5.11 for this",
            Self::Mounts | Self::Paths | Self::Kernel => {
                "this takes Linux 5.12; in a container, start that with `--security-opt seccomp=unconfined`"
            }
            Self::Proc => "in a container, start that with `--security-opt systempaths=unconfined`: its own /proc has to be whole",
            Self::Cgroup => {
                "run as root, or as a user to whom control groups are delegated, such as by `systemd-run --user --scope`; or do not bound memory"
            }
            Self::Strangers => {
                "this takes Linux 5.5, and that no other program answers by a seccomp filter; or grant this user more in /etc/subuid"
            }
            Self::Following => {
                "in a container, start that with `--cap-add SYS_PTRACE`, and have `sysctl kernel.yama.ptrace_scope` below 3; `--binfmt private`, on Linux 6.7, and handlers on this machine (`apt-get install qemu-user-static`) do without"
            }
            Self::Handlers => "this takes Linux 6.7 with binfmt_misc, in a user namespace; `--binfmt host` or `--binfmt wrap` do without",
            Self::Filter => "this takes a kernel with seccomp filters (CONFIG_SECCOMP_FILTER)",
            Self::Network => "in a container, start that with `--cap-add NET_ADMIN`",
            Self::Limit | Self::Capabilities => return None,
        }))
    }
}

impl fmt::Display for Limitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UserNamespace => "making a user namespace failed",
            Self::ManyUsers => "giving the sandbox more than one user failed",
            Self::Namespaces => "making namespaces failed",
            Self::Overlay => "laying folders over each other failed",
            Self::Mounts => "making mounts (fsopen, open_tree, move_mount, mount_setattr) failed",
            Self::Paths => "finding paths inside of the root (openat2) failed",
            Self::Proc => "mounting a /proc failed",
            Self::Root => "changing the root failed",
            Self::Network => "making a network failed",
            Self::Limit => "setting a limit failed",
            Self::Cgroup => "making a control group, which takes to bound memory, failed",
            Self::Capabilities => "giving up capabilities failed",
            Self::Strangers => "answering for users that do not exist failed",
            Self::Following => "following processes failed",
            Self::Handlers => "registering handlers of programs failed",
            Self::Filter => "installing the seccomp filter failed",
            Self::Kernel => "preparing the process failed",
        })
    }
}

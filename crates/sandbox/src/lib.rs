//! Runs one process in a root of its own, and ends with everything that it started.
//!
//! A [`Spec`] says what is wanted, as plain data; a [`Launcher`] starts it and hands back a [`Process`] with its output as
//! streams. Between the two stands the program itself, started anew as the *init*: it enters the namespaces, mounts, gives up
//! its rights and becomes the process. So nothing of that happens in the program that builds, with its threads and its files.
//!
//! A program that starts sandboxes calls [`init_if_asked`] as the first thing in `main`. If it is not root, it may [`enter`] a
//! user namespace right after, and is root there: of its own files, and of the sandboxes that it starts.
//!
//! This room knows no image and no Dockerfile, decides no policy, prints nothing and reads no environment. It never follows a
//! path of the root outside of it, and hands no descriptor of this machine to the process but the [`Streams`] that the caller
//! names. Linux only.

#![cfg(target_os = "linux")]

mod accounts;
mod bounds;
mod capability;
mod cgroup;
mod channel;
mod digits;
mod enter;
mod error;
mod handlers;
mod init;
mod kernel;
mod launch;
mod limitation;
mod owners;
mod process;
mod report;
mod spec;
mod streams;
mod template;
mod users;

pub use bounds::{Bounds, Limit, Resource};
pub use capability::Capabilities;
pub use enter::{enter, is_root, is_root_of_machine};
pub use error::{Cause, SandboxError};
pub use handlers::PrivateHandlers;
pub use launch::{Launcher, init_if_asked};
pub use limitation::Limitation;
pub use owners::{Device, Ended, Owned, Owner, Strangers};
pub use process::{Exit, Handle, Process, Starting};
pub use spec::{Attributes, Content, Emulation, Mount, MountKind, Network, Root, Spec, Upper, User};
pub use streams::{Input, Output, Size, Streams, Terminal, TypedSignal};
pub use users::{Range, Users};

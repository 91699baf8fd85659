//! An SSH agent of this machine, offered to a command at a socket of its own: with the owner and the permissions that it asks for,
//! and only as long as it runs.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An agent that is offered. Dropping it ends that.
pub(super) struct Agent {
    folder: File,
    name: OsString,
    is_over: Arc<AtomicBool>,
}

impl Agent {
    /// Offers the agent behind a socket at another one.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn offer(agent: &Path, socket: &Path, mode: u32, owner: Option<(u32, u32)>) -> io::Result<Self> {
        // The kernel takes short addresses only (unix(7): 108 bytes), and a store may be anywhere.
        let folder = File::open(socket.parent().unwrap_or(socket))?;
        let name = socket.file_name().unwrap_or_default().to_owned();
        let listener = UnixListener::bind(short(&folder, &name))?;
        if let Some((uid, gid)) = owner {
            chown(socket, Some(uid), Some(gid))?;
        }
        fs::set_permissions(socket, fs::Permissions::from_mode(mode))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (agent, over) = (agent.to_owned(), Arc::clone(&is_over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), false) = (stream, over.load(Ordering::Acquire)) else { break };
                // A command that finds no agent behind the socket sees it closed at once.
                if let Ok(agent) = UnixStream::connect(&agent) {
                    pass(stream, agent);
                }
            }
        });
        Ok(Self { folder, name, is_over })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // So that whoever listens looks.
        let _ = UnixStream::connect(short(&self.folder, &self.name));
    }
}

fn short(folder: &File, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

/// Passes what is said from each to the other, until either has ended.
fn pass(command: UnixStream, agent: UnixStream) {
    let (Ok(mut from_command), Ok(mut from_agent)) = (command.try_clone(), agent.try_clone()) else { return };
    let (mut to_command, mut to_agent) = (command, agent);
    thread::spawn(move || {
        // Whoever is gone needs to be told nothing.
        let _ = io::copy(&mut from_command, &mut to_agent);
        let _ = to_agent.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut from_agent, &mut to_command);
        let _ = to_command.shutdown(Shutdown::Both);
    });
}

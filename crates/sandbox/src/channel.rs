//! What the caller, the init and the process say to each other by: documents, each whole, and descriptors with them.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown,
    SocketFlags, SocketType, recv, recvmsg, sendmsg, shutdown, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most descriptors that go with one document.
const MOST_HANDED: usize = 8;

/// One end of it. Its other end hears when the last copy of this one is gone, however that came about.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Makes both ends.
    pub fn pair() -> Result<(Self, Self), Errno> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Says one thing, whole, and hands descriptors over with it.
    pub fn say(&self, thing: &impl Serialize, handed: &[BorrowedFd<'_>]) -> io::Result<()> {
        let document = serde_json::to_vec(thing)?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_HANDED))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !handed.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(handed)) {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        // Whoever is gone hears nothing, and that is no reason to end (SIGPIPE).
        retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(&document)], &mut beside, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Hears the next thing, with what was handed over; none at the end.
    pub fn hear<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let (_, length) = retry_on_intr(|| recv(&self.0, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::TRUNC))?;
        if length == 0 {
            return Ok(None);
        }
        let mut document = vec![0; length];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_HANDED))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(&self.0, &mut [IoSliceMut::new(&mut document)], &mut beside, flags))?;
        let handed = beside.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(handed) => Some(handed),
            _ => None,
        });
        let handed = handed.flatten().collect();
        Ok(Some((serde_json::from_slice(document.get(..received.bytes).unwrap_or_default())?, handed)))
    }

    /// Ends what is said by this end and all copies of it; hearing goes on.
    pub fn fall_silent(&self) -> Result<(), Errno> {
        shutdown(&self.0, Shutdown::Write)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    fn from(end: OwnedFd) -> Self {
        Self(end)
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

/// Puts something into memory, to be read from its start: what is too long to be said is handed over like this.
pub(crate) fn in_memory(name: &str, content: &mut impl Read) -> io::Result<OwnedFd> {
    let mut memory = File::from(memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    io::copy(content, &mut memory)?;
    memory.rewind()?;
    Ok(memory.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn things_arrive_whole_with_what_was_handed_over() {
        let (one, other) = Channel::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"content").unwrap();
        file.rewind().unwrap();
        let long = "x".repeat(100_000);
        one.say(&"first", &[file.as_fd(), file.as_fd()]).unwrap();
        one.say(&long, &[]).unwrap();
        one.fall_silent().unwrap();
        drop(file);
        let (word, mut handed) = other.hear::<String>().unwrap().unwrap();
        assert_eq!((word.as_str(), handed.len()), ("first", 2));
        let mut content = String::new();
        File::from(handed.remove(0)).read_to_string(&mut content).unwrap();
        assert_eq!(content, "content");
        let (word, handed) = other.hear::<String>().unwrap().unwrap();
        assert_eq!((word == long, handed.len()), (true, 0));
        assert!(other.hear::<String>().unwrap().is_none());
        // The other way is still open.
        other.say(&1, &[]).unwrap();
        assert_eq!(one.hear::<u8>().unwrap().unwrap().0, 1);
        drop(one);
        assert!(other.say(&1, &[]).is_err());
    }
}

//! A network in which there is nobody else.

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// `RTM_NEWLINK` of rtnetlink(7).
const NEW_LINK: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK` of netlink(7).
const REQUEST_WITH_ANSWER: u16 = 1 | 4;
/// The first device of a network is always `lo`.
const LOOPBACK: i32 = 1;
/// `IFF_UP` of netdevice(7).
const UP: u32 = 1;
/// Where the error stands in the answer, behind its header of 16 bytes.
const ERROR: std::ops::Range<usize> = 16..20;

/// Switches `lo` on, which has the addresses 127.0.0.1 and ::1.
pub(super) fn switch_loopback_on() -> Result<(), Errno> {
    // Protocol 0 of netlink is rtnetlink.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    send(&socket, &request(), SendFlags::empty())?;
    let mut answer = [0_u8; 256];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    let error = answer.get(..length).and_then(|answer| answer.get(ERROR)?.try_into().ok()).map(i32::from_ne_bytes);
    match error {
        Some(0) => Ok(()),
        Some(number) => Err(Errno::from_raw_os_error(-number)),
        None => Err(Errno::BADMSG),
    }
}

/// Writes `struct nlmsghdr` and `struct ifinfomsg`: 16 bytes each.
fn request() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(32_u32.to_ne_bytes());
    bytes.extend(NEW_LINK.to_ne_bytes());
    bytes.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([0; 4]);
    bytes.extend(LOOPBACK.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes());
    bytes.extend(UP.to_ne_bytes());
    bytes
}

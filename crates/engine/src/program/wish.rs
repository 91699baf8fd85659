//! What somebody says of a program, beside what its image says.

use std::ffi::OsString;
use std::net::IpAddr;

use sandbox::{Bounds, Limit, Mount, Network, Streams};

use crate::ground::{Confinement, SHARED_MEMORY};

/// What somebody wants of a program.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The program, instead of the image's entrypoint and its arguments; an empty one is none.
    pub entrypoint: Option<OsString>,
    /// Its arguments, instead of the image's; the program itself, where there is no entrypoint.
    pub arguments: Vec<OsString>,
    /// Variables over those of the image, later ones over earlier ones. One without a value is taken away.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// The folder it begins in.
    pub working: Option<String>,
    /// Whom it runs as, by names or numbers.
    pub user: Option<String>,
    /// The name of its machine.
    pub hostname: String,
    /// What of the network it sees.
    pub network: Network,
    /// Names and their addresses.
    pub hosts: Vec<(String, IpAddr)>,
    /// How many bytes `/dev/shm` holds.
    pub shared_memory: u64,
    /// What each of its processes may use.
    pub limits: Vec<Limit>,
    /// What all of them may use.
    pub bounds: Bounds,
    /// What it may do.
    pub confinement: Confinement,
    /// Its root cannot be written to; what the image calls volumes can.
    pub read_only: bool,
    /// What is mounted, in this order.
    pub mounts: Vec<Mount>,
    /// What it reads from and writes to.
    pub streams: Streams,
}

impl Wish {
    /// Wants what the image says, and no more.
    pub fn new(hostname: String) -> Self {
        Self {
            entrypoint: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            working: None,
            user: None,
            hostname,
            network: Network::Host,
            hosts: Vec::new(),
            shared_memory: SHARED_MEMORY,
            limits: Vec::new(),
            bounds: Bounds::USUAL,
            confinement: Confinement::USUAL,
            read_only: false,
            mounts: Vec::new(),
            streams: Streams::PIPED,
        }
    }
}

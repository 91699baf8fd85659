//! Entries that need every part of the format, and trees of any size.

use std::process::{Command, Stdio};

use layer::tar::{Device, Entry, EntryKind, Options, Writer};
use proptest::prelude::*;

/// One of everything.
pub fn entries() -> Vec<(Entry, Vec<u8>)> {
    let of = |parts: &[usize]| parts.iter().map(|count| "n".repeat(*count)).collect::<Vec<_>>().join("/");
    let empty = |entry: Entry| (entry, Vec::new());
    let file = |path: &[u8], content: &[u8]| (Entry::file(path, content.len() as u64).mtime(1_700_000_000), content.to_vec());
    let mut device = Entry::file("dev/null", 0).mode(0o666);
    device.kind = EntryKind::CharDevice(Device { major: 1, minor: 3 });
    let mut disk = Entry::file("dev/sda1", 0).mode(0o660).owner(0, 6);
    disk.kind = EntryKind::BlockDevice(Device { major: 8, minor: 1 });
    let mut pipe = Entry::file("dev/pipe", 0).mode(0o600);
    pipe.kind = EntryKind::Fifo;
    vec![
        empty(Entry::directory("a").mode(0o1777).mtime(5)),
        (Entry::file("a/hello", 6).mode(0o4755).owner(1000, 1001).mtime(1_700_000_000), b"hello\n".to_vec()),
        empty(Entry::hardlink("a/again", "a/hello").mode(0o4755).owner(1000, 1001).mtime(1_700_000_000)),
        empty(Entry::symlink("a/link", "../etc/passwd")),
        empty(Entry::symlink("a/far", of(&[80, 80]))),
        empty(Entry::symlink("a/umlaut", "größe")),
        file("a/grüße".as_bytes(), b"non-ASCII"),
        file(b"a/\xff\xfe", b"no UTF-8"),
        file(of(&[60, 60]).as_bytes(), b"split"),
        file(of(&[120]).as_bytes(), &[7; 1000]),
        file(of(&[90, 90, 90, 90]).as_bytes(), &[8; 512]),
        empty(Entry::directory(of(&[30, 69])).mtime(1)),
        empty(Entry::directory(of(&[30, 70])).mtime(1)),
        empty(Entry::directory(of(&[110])).mtime(1)),
        (Entry::file("a/huge-owner", 1).owner(3_000_000, 4_294_967_294), b"x".to_vec()),
        empty(Entry::file("a/before-1970", 0).mtime(-5)),
        empty(Entry::file("a/after-2242", 0).mtime(8_589_934_592)),
        empty(Entry::file("a/limit", 0).mtime(8_589_934_591).owner(2_097_151, 2_097_151)),
        (
            Entry::file("a/capable", 3)
                .xattr("security.capability", &b"\x01\0\0\x02\n=\xff\0\0"[..])
                .xattr("user.empty", "")
                .xattr("user.long", vec![b'v'; 990]),
            b"cap".to_vec(),
        ),
        (Entry::file(of(&[70, 70, 1]), 1).xattr("user.x", "y"), b"x".to_vec()),
        empty(device),
        empty(disk),
        empty(pipe),
    ]
}

pub fn tar(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Writer::with(Vec::new(), Options::default());
    for (entry, content) in entries {
        tar.append_bytes(entry, content).unwrap();
    }
    tar.finish().unwrap()
}

/// Bytes without a pattern, but always the same.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// Bytes that can be compressed, as programs can.
pub fn program(length: usize, seed: u64) -> Vec<u8> {
    let words = noise(4096, seed);
    let order = noise(length / 8 + 1, seed ^ 99);
    order.iter().flat_map(|at| words[usize::from(*at) * 8..][..8].to_vec()).take(length).collect()
}

/// Runs a program with bytes on its standard input, and returns its standard output.
pub fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    drop(feeder.join());
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Entries of any kind with any names, numbers and attributes, each name once.
pub fn any_entries() -> impl Strategy<Value = Vec<(Entry, Vec<u8>)>> {
    let part = prop_oneof![
        4 => "[a-z]{1,8}",
        1 => "[a-zäß€]{1,40}",
        1 => "[a-z]{90,140}",
    ];
    let path = proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let content = proptest::collection::vec(any::<u8>(), 0..1500);
    let number = prop_oneof![0..3000_u64, 2_000_000..4_294_967_295_u64];
    let mtime = prop_oneof![0..2_000_000_000_i64, -100_000..0_i64, 8_000_000_000..9_000_000_000_i64];
    let xattrs = proptest::collection::btree_map(
        "user\\.[a-z]{1,5}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..60),
        0..3,
    );
    let entry = (path, 0..5_u8, content, 0..0o10000_u32, (number.clone(), number), mtime, xattrs);
    proptest::collection::vec(entry, 0..8).prop_map(|list| {
        let mut seen = std::collections::BTreeSet::new();
        let mut made = Vec::new();
        for (path, kind, content, mode, (uid, gid), mtime, xattrs) in list {
            if !seen.insert(path.clone()) {
                continue;
            }
            let (mut entry, content) = match kind {
                0 => (Entry::directory(path), Vec::new()),
                1 => (
                    Entry::symlink(path, content.iter().take(150).map(|byte| b'a' + byte % 26).chain([b'/']).collect::<Vec<u8>>()),
                    Vec::new(),
                ),
                _ => (Entry::file(path, content.len() as u64), content),
            };
            (entry.mode, entry.uid, entry.gid, entry.mtime, entry.xattrs) = (mode, uid, gid, mtime, xattrs);
            made.push((entry, content));
        }
        made
    })
}

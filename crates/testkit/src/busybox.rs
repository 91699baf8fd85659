//! A root that commands run in: the static busybox of this machine, with a link for each of its programs.

use std::path::Path;
use std::process::Command;

use tar::{Builder, EntryType, Header};

use crate::host::binary;

/// When everything in it was changed, in seconds since 1970.
const THEN: u64 = 1_485_449_953;

const FOLDERS: [(&str, u32); 20] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("lib", 0o755),
    ("root", 0o700),
    ("sbin", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/lib", 0o755),
    ("usr/local", 0o755),
    ("usr/local/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
    ("var/run", 0o755),
    ("var/spool", 0o755),
    ("var/spool/lpd", 0o755),
    ("var/tmp", 0o1777),
    ("var/www", 0o755),
];

const FILES: [(&str, &str); 4] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nlp:x:4:7:lp:/var/spool/lpd:/bin/false\n\
         www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    ),
    ("etc/group", "root:x:0:\ndaemon:x:1:\nadm:x:4:\nlp:x:7:\nwww-data:x:33:\nusers:x:100:nobody,www-data\nnogroup:x:65534:\n"),
    ("etc/os-release", "ID=busybox\nNAME=busybox\n"),
    ("etc/nsswitch.conf", "hosts: files dns\n"),
];

/// Returns the layer of such a root, an uncompressed tar; `None` where no static busybox is installed.
pub fn busybox_layer() -> Option<Vec<u8>> {
    busybox_layer_with(&binary("busybox")?)
}

/// Returns the same with another busybox, such as one for another machine: this machine's says which programs are in it.
pub fn busybox_layer_with(busybox: &Path) -> Option<Vec<u8>> {
    let listed = Command::new(binary("busybox")?).arg("--list-full").output().ok()?;
    let bytes = std::fs::read(busybox).ok()?;
    let mut tar = Builder::new(Vec::new());
    for (path, mode) in FOLDERS {
        let mut header = header(EntryType::Directory, mode, 0);
        tar.append_data(&mut header, format!("{path}/"), &[][..]).expect("a folder fits into a tar header");
    }
    let mut file = |path: &str, mode: u32, content: &[u8]| {
        let mut header = header(EntryType::Regular, mode, content.len() as u64);
        tar.append_data(&mut header, path, content).expect("a file fits into a tar header");
    };
    file("bin/busybox", 0o755, &bytes);
    FILES.iter().for_each(|(path, content)| file(path, 0o644, content.as_bytes()));
    for applet in String::from_utf8_lossy(&listed.stdout).lines().filter(|applet| *applet != "bin/busybox") {
        let mut header = header(EntryType::Link, 0o755, 0);
        tar.append_link(&mut header, applet, "bin/busybox").expect("a link fits into a tar header");
    }
    tar.into_inner().ok()
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(THEN);
    header
}

//! What distributions register: that it is for the machines that we think it is for.

use std::fs;
use std::path::Path;

use emulate::{Handlers, Machine};

/// Turns a line of binfmt.d into what the kernel would show.
fn shown(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.trim_end().strip_prefix(':')?.split(':').collect();
    let [_, "M", offset, magic, mask, interpreter, flags] = fields[..] else { return None };
    let offset = if offset.is_empty() { "0" } else { offset };
    Some(format!("enabled\ninterpreter {interpreter}\nflags: {flags}\noffset {offset}\nmagic {}\nmask {}\n", hex(magic), hex(mask)))
}

fn hex(text: &str) -> String {
    let mut rest = text.bytes();
    let mut digits = String::new();
    while let Some(byte) = rest.next() {
        if byte == b'\\' {
            digits.extend(rest.by_ref().skip(1).take(2).map(char::from));
        } else {
            digits.push_str(&format!("{byte:02x}"));
        }
    }
    digits
}

#[test]
fn what_debian_registers_is_found_for_its_machine() {
    let Ok(files) = fs::read_dir("/usr/lib/binfmt.d") else { return testkit::skip("no folder of handlers to register") };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("status"), "enabled\n").unwrap();
    for file in files.map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|extension| extension == "conf")) {
        if let Some(text) = fs::read_to_string(&file).ok().and_then(|line| shown(&line)) {
            fs::write(folder.path().join(file.file_stem().unwrap()), text).unwrap();
        }
    }
    let handlers = Handlers::read(folder.path()).unwrap();
    let mut seen = 0;
    for machine in Machine::ALL {
        let own = format!("qemu-{}", machine.qemu());
        if !folder.path().join(&own).exists() {
            continue;
        }
        assert_eq!(handlers.find(machine).unwrap().name.to_str(), Some(own.as_str()));
        assert!(handlers.list.iter().filter(|handler| handler.takes(machine)).count() == 1, "{machine}");
        seen += 1;
    }
    if seen == 0 {
        testkit::skip(&format!("no handlers of QEMU in {}", Path::new("/usr/lib/binfmt.d").display()));
    }
}

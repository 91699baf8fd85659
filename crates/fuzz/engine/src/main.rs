//! libFuzzer over the targets of the room `fuzz`: one program for all of them.
//!
//! `POLYARCH_FUZZ_TARGET` names the target, as libFuzzer has the words of the command line to itself.
//! `cargo xtask fuzz` builds and runs it.

#![no_main]

use std::sync::OnceLock;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("POLYARCH_FUZZ_TARGET").unwrap_or_default();
        let target = fuzz::TARGETS.iter().find(|target| target.name == name);
        RUN.get_or_init(|| target.unwrap_or_else(|| panic!("POLYARCH_FUZZ_TARGET={name}: no such target")).run);
    },
    |bytes: &[u8]| {
        if let Some(run) = RUN.get() {
            run(bytes);
        }
    }
);

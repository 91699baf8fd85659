//! Files for every machine, made by hand, and real ones.

use layer::binary::{Architecture, Binary, ElfKind, Float, MipsAbi, Sniffer, System, Verdict, inspect};
use oci::Platform;
use proptest::prelude::*;

/// The header of an ELF program: class, byte order, machine, flags.
fn elf(bits: u8, is_big_endian: bool, machine: u16, flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', if bits == 64 { 2 } else { 1 }, if is_big_endian { 2 } else { 1 }, 1]);
    let mut put = |at: usize, number: &[u8]| {
        let mut number = number.to_vec();
        if !is_big_endian {
            number.reverse();
        }
        bytes[at..at + number.len()].copy_from_slice(&number);
    };
    put(16, &2_u16.to_be_bytes());
    put(18, &machine.to_be_bytes());
    put(if bits == 64 { 48 } else { 36 }, &flags.to_be_bytes());
    bytes
}

/// A program whose Go build says its level, as far from the beginning as it really is.
fn go_arm(level: &str) -> Vec<u8> {
    let mut bytes = elf(32, false, 40, 0x0500_0000);
    bytes.resize(200_000, 0);
    bytes.extend(format!("path\tx\nbuild\tGOARM={level}\n").into_bytes());
    bytes
}

fn judge(bytes: &[u8], platform: &str) -> String {
    match inspect(bytes).unwrap().fits(&platform.parse::<Platform>().unwrap()) {
        Verdict::Fits => "fits".to_owned(),
        Verdict::HigherLevel { found, wanted } => format!("{found} above {wanted}"),
        Verdict::Foreign { found } => format!("foreign {found}"),
        Verdict::NoProgram => "no program".to_owned(),
    }
}

#[test]
fn every_machine_has_a_name_and_a_platform() {
    for (bytes, name, home) in [
        (elf(32, false, 3, 0), "i386", "linux/386"),
        (elf(64, false, 62, 0), "x86-64", "linux/amd64"),
        (elf(32, false, 40, 0x0500_0400), "arm", "linux/arm/v7"),
        (elf(64, false, 183, 0), "aarch64", "linux/arm64"),
        (elf(32, true, 8, 0x7000_1000), "mips", "linux/mips"),
        (elf(32, false, 8, 0x7000_1000), "mipsle", "linux/mipsle"),
        (elf(64, true, 8, 0x8000_0000), "mips64", "linux/mips64"),
        (elf(64, false, 8, 0x8000_0000), "mips64le", "linux/mips64le"),
        (elf(64, true, 21, 1), "ppc64", "linux/ppc64"),
        (elf(64, false, 21, 2), "ppc64le", "linux/ppc64le"),
        (elf(64, true, 22, 0), "s390x", "linux/s390x"),
        (elf(64, false, 243, 5), "riscv64", "linux/riscv64"),
        (elf(64, false, 258, 0x43), "loongarch64", "linux/loong64"),
    ] {
        let binary = Binary::of(&bytes);
        assert_eq!(binary.machines()[0].to_string(), name);
        assert_eq!(judge(&bytes, home), "fits", "{name}");
        for other in
            ["linux/amd64", "linux/386", "linux/arm/v7", "linux/arm64", "linux/s390x", "linux/ppc64le", "linux/riscv64", "windows/amd64"]
        {
            if other != home {
                assert_eq!(judge(&bytes, other), format!("foreign {name}"), "{other}");
            }
        }
    }
}

#[test]
fn the_details_of_flags_are_told() {
    let architecture = |bytes: Vec<u8>| Binary::of(&bytes).machines()[0].architecture;
    assert_eq!(architecture(elf(32, false, 62, 0)), Architecture::X32);
    assert_eq!(architecture(elf(64, false, 243, 5)), Architecture::Riscv { bits: 64, float: Float::Double, is_compressed: true });
    assert_eq!(architecture(elf(64, false, 243, 0)), Architecture::Riscv { bits: 64, float: Float::Soft, is_compressed: false });
    assert_eq!(architecture(elf(64, true, 21, 1)), Architecture::Ppc64 { is_big_endian: true, abi: Some(1) });
    assert_eq!(architecture(elf(64, false, 258, 0x43)), Architecture::Loong { bits: 64, float: Some(Float::Double) });
    let Architecture::Mips(mips) = architecture(elf(32, true, 8, 0x7000_0020)) else { panic!() };
    assert_eq!((mips.abi, mips.isa), (MipsAbi::N32, "mips32r2"));
    let Architecture::Arm(arm) = architecture(elf(32, false, 40, 0x0500_0200)) else { panic!() };
    assert_eq!((arm.version, arm.float), (None, Some(Float::Soft)));
    assert_eq!(architecture(elf(64, false, 9999, 0)), Architecture::Other { number: 9999 });
    let mut freebsd = elf(64, false, 62, 0);
    freebsd[7] = 9;
    assert_eq!(judge(&freebsd, "linux/amd64"), "foreign freebsd x86-64");
    assert_eq!(judge(&freebsd, "freebsd/amd64"), "fits");
}

#[test]
fn the_rules_of_fitting() {
    assert_eq!(judge(&elf(32, false, 3, 0), "linux/amd64"), "foreign i386");
    assert_eq!(judge(&elf(32, false, 62, 0), "linux/amd64"), "foreign x32");
    assert_eq!(judge(&go_arm("6"), "linux/arm/v7"), "fits");
    assert_eq!(judge(&go_arm("6,softfloat"), "linux/arm/v6"), "fits");
    assert_eq!(judge(&go_arm("7"), "linux/arm/v6"), "arm v7 above linux/arm/v6");
    assert_eq!(judge(&go_arm("7"), "linux/arm/v7"), "fits");
    assert_eq!(judge(&go_arm("7"), "linux/arm64"), "foreign arm v7");
    assert_eq!(judge(&elf(32, false, 40, 0x0500_0400), "linux/arm/v5"), "arm above linux/arm/v5");
    assert_eq!(judge(&elf(32, true, 40, 0x0500_0400), "linux/arm/v7"), "foreign big-endian arm");
    assert_eq!(judge(&elf(64, true, 183, 0), "linux/arm64"), "foreign big-endian aarch64");
    assert_eq!(judge(b"#!/bin/sh\n", "linux/arm64"), "no program");
    assert_eq!(judge(b"text", "linux/arm64"), "no program");
    assert_eq!(judge(b"\0asm\x01\0\0\0", "wasi/wasm"), "fits");
}

/// A program with one program header, a GNU property that says which level of x86-64 it needs (bits, 8 is v4).
fn property(bits: u32) -> Vec<u8> {
    let mut bytes = elf(64, false, 62, 0);
    for (at, number) in [(32, 64_u16), (54, 56), (56, 1)] {
        bytes[at..at + 2].copy_from_slice(&number.to_le_bytes());
    }
    bytes.extend(0x6474_e553_u32.to_le_bytes());
    bytes.extend([0; 4]);
    for number in [120_u64, 0, 0, 32, 32, 8] {
        bytes.extend(number.to_le_bytes());
    }
    for number in [4, 16, 5, u32::from_le_bytes(*b"GNU\0"), 0xc000_8002, 4, bits, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

#[test]
fn the_level_of_x86_64_is_told_by_a_property() {
    assert_eq!(judge(&property(0b0001), "linux/amd64"), "fits");
    assert_eq!(judge(&property(0b0111), "linux/amd64"), "x86-64-v3 above linux/amd64");
    assert_eq!(judge(&property(0b0111), "linux/amd64/v3"), "fits");
    assert_eq!(judge(&property(0b1000), "linux/amd64/v3"), "x86-64-v4 above linux/amd64/v3");
}

/// A file of Windows: machine, subsystem, and the flags of .NET where it is one.
fn pe(machine: u16, subsystem: u16, runtime: Option<u32>) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    let mut put = |at: usize, number: &[u8]| bytes[at..at + number.len()].copy_from_slice(number);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    put(0x84, &machine.to_le_bytes());
    put(0x86, &1_u16.to_le_bytes());
    put(0x94, &224_u16.to_le_bytes());
    put(0x98, &0x10b_u16.to_le_bytes());
    put(0x98 + 68, &subsystem.to_le_bytes());
    put(0x98 + 92, &16_u32.to_le_bytes());
    if let Some(flags) = runtime {
        put(0x98 + 96 + 14 * 8, &0x2008_u32.to_le_bytes());
        let section = 0x98 + 224;
        put(section + 12, &0x2000_u32.to_le_bytes());
        put(section + 16, &0x200_u32.to_le_bytes());
        put(section + 20, &0x200_u32.to_le_bytes());
        put(0x208 + 16, &flags.to_le_bytes());
    }
    bytes
}

#[test]
fn files_of_windows_and_macos_are_known() {
    assert_eq!(judge(&pe(0x8664, 3, None), "windows/amd64"), "fits");
    assert_eq!(judge(&pe(0x8664, 3, None), "linux/amd64"), "foreign windows x86-64");
    assert_eq!(judge(&pe(0xaa64, 3, None), "windows/arm64"), "fits");
    assert_eq!(judge(&pe(0xaa64, 3, None), "windows/amd64"), "foreign windows aarch64");
    assert_eq!(judge(&pe(0x14c, 3, None), "windows/amd64"), "fits");
    assert_eq!(judge(&pe(0x14c, 3, None), "windows/arm64"), "foreign windows i386");
    assert_eq!(judge(&pe(0x14c, 3, Some(1)), "linux/arm64"), "fits");
    assert_eq!(judge(&pe(0x14c, 3, Some(0x20003)), "windows/arm64"), "fits");
    assert_eq!(judge(&pe(0x14c, 3, Some(3)), "windows/arm64"), "foreign windows i386");
    assert_eq!(judge(&pe(0x8664, 10, None), "linux/amd64"), "no program");

    let mach = [&0xfeed_facf_u32.to_le_bytes()[..], &0x0100_000c_u32.to_le_bytes(), &[0; 8]].concat();
    assert_eq!(judge(&mach, "darwin/arm64"), "fits");
    assert_eq!(judge(&mach, "linux/arm64"), "foreign darwin aarch64");
    let mut fat = [&0xcafe_babe_u32.to_be_bytes()[..], &2_u32.to_be_bytes()].concat();
    for cpu in [0x0100_0007_u32, 0x0100_000c] {
        fat.extend(cpu.to_be_bytes());
        fat.extend([0; 16]);
    }
    assert_eq!(Binary::of(&fat).machines().len(), 2);
    assert_eq!((judge(&fat, "darwin/amd64").as_str(), judge(&fat, "darwin/arm64").as_str()), ("fits", "fits"));
    let java = b"\xca\xfe\xba\xbe\0\0\0\x34\0\0\0\0\0\0\0\0";
    assert_eq!(Binary::of(java), Binary::Other);
}

#[test]
fn scripts_name_their_interpreter() {
    let script = |text: &str| Binary::of(text.as_bytes());
    let is = |interpreter: &str, argument: Option<&str>| Binary::Script {
        interpreter: interpreter.into(),
        argument: argument.map(|argument| argument.as_bytes().to_vec()),
    };
    assert_eq!(script("#!/bin/sh\nexit"), is("/bin/sh", None));
    assert_eq!(script("#! /usr/bin/env  -S bash -e \r\n"), is("/usr/bin/env", Some("-S bash -e")));
    assert_eq!(script("#!\n"), Binary::Other);
}

#[test]
fn this_test_is_a_program_for_this_machine() {
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let binary = inspect(file).unwrap();
    let host = Platform::host();
    assert_eq!(binary.fits(&host), Verdict::Fits);
    if let Binary::Elf(elf) = binary {
        assert!(matches!(elf.kind, ElfKind::Shared | ElfKind::Executable));
        assert_eq!(elf.machine.system, System::Unmarked);
        assert!(elf.interpreter.is_none_or(|path| path.starts_with(b"/")));
    }
}

#[test]
fn a_static_program_needs_nothing_and_a_shell_needs_a_library() {
    let Binary::Elf(alone) = Binary::of(&elf(64, false, 62, 0)) else { panic!("no ELF") };
    assert_eq!((alone.interpreter, alone.needed.unwrap_or_default()), (None, Vec::new()));
    for path in ["/bin/sh", "/bin/ls"] {
        let Ok(file) = std::fs::File::open(path) else {
            testkit::skip(&format!("no {path}"));
            continue;
        };
        let Binary::Elf(linked) = inspect(file).unwrap() else { panic!("{path}") };
        if linked.interpreter.is_none() {
            testkit::skip(&format!("{path} is linked in another way"));
            continue;
        }
        assert!(linked.needed.is_none_or(|needed| !needed.is_empty()), "{path}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_something(tail in proptest::collection::vec(any::<u8>(), 0..600), which in 0..8_usize, at in 0..64_usize, byte: u8) {
        let starts = [vec![], elf(64, false, 62, 0), elf(32, true, 40, 0), elf(32, false, 40, 0), pe(0x14c, 3, Some(1)), b"MZ".to_vec(), b"\xca\xfe\xba\xbe".to_vec(), b"#!".to_vec()];
        let mut bytes = [starts[which].as_slice(), &tail].concat();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let whole = Binary::of(&bytes);
        let mut sniffer = Sniffer::new();
        for piece in bytes.chunks(7) {
            sniffer.update(piece);
        }
        prop_assert_eq!(sniffer.finish(), whole);
    }
}

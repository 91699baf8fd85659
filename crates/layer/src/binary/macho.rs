//! Files of macOS: for one machine, or universal ones for several (`mach-o/loader.h`, `mach-o/fat.h`).

use super::machine::{Architecture, Arm, Float, Machine, System};
use super::view::View;

pub(super) fn parse(bytes: &[u8]) -> Option<Vec<Machine>> {
    let view = View::new(bytes, true);
    let one = |is_big_endian| {
        let view = View::new(bytes, is_big_endian);
        Some(vec![machine(view.u32(4)?, view.u32(8)?)])
    };
    match view.u32(0)? {
        0xfeed_face | 0xfeed_facf => one(true),
        0xcefa_edfe | 0xcffa_edfe => one(false),
        0xcafe_babe => universal(&view, 20),
        0xcafe_babf => universal(&view, 32),
        _ => None,
    }
}

fn universal(view: &View<'_>, width: usize) -> Option<Vec<Machine>> {
    // A class of Java begins alike; its version, 45 or more, stands where the count is here.
    const MOST: u32 = 30;
    let count = view.u32(4).filter(|count| (1..=MOST).contains(count))?;
    (0..count as usize).map(|number| Some(machine(view.u32(8 + number * width)?, view.u32(12 + number * width)?))).collect()
}

fn machine(cpu: u32, subtype: u32) -> Machine {
    let architecture = match cpu {
        7 => Architecture::I386,
        0x0100_0007 => Architecture::Amd64 { level: None },
        12 => {
            let version = match subtype & 0xff {
                6 => Some(6),
                7 => Some(5),
                9..=12 => Some(7),
                _ => None,
            };
            Architecture::Arm(Arm { version, float: Some(Float::Soft), is_big_endian: false })
        }
        0x0100_000c | 0x0200_000c => Architecture::Arm64 { is_big_endian: false },
        18 => Architecture::Ppc { is_big_endian: true },
        0x0100_0012 => Architecture::Ppc64 { is_big_endian: true, abi: None },
        other => Architecture::Other { number: other as u16 },
    };
    Machine { architecture, system: System::Darwin }
}

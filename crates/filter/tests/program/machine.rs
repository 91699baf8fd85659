//! A machine of classic BPF, as far as seccomp has it: it takes nothing that the kernel would refuse.

use filter::{Instruction, Program};

pub const ALLOW: u32 = 0x7FFF_0000;
pub const KILL: u32 = 0x8000_0000;

pub fn error(number: u16) -> u32 {
    0x5_0000 | u32::from(number)
}

/// What a filter answers.
pub fn run(program: &Program, number: u32, architecture: u32, arguments: [u64; 6]) -> u32 {
    steps(program, number, architecture, arguments).0
}

/// What a filter answers, and after how many instructions.
pub fn steps(program: &Program, number: u32, architecture: u32, arguments: [u64; 6]) -> (u32, usize) {
    let mut data = [number.to_le_bytes(), architecture.to_le_bytes()].concat();
    data.extend([0; 8]);
    data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
    let (mut at, mut value, mut steps) = (0, 0_u32, 0);
    loop {
        let Instruction { code, holds, fails, value: number } = program.instructions()[at];
        let (holds, fails) = (usize::from(holds), usize::from(fails));
        at += 1;
        steps += 1;
        let mut question = |condition: bool| at += if condition { holds } else { fails };
        match code {
            0x20 => {
                assert_eq!(number % 4, 0);
                value = u32::from_le_bytes(data[number as usize..][..4].try_into().unwrap());
            }
            0x05 => at += number as usize,
            0x15 => question(value == number),
            0x25 => question(value > number),
            0x35 => question(value >= number),
            0x45 => question(value & number != 0),
            0x06 => return (number, steps),
            other => panic!("instruction {other:#x} at {}", at - 1),
        }
    }
}

//! Verdicts as instructions. Every block ends in answers, so blocks can stand behind each other, and jumps go forward within one.
//!
//! What a filter is asked about is `struct seccomp_data` (linux/seccomp.h): the number at 0, the architecture at 4, the place in
//! the program at 8, then six arguments of eight bytes. Every [`Host`](crate::Host) is little-endian, so the lower half comes first.

use crate::instruction::{ANSWER, HAS_ANY, IS, IS_MORE, IS_NOT_LESS, Instruction, JUMP, LOAD};
use crate::profile::{EPERM, Is, Test};
use crate::verdict::Verdict;

/// Where the number of the call is.
const NUMBER: u32 = 0;
/// Where the architecture is.
const ARCHITECTURE: u32 = 4;
/// Where the arguments begin.
const ARGUMENTS: u32 = 16;

/// `SECCOMP_RET_ALLOW`.
const ALLOW: u32 = 0x7FFF_0000;
/// `SECCOMP_RET_ERRNO`, with the number in its lower half.
const ERROR: u32 = 0x0005_0000;
/// `SECCOMP_RET_KILL_PROCESS`.
const KILL: u32 = 0x8000_0000;

/// Numbers from one on, up to the next of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) verdict: Verdict,
}

/// Emits the whole: sections by what the kernel calls their architectures. A process of another one is ended.
pub(crate) fn program(sections: &[(u32, Vec<Span>)]) -> Vec<Instruction> {
    let mut emitted = vec![Instruction::plain(LOAD, ARCHITECTURE)];
    for (audit, spans) in sections {
        let section = search(spans);
        emitted.push(Instruction::question(IS, *audit, 1, 0));
        emitted.push(jump(section.len() + 1));
        emitted.push(Instruction::plain(LOAD, NUMBER));
        emitted.extend(section);
    }
    emitted.push(Instruction::plain(ANSWER, KILL));
    emitted
}

/// Emits a binary search for the span that a number is in.
fn search(spans: &[Span]) -> Vec<Instruction> {
    let (below, above) = spans.split_at(spans.len() / 2);
    let Some(middle) = above.first() else { return fail(EPERM) };
    if below.is_empty() {
        return leaf(middle.verdict);
    }
    let below = search(below);
    let mut emitted = match u8::try_from(below.len()) {
        Ok(near) => vec![Instruction::question(IS_NOT_LESS, middle.first, near, 0)],
        Err(_) => vec![Instruction::question(IS_NOT_LESS, middle.first, 0, 1), jump(below.len())],
    };
    emitted.extend(below);
    emitted.extend(search(above));
    emitted
}

fn leaf(verdict: Verdict) -> Vec<Instruction> {
    match verdict {
        Verdict::Allow => vec![Instruction::plain(ANSWER, ALLOW)],
        Verdict::Fail(error) => fail(error),
        Verdict::Ask(tests) => tests.iter().flat_map(allow_if).chain(fail(EPERM)).collect(),
    }
}

fn fail(error: u16) -> Vec<Instruction> {
    vec![Instruction::plain(ANSWER, ERROR | u32::from(error))]
}

/// Emits one test: an answer where it holds, and the way to what follows where it does not.
fn allow_if(test: &Test) -> Vec<Instruction> {
    let low = ARGUMENTS + 8 * u32::from(test.argument);
    let (low, high) = (Instruction::plain(LOAD, low), Instruction::plain(LOAD, low + 4));
    let allow = Instruction::plain(ANSWER, ALLOW);
    match test.is {
        Is::Within(first, last) => vec![
            high,
            Instruction::question(IS, 0, 0, 4),
            low,
            Instruction::question(IS_NOT_LESS, first, 0, 2),
            Instruction::question(IS_MORE, last, 1, 0),
            allow,
        ],
        Is::Without(bits) => {
            let [lower, upper] = [bits, bits >> 32].map(|bits| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX));
            vec![high, Instruction::question(HAS_ANY, upper, 3, 0), low, Instruction::question(HAS_ANY, lower, 1, 0), allow]
        }
    }
}

/// Skips instructions. There are never so many that their number does not fit.
fn jump(over: usize) -> Instruction {
    Instruction::plain(JUMP, u32::try_from(over).unwrap_or(u32::MAX))
}

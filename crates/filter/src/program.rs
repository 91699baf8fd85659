//! The filter as a whole.

use crate::emit::{Span, program};
use crate::host::Architecture;
use crate::instruction::Instruction;
use crate::profile::ENOSYS;
use crate::verdict::{Setting, Verdict};

/// How many instructions the kernel takes (linux/bpf_common.h, `BPF_MAXINSNS`).
pub const LONGEST: usize = 4096;

/// A filter of calls, in instructions of classic BPF.
///
/// ```
/// use filter::{Host, Program, Setting};
///
/// let docker = Setting { host: Host::X86_64, capabilities: 0xa804_25fb, kernel: (6, 1) };
/// let program = Program::of_docker(&docker);
/// assert_eq!(program.to_bytes().len(), program.instructions().len() * 8);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    /// Makes the filter of Docker's default profile: for the machine's own programs and for those of its other architectures. A
    /// call of an architecture that the machine does not have ends the process.
    pub fn of_docker(setting: &Setting) -> Self {
        let mut sections: Vec<(u32, Vec<Span>)> = Vec::new();
        for architecture in setting.host.architectures() {
            let spans = spans(setting, *architecture);
            match sections.iter_mut().find(|(audit, _)| *audit == architecture.audit()) {
                // The numbers of x32 begin where those of x86-64 end.
                Some((_, section)) => section.extend(spans),
                None => sections.push((architecture.audit(), spans)),
            }
        }
        Self { instructions: program(&sections) }
    }

    /// Returns the instructions: never more than [`LONGEST`].
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Returns the instructions as the kernel of this machine reads them: an array of `struct sock_filter`.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.instructions.iter().flat_map(|instruction| instruction.to_bytes()).collect()
    }
}

/// Makes the verdicts of an architecture spans without gaps, from the first number that it may have.
fn spans(setting: &Setting, architecture: Architecture) -> Vec<Span> {
    let mut spans = vec![Span { first: architecture.mark(), verdict: Verdict::Fail(ENOSYS) }];
    let mut push = |first: u32, verdict: Verdict| match spans.last_mut() {
        Some(last) if last.verdict == verdict => {}
        Some(last) if last.first == first => last.verdict = verdict,
        _ => spans.push(Span { first, verdict }),
    };
    let mut next = architecture.mark();
    for (number, verdict) in setting.verdicts(architecture) {
        if number > next {
            push(next, Verdict::Fail(ENOSYS));
        }
        push(number, verdict);
        next = number.saturating_add(1);
    }
    push(next, Verdict::Fail(ENOSYS));
    spans
}

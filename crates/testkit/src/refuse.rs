//! Starting a program on a machine that refuses it system calls: an older kernel, or a stricter one.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};
use std::thread;

use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule};

/// A system call that fails.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    call: i64,
    /// An argument, and what a bit of it has to be.
    flag: Option<(u8, u64, u64)>,
}

impl Refusal {
    /// Refuses a call by its number, whatever it is asked for.
    pub const fn of(call: i64) -> Self {
        Self { call, flag: None }
    }

    /// Refuses it only where this bit is set in an argument, counted from 0.
    pub const fn with(self, argument: u8, bit: u64) -> Self {
        Self { flag: Some((argument, bit, bit)), ..self }
    }

    /// Refuses it only where this bit is not set in an argument, counted from 0.
    pub const fn without(self, argument: u8, bit: u64) -> Self {
        Self { flag: Some((argument, bit, 0)), ..self }
    }

    fn rules(self) -> Vec<SeccompRule> {
        let condition =
            |(argument, bit, is)| SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), is).unwrap();
        self.flag.map(|flag| SeccompRule::new(vec![condition(flag)]).unwrap()).into_iter().collect()
    }
}

/// Starts a command that is answered with `errno` to some calls, and so is everything that it starts. Programs with set-user-ID
/// gain nothing by it there.
///
/// # Errors
/// What starting it fails with.
pub fn spawn(command: &mut Command, refused: &[Refusal], errno: u32) -> io::Result<Child> {
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let rules: BTreeMap<_, _> = refused.iter().map(|refusal| (refusal.call, refusal.rules())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), machine).unwrap();
    let program = BpfProgram::try_from(filter).unwrap();
    // A filter is a thread's own, and goes to what that thread starts. So the thread is given up, and no other is touched.
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            seccompiler::apply_filter(&program).unwrap();
            command.spawn()
        });
        thread.join().unwrap()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_refused_what_was_named_and_nobody_else_is() {
        const NOT_PERMITTED: u32 = 1;
        const FOLLOW: u64 = 0x400;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let link = |follows: &str, name: &str| {
            let mut command = Command::new("ln");
            command.current_dir(&folder).args([follows, "file", name]).stderr(std::process::Stdio::null());
            command
        };
        let all = Refusal::of(libc::SYS_linkat);
        let (following, staying) = (all.with(4, FOLLOW), all.without(4, FOLLOW));
        let cases = [(all, "-P", false), (following, "-P", true), (following, "-L", false), (staying, "-P", false), (staying, "-L", true)];
        for (refusal, follows, works) in cases {
            let name = format!("{refusal:?}{follows}");
            let ended = spawn(&mut link(follows, &name), &[refusal], NOT_PERMITTED).unwrap().wait().unwrap();
            assert_eq!((ended.success(), folder.path().join(&name).exists()), (works, works), "{name}");
        }
        assert!(link("-P", "here").status().unwrap().success());
    }
}

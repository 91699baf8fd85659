//! What becomes of a call.

use std::collections::{BTreeMap, HashMap};

use crate::host::{Architecture, Host};
use crate::profile::{Answer, DOCKER, ENOSYS, EPERM, Rule, Test, When};

/// Numbers from here on are an architecture's own; below, those that are new are the same everywhere (since Linux 5.1).
const OWN: u32 = 512;

/// What a filter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The machine.
    pub host: Host,
    /// The rights that the process may get, one bit each: its bounding set, as in `/proc/self/status`.
    pub capabilities: u64,
    /// The release of Linux: 6.12 is `(6, 12)`.
    pub kernel: (u32, u32),
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Allow,
    /// It is made where one of these holds, and is refused otherwise.
    Ask(&'static [Test]),
    /// It fails with this number.
    Fail(u16),
}

impl Setting {
    /// Tells whether a rule holds.
    fn has(&self, rule: &Rule) -> bool {
        match rule.when {
            When::Always => true,
            When::Kernel(major, minor) => self.kernel >= (major, minor),
            When::On(host) => self.host == host,
            When::With(right) => self.capabilities >> right.0 & 1 == 1,
            When::Without(right) => self.capabilities >> right.0 & 1 == 0,
        }
    }

    /// Says what the rules for a call come to; `None` where none of them holds. The most that is allowed counts.
    fn says(&self, rules: &[&Rule]) -> Option<Verdict> {
        let verdict = |rule: &Rule| match rule.answer {
            Answer::Allow => Verdict::Allow,
            Answer::AllowIf(tests) => Verdict::Ask(tests),
            Answer::Fail(error) => Verdict::Fail(error),
        };
        rules.iter().filter(|rule| self.has(rule)).map(|rule| verdict(rule)).min_by_key(rank)
    }

    /// Decides the calls of an architecture, by the numbers that a filter sees. What is not among them does not exist, and fails
    /// with `ENOSYS`.
    ///
    /// A call that no rule allows is refused with `EPERM`. One that is newer than all that the profile names fails with `ENOSYS`,
    /// as with runc: the profile could not know of it, and programs take that for an older kernel.
    pub fn verdicts(&self, architecture: Architecture) -> BTreeMap<u32, Verdict> {
        let mark = architecture.mark();
        let mut named: HashMap<&str, Vec<&Rule>> = HashMap::new();
        for rule in DOCKER {
            rule.calls.split_whitespace().for_each(|name| named.entry(name).or_default().push(rule));
        }
        let common = architecture.calls().filter(|(name, number)| number - mark < OWN && named.contains_key(name));
        let newest = common.map(|(_, number)| number).max().unwrap_or_default();
        let mut verdicts: BTreeMap<u32, Verdict> = BTreeMap::new();
        for (name, number) in architecture.calls() {
            let is_newer = number > newest && number - mark < OWN;
            let verdict =
                named.get(name).and_then(|rules| self.says(rules)).unwrap_or(Verdict::Fail(if is_newer { ENOSYS } else { EPERM }));
            // Two names of one call.
            let known = verdicts.get(&number).copied();
            verdicts.insert(number, known.into_iter().chain([verdict]).min_by_key(rank).unwrap_or(verdict));
        }
        verdicts
    }
}

const fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Ask(_) => 1,
        Verdict::Fail(_) => 2,
    }
}

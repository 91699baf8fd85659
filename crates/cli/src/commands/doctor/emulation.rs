//! Whether programs of other machines run here, and by what.

use std::collections::BTreeSet;

use emulate::{Decision, Machine, Means, Probe, Wish};
use oci::Platform;

use super::check::Check;
use crate::args::EmulationWords;
use crate::commands::Session;
use crate::commands::platforms::word;
use crate::machines::prospects;

const MEND: &str = "sudo apt-get install qemu-user-static\n# or: polyarch emulators install";

/// Tries a program of each machine that this one is not.
pub fn check(session: &Session) -> Check {
    let foreign = |machine: &Machine| Machine::here().is_none_or(|here| !here.may_run(*machine));
    let platforms: Vec<Platform> = Machine::ALL.into_iter().filter(foreign).map(|machine| Probe::least(machine).platform()).collect();
    let words = EmulationWords { binfmt: Wish::Auto, emulators: None };
    let private = match &session.stand.registers {
        Some(Err(problem)) => format!("handlers of a build alone are not possible: {problem}"),
        _ => "handlers of a build alone are possible".to_owned(),
    };
    match prospects(session, &words, &platforms) {
        Ok(decided) => judge(&decided, &private),
        // Only what is in a folder that was named is an error.
        Err(problem) => Check::limited("emulation", problem.to_string()).mended_by(MEND),
    }
}

fn judge(decided: &[Decision], private: &str) -> Check {
    let name = "emulation";
    let machines = |wanted: fn(&Means) -> bool| {
        let named = decided.iter().filter(|decision| wanted(&decision.means)).map(|decision| decision.platform.architecture.as_str());
        named.collect::<Vec<_>>().join(", ")
    };
    let runs = machines(|means| !matches!(means, Means::None(_)));
    let rest = machines(|means| matches!(means, Means::None(_)));
    if runs.is_empty() {
        return Check::limited(name, format!("no program of another machine runs; {private}")).mended_by(MEND);
    }
    let ways: BTreeSet<&str> =
        decided.iter().filter(|decision| !matches!(decision.means, Means::None(_))).map(|decision| word(&decision.means)).collect();
    let ways: Vec<&str> = ways.into_iter().collect();
    let rest = if rest.is_empty() { rest } else { format!(", not {rest}") };
    let found = format!("{runs} ({}){rest}; {private}", ways.join(", "));
    if ways == ["wrapped"] {
        let found = format!("{found}; sudo and its like gain nothing by it");
        return Check::limited(name, found).mended_by("sudo apt-get install binfmt-support qemu-user-static # handlers of this machine");
    }
    Check::ok(name, found)
}

#[cfg(test)]
mod tests {
    use emulate::{Emulator, Obstacle};

    use super::super::check::State;
    use super::*;

    fn decision(machine: Machine, means: Means) -> Decision {
        Decision { platform: Probe::least(machine).platform(), means }
    }

    fn emulator(machine: Machine) -> Emulator {
        Emulator { machine, path: "/qemu".into(), version: None }
    }

    #[test]
    fn one_that_runs_is_enough_and_a_wrapper_is_less() {
        let (arm, s390x) = (Machine::Arm, Machine::S390x);
        let none = |machine| decision(machine, Means::None(Obstacle::Nothing(machine)));
        let check = judge(&[none(arm), none(s390x)], "so");
        assert_eq!((check.state, check.mend.as_deref()), (State::Limited, Some(MEND)));
        let check = judge(&[decision(arm, Means::Private(emulator(arm))), none(s390x)], "so");
        assert_eq!((check.state, check.found.as_str()), (State::Ok, "arm (private), not s390x; so"));
        let check = judge(&[decision(arm, Means::Wrapped(emulator(arm)))], "so");
        assert_eq!((check.state, check.found.as_str()), (State::Limited, "arm (wrapped); so; sudo and its like gain nothing by it"));
    }
}

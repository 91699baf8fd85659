//! Decides by what the programs of each platform run.

use oci::Platform;

use crate::means::probe_for;
use crate::{Answer, Decision, Emulator, Facts, Handler, Host, Interpreter, Means, Obstacle, Probe, Wish, WishError};

/// Decides for each platform by what its programs run.
///
/// What this machine runs by itself, it runs by itself, whatever the wish: a wish is about the others. `auto` takes the first of
/// these that is there and works: a private handler, which has all flags and changes nothing here; the host's; an emulator in front
/// of the command. Where there is none, the means is [`Means::None`] with the reason.
///
/// # Errors
/// A wish other than `auto` cannot be fulfilled for some of the platforms; the error has a reason for each.
pub fn decide(platforms: &[Platform], facts: &Facts, wish: Wish) -> Result<Vec<Decision>, WishError> {
    let mut decisions = Vec::new();
    let mut unmet = Vec::new();
    for platform in platforms {
        match choose(platform, facts, wish) {
            Err(obstacle) if wish != Wish::Auto => unmet.push((platform.clone(), obstacle)),
            chosen => decisions.push(Decision { platform: platform.clone(), means: chosen.unwrap_or_else(Means::None) }),
        }
    }
    if unmet.is_empty() { Ok(decisions) } else { Err(WishError { wish, unmet }) }
}

fn choose(platform: &Platform, facts: &Facts, wish: Wish) -> Result<Means, Obstacle> {
    let probe = probe_for(platform)?;
    if facts.is_native(probe) {
        return Ok(Means::Native);
    }
    match wish {
        Wish::Auto => {
            let others = || by_host(probe, facts).or_else(|host| by_wrapper(probe, facts).map_err(|emulator| both(host, emulator)));
            by_private(probe, facts).or_else(|_| others())
        }
        Wish::Host => by_host(probe, facts),
        Wish::Private => by_private(probe, facts),
        Wish::Wrap => by_wrapper(probe, facts),
    }
}

/// Says the one of two reasons that tells more: that something is there and does not work, rather than that it is not there.
fn both(host: Obstacle, emulator: Obstacle) -> Obstacle {
    match (host, emulator) {
        (Obstacle::Level, _) => Obstacle::Level,
        (Obstacle::NoHandler(machine), Obstacle::NoEmulator(_)) => Obstacle::Nothing(machine),
        (Obstacle::NoHandler(_), emulator) => emulator,
        (host, Obstacle::NoEmulator(_)) => host,
        (_, emulator) => emulator,
    }
}

fn by_host(probe: Probe, facts: &Facts) -> Result<Means, Obstacle> {
    let machine = probe.machine();
    let answer = facts.answer(probe);
    let Some(handler) = facts.handlers.find(machine) else {
        return match answer {
            // Somebody runs it, and it is not this processor: a handler that cannot be seen from here.
            Some(Answer::Ran) => Ok(Means::Host(Host { handler: None, bind: None })),
            Some(Answer::Illegal) if facts.here == Some(machine) => Err(Obstacle::Level),
            Some(Answer::Refused) | None => Err(no_handler(probe, facts)),
            Some(answer) => Err(Obstacle::Kernel(answer)),
        };
    };
    match answer {
        Some(Answer::Ran) => in_any_root(handler),
        _ if !handler.flags.is_fixed && handler.interpreter == Interpreter::Missing => Err(Obstacle::Gone(handler.path.clone())),
        Some(answer) => Err(Obstacle::Handler(handler.path.clone(), answer)),
        None => Err(no_handler(probe, facts)),
    }
}

fn no_handler(probe: Probe, facts: &Facts) -> Obstacle {
    facts.handlers.find_switch(probe.machine()).map_or(Obstacle::NoHandler(probe.machine()), Obstacle::Disabled)
}

/// A handler without the flag `F` works where its interpreter is at the same path, and for that it must need nothing else.
fn in_any_root(handler: &Handler) -> Result<Means, Obstacle> {
    let bind = match handler.interpreter {
        _ if handler.flags.is_fixed => None,
        Interpreter::Static => Some(handler.path.clone()),
        Interpreter::Dynamic | Interpreter::Other | Interpreter::Missing => return Err(Obstacle::Unfixed(handler.path.clone())),
    };
    Ok(Means::Host(Host { handler: Some(handler.clone()), bind }))
}

fn by_private(probe: Probe, facts: &Facts) -> Result<Means, Obstacle> {
    if facts.here == Some(probe.machine()) {
        return Err(Obstacle::Own);
    }
    if !facts.has_private {
        return Err(Obstacle::NoPrivate);
    }
    emulator(probe, facts).map(Means::Private)
}

fn by_wrapper(probe: Probe, facts: &Facts) -> Result<Means, Obstacle> {
    emulator(probe, facts).map(Means::Wrapped)
}

fn emulator(probe: Probe, facts: &Facts) -> Result<Emulator, Obstacle> {
    let machine = probe.machine();
    let Some(tried) = facts.emulators.iter().find(|tried| tried.emulator.machine == machine) else {
        let unusable = facts.unusable.iter().find(|(whose, _)| *whose == machine);
        return Err(unusable.map_or(Obstacle::NoEmulator(machine), |(_, reason)| Obstacle::Unusable(reason.clone())));
    };
    match tried.answers.iter().find(|(asked, _)| *asked == probe) {
        Some((_, Answer::Ran)) => Ok(tried.emulator.clone()),
        Some((_, answer)) => Err(Obstacle::Emulator(tried.emulator.path.clone(), *answer)),
        None => Err(Obstacle::NoEmulator(machine)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use fault::Fault;

    use super::*;
    use crate::{Flags, Handlers, Machine, State, Tried, Version};

    const ARM64: &str = "linux/arm64";

    fn probe(platform: &str) -> Probe {
        Probe::of(&platform.parse().unwrap()).unwrap()
    }

    /// A machine of amd64 v2 on which nothing is set up.
    fn bare() -> Facts {
        let answers = [
            ("linux/amd64", Answer::Ran),
            ("linux/amd64/v2", Answer::Ran),
            ("linux/amd64/v3", Answer::Illegal),
            ("linux/386", Answer::Ran),
            (ARM64, Answer::Refused),
        ];
        Facts {
            here: Some(Machine::Amd64),
            answers: answers.into_iter().map(|(platform, answer)| (probe(platform), answer)).collect(),
            handlers: Handlers { folder: "/misc".into(), state: State::On, list: Vec::new() },
            emulators: Vec::new(),
            unusable: Vec::new(),
            has_private: false,
        }
    }

    fn answering(mut facts: Facts, platform: &str, answer: Answer) -> Facts {
        facts.answers.retain(|(asked, _)| *asked != probe(platform));
        facts.answers.push((probe(platform), answer));
        facts
    }

    fn registered(mut facts: Facts, flags: &str, interpreter: Interpreter) -> Facts {
        facts.handlers.list.push(Handler {
            name: "qemu-aarch64".into(),
            is_enabled: true,
            path: "/opt/qemu".into(),
            interpreter,
            flags: Flags::read(flags.as_bytes()),
            offset: 0,
            magic: Machine::Arm64.magic().into(),
            mask: Machine::Arm64.mask().into(),
        });
        facts
    }

    fn found(mut facts: Facts, platform: &str, answer: Answer) -> Facts {
        let version = Some(Version { major: 7, minor: 2 });
        let emulator = Emulator { machine: probe(platform).machine(), path: "/found/qemu".into(), version };
        facts.emulators.push(Tried { emulator, answers: vec![(probe(platform), answer)] });
        facts
    }

    fn private(facts: Facts) -> Facts {
        Facts { has_private: true, ..facts }
    }

    /// What was decided, in a word and with the reason if it is none.
    fn decided(platform: &str, facts: &Facts, wish: Wish) -> String {
        match decide(&[platform.parse().unwrap()], facts, wish).map(|decisions| decisions.into_iter().next().unwrap().means) {
            Ok(Means::Native) => "native".to_owned(),
            Ok(Means::Host(host)) => format!("host {:?}", host.bind),
            Ok(Means::Private(_)) => "private".to_owned(),
            Ok(Means::Wrapped(_)) => "wrapped".to_owned(),
            Ok(Means::None(obstacle)) => format!("none: {obstacle}"),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn what_runs_without_a_handler_is_native_whatever_the_wish() {
        for wish in [Wish::Auto, Wish::Host, Wish::Private, Wish::Wrap] {
            for platform in ["linux/amd64", "linux/amd64/v2", "linux/386"] {
                assert_eq!(decided(platform, &bare(), wish), "native", "{platform} {wish}");
            }
        }
    }

    #[test]
    fn auto_takes_the_first_that_works() {
        let ran = || answering(registered(bare(), "F", Interpreter::Missing), ARM64, Answer::Ran);
        assert_eq!(decided(ARM64, &private(found(ran(), ARM64, Answer::Ran)), Wish::Auto), "private");
        assert_eq!(decided(ARM64, &ran(), Wish::Auto), "host None");
        assert_eq!(decided(ARM64, &private(found(bare(), ARM64, Answer::Ran)), Wish::Auto), "private");
        assert_eq!(decided(ARM64, &found(bare(), ARM64, Answer::Ran), Wish::Auto), "wrapped");
        let nothing = "none: no handler is registered for arm64 programs, and no emulator was found";
        assert_eq!(decided(ARM64, &bare(), Wish::Auto), nothing);
    }

    #[test]
    fn a_handler_that_is_not_fixed_needs_its_interpreter_in_the_root() {
        let ran = |interpreter| answering(registered(bare(), "OC", interpreter), ARM64, Answer::Ran);
        assert_eq!(decided(ARM64, &ran(Interpreter::Static), Wish::Auto), "host Some(\"/opt/qemu\")");
        let dynamic = ran(Interpreter::Dynamic);
        assert_eq!(decided(ARM64, &found(dynamic.clone(), ARM64, Answer::Ran), Wish::Auto), "wrapped");
        let reason = "its handler is registered without the flag F, and /opt/qemu cannot run in another root";
        assert_eq!(decided(ARM64, &dynamic, Wish::Auto), format!("none: {reason}"));
        assert_eq!(decided(ARM64, &dynamic, Wish::Host), format!("error: linux/arm64 does not run by a handler of the host's: {reason}"));
    }

    #[test]
    fn a_handler_that_does_not_work_is_said_to_be_why() {
        let gone = answering(registered(bare(), "", Interpreter::Missing), ARM64, Answer::Hung);
        assert_eq!(decided(ARM64, &gone, Wish::Auto), "none: its handler's interpreter is gone: /opt/qemu");
        let crashed = answering(registered(bare(), "F", Interpreter::Static), ARM64, Answer::Crashed(11));
        assert_eq!(decided(ARM64, &crashed, Wish::Auto), "none: by its handler /opt/qemu, a probe was ended by signal 11");
        let mut off = registered(bare(), "F", Interpreter::Static);
        off.handlers.list[0].is_enabled = false;
        assert_eq!(decided(ARM64, &off, Wish::Auto), "none: its handler is switched off");
        assert_eq!(
            decide(&[ARM64.parse().unwrap()], &off, Wish::Host).unwrap_err().hint().unwrap().to_string(),
            "as root: `echo 1 > /misc/qemu-aarch64`"
        );
    }

    #[test]
    fn what_runs_by_nothing_that_is_seen_runs_by_a_hidden_handler() {
        let mut container = answering(bare(), ARM64, Answer::Ran);
        container.handlers.state = State::Unseen;
        assert_eq!(decided(ARM64, &container, Wish::Host), "host None");
    }

    #[test]
    fn an_emulator_that_does_not_work_is_said_to_be_why() {
        let fails = private(found(bare(), ARM64, Answer::Hung));
        for (wish, start) in [(Wish::Auto, "none: "), (Wish::Private, "error: linux/arm64 does not run by a private handler: ")] {
            assert_eq!(decided(ARM64, &fails, wish), format!("{start}by /found/qemu, a probe did not end in time"));
        }
        let mut unusable = bare();
        unusable.unusable.push((Machine::Arm64, "/bin/qemu-aarch64: not executable".to_owned()));
        assert_eq!(decided(ARM64, &unusable, Wish::Auto), "none: /bin/qemu-aarch64: not executable");
    }

    #[test]
    fn a_level_that_this_processor_lacks_takes_an_emulator_in_front() {
        const V3: &str = "linux/amd64/v3";
        assert_eq!(decided(V3, &bare(), Wish::Auto), "none: this processor does not have all instructions of that level");
        assert_eq!(decided(V3, &private(found(bare(), V3, Answer::Ran)), Wish::Auto), "wrapped");
        assert_eq!(decided(V3, &found(bare(), V3, Answer::Ran), Wish::Wrap), "wrapped");
        let own = decided(V3, &private(found(bare(), V3, Answer::Ran)), Wish::Private);
        assert!(own.ends_with("it is this machine's own, and an emulator would be asked to run itself"), "{own}");
    }

    #[test]
    fn a_wish_that_cannot_be_is_refused_for_all_platforms_at_once() {
        let facts = found(bare(), ARM64, Answer::Ran);
        let platforms = [ARM64, "linux/amd64", "linux/s390x", "windows/amd64"].map(|platform| platform.parse().unwrap());
        let error = decide(&platforms, &facts, Wish::Private).unwrap_err();
        assert_eq!(
            error.lines(),
            [
                "linux/arm64 does not run by a private handler: handlers of one's own cannot be registered here",
                "linux/s390x does not run by a private handler: handlers of one's own cannot be registered here",
                "windows/amd64 does not run by a private handler: not a Linux platform",
            ]
        );
        assert_eq!(error.hint().unwrap().to_string(), "this takes Linux 6.7 and user namespaces");
        assert_eq!(decide(&platforms, &facts, Wish::Auto).unwrap().len(), 4);
    }

    #[test]
    fn setuid_programs_need_the_flag_c() {
        let means = |facts: &Facts, wish| decide(&[ARM64.parse().unwrap()], facts, wish).unwrap().remove(0).means;
        let with = |flags| answering(registered(bare(), flags, Interpreter::Static), ARM64, Answer::Ran);
        assert!(means(&with("PF"), Wish::Auto).loses_setuid());
        assert!(!means(&with("POCF"), Wish::Auto).loses_setuid());
        let facts = private(found(bare(), ARM64, Answer::Ran));
        assert!(!means(&facts, Wish::Private).loses_setuid());
        assert!(means(&facts, Wish::Wrap).loses_setuid());
        assert_eq!(means(&facts, Wish::Wrap).interpreter(), Some(PathBuf::from("/found/qemu").as_path()));
    }

    #[test]
    fn wishes_are_read_by_their_words() {
        for wish in [Wish::Auto, Wish::Host, Wish::Private, Wish::Wrap] {
            assert_eq!(wish.to_string().parse(), Ok(wish));
        }
        assert_eq!("qemu".parse::<Wish>(), Err("expected auto, host, private or wrap"));
    }
}

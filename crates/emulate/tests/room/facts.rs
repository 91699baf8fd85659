//! All of it at once, on this machine.

use std::fs;
use std::path::Path;

use emulate::{Answer, Facts, Machine, Means, Places, Probe, Search, Unfit, Wish};
use oci::Platform;

use crate::fixture::{LIMIT, places};

fn platforms() -> Vec<Platform> {
    Probe::all().map(|probe| probe.to_string().parse().unwrap()).collect()
}

#[test]
fn every_platform_of_this_machine_has_a_decision_that_holds() {
    let places = places();
    let search = Search { handlers: Path::new("/proc/sys/fs/binfmt_misc"), places: &places, has_private: true, limit: LIMIT };
    let facts = Facts::gather(&platforms(), &search).unwrap();
    let decisions = emulate::decide(&platforms(), &facts, Wish::Auto).unwrap();
    for decision in &decisions {
        let probe = Probe::of(&decision.platform).unwrap();
        match &decision.means {
            Means::Native | Means::Host(_) => assert_eq!(facts.answer(probe), Some(Answer::Ran), "{probe}"),
            Means::Private(emulator) | Means::Wrapped(emulator) => {
                assert_eq!(probe.run_by(&emulator.path, &[], LIMIT), Answer::Ran, "{probe}");
            }
            Means::None(_) => assert_ne!(facts.answer(probe), Some(Answer::Ran), "{probe}"),
        }
        if probe == Machine::here().map_or(probe, Probe::least) {
            assert_eq!(decision.means, Means::Native);
        }
    }
    assert_eq!(decisions.len(), platforms().len());
}

#[test]
fn a_named_folder_with_what_is_no_emulator_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let machine = if Machine::here() == Some(Machine::S390x) { Machine::Arm64 } else { Machine::S390x };
    fs::write(folder.path().join(&machine.emulator_names()[1]), "no program").unwrap();
    let platforms = [Platform::new("linux", machine.architecture(), None)];
    let gather = |places: &Places| Facts::gather(&platforms, &Search { handlers: folder.path(), places, has_private: false, limit: LIMIT });
    let named = gather(&Places { named: Some(folder.path().to_owned()), ..Places::default() });
    assert!(matches!(named.unwrap_err().unfit, Unfit::NoProgram));
    let installed = gather(&Places { installed: Some(folder.path().to_owned()), ..Places::default() }).unwrap();
    assert_eq!(installed.unusable.len(), 1);
}

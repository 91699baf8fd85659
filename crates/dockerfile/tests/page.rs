//! docs/checks.md: what the page says of each rule is so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use dockerfile::lint::{self, Rule, StageBase, Surroundings, Warning};
use dockerfile::{PatternList, Source, automatic_arguments, parse};
use oci::Platform;

/// A rule as the page has it.
struct Section<'p> {
    name: &'p str,
    /// The examples: the one that is found fault with, and the one that is not.
    examples: Vec<&'p str>,
    message: &'p str,
}

fn sections(page: &str) -> Vec<Section<'_>> {
    let sections = page.split("\n### ").skip(1).map(|text| {
        let (name, text) = text.split_once('\n').unwrap();
        let examples = text.split("```dockerfile\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let message = text.lines().find_map(|line| line.strip_prefix("> ")).unwrap_or_default();
        Section { name, examples, message }
    });
    sections.collect()
}

/// Checks an example as a build for arm64 would, on an amd64 machine.
fn check(text: &str) -> Vec<Warning> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let [build, target]: [Platform; 2] = ["linux/amd64", "linux/arm64"].map(|text| text.parse().unwrap());
    let base = |name: &str| StageBase {
        environment: Some(vec![("PATH".to_owned(), "/bin".to_owned())]),
        platforms: Some((if name.starts_with("amd64/") { &build } else { &target }.clone(), target.clone())),
        has_shell: false,
    };
    let bases = file.stages.iter().map(|stage| base(&stage.base.text)).enumerate().collect();
    let surroundings = Surroundings {
        automatic: automatic_arguments(&build, &target, None),
        ignore: Some(PatternList::read("*.env\n").unwrap()),
        bases,
        ..Surroundings::default()
    };
    lint::check(&file, &surroundings, &file.directives.check)
}

#[test]
fn every_rule_is_shown_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    let page = std::fs::read_to_string(path).unwrap();
    let sections = sections(&page);
    for rule in Rule::ALL {
        let Some(Section { examples, message, .. }) = sections.iter().find(|section| section.name == rule.name()) else {
            panic!("docs/checks.md does not explain {rule}");
        };
        let [bad, good] = examples.as_slice() else { panic!("{rule}: expected two examples, got {}", examples.len()) };
        let found =
            |text| check(text).into_iter().filter(|warning| warning.rule == rule).map(|warning| warning.message).collect::<Vec<_>>();
        assert_eq!(found(bad), [*message], "{bad}");
        assert!(check(good).is_empty(), "{good}: {:?}", check(good));
    }
    assert_eq!(sections.len(), Rule::ALL.len());
}

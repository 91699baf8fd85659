//! What a person builds from: Dockerfiles, and the lists of what is left out.

use std::collections::BTreeMap;

use dockerfile::{Graph, IncludeList, Inclusion, Instruction, PatternList, Rules, Source, Verdict, expand, lint, parse, parse_trigger};

use crate::text;

/// A Dockerfile reads the same twice, each instruction lies where it says, a trigger that was kept can be read or
/// refused, and the stages of a target come after what they need. Every problem lies inside the text.
pub fn dockerfile(bytes: &[u8]) {
    let source = Source::from_bytes("Dockerfile", bytes);
    match parse(&source) {
        Ok(file) => {
            assert_eq!(parse(&source).as_ref(), Ok(&file));
            for header in file.stages.iter().map(|stage| &stage.header).chain(file.statements().map(|statement| &statement.header)) {
                assert!(source.slice(header.span).starts_with(&header.keyword.text), "{header:?}");
                assert!(header.first_line <= header.last_line, "{header:?}");
            }
            for statement in file.statements() {
                if let Instruction::Onbuild(trigger) = &statement.instruction {
                    let _ = parse_trigger(&trigger.text);
                }
            }
            let base = lint::StageBase { environment: Some(Vec::new()), ..lint::StageBase::default() };
            let bases = (0..file.stages.len()).map(|stage| (stage, base.clone())).collect();
            let surroundings = lint::Surroundings { bases, ..lint::Surroundings::default() };
            lint::check(&file, &surroundings, &file.directives.check);
            if let Ok(graph) = Graph::new(&file, &[]) {
                let last = graph.target(None).unwrap();
                if let Ok(reached) = graph.reachable(last) {
                    assert!(reached.is_sorted() && reached.last() == Some(&last), "{reached:?}");
                }
            }
        }
        Err(problems) => {
            assert!(problems.count() >= problems.iter().count());
            for problem in problems.iter() {
                assert!(problem.span.end <= source.text().len() && source.text().is_char_boundary(problem.span.start), "{problem:?}");
                assert!(!problem.render().is_empty());
            }
        }
    }
    let environment = BTreeMap::from([("a".to_owned(), "x/y z".to_owned()), ("b".to_owned(), String::new())]);
    for rules in [Rules::word('\\'), Rules::heredoc(), Rules::display('`')] {
        match expand(source.text(), &environment, rules) {
            Ok(expansion) => assert!(expansion.words.iter().all(|word| !word.is_empty())),
            Err(error) => assert!(source.text().is_char_boundary(error.offset), "{error}"),
        }
    }
}

/// The first line is a path, the rest are patterns. What lies in a folder that is left out for good is left out, and a
/// folder is entered when something below it is taken.
pub fn dockerignore(bytes: &[u8]) {
    let Some((path, patterns)) = text(bytes).and_then(|text| text.split_once('\n')) else { return };
    let folders = || path.match_indices('/').filter(|(at, _)| *at > 0).filter_map(|(at, _)| path.get(..at));
    if let Ok(list) = PatternList::read(patterns) {
        let taken = !list.matches(path);
        assert_eq!(list.verdict(path) == Verdict::Included, taken);
        let tidy = dockerfile::clean(path) == path && !path.starts_with(['/', '.']);
        if taken && tidy && !list.takes_back() {
            assert!(folders().all(|folder| list.verdict(folder) == Verdict::Included), "{path:?} {patterns:?}");
        }
    }
    if let Ok(list) = IncludeList::new(patterns.lines())
        && folders().any(|folder| list.decide(folder) == Inclusion::Included)
    {
        assert_eq!(list.decide(path), Inclusion::Included, "{path:?} {patterns:?}");
    }
}

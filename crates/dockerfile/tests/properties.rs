//! What holds for any text at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use dockerfile::{CheckOptions, Chmod, Dockerfile, Graph, PatternList, Rules, Source, expand, lint, parse, parse_duration, parse_trigger};
use fault::Fault;
use proptest::prelude::*;

fn walk(file: &Dockerfile, source: &Source) {
    for header in file.stages.iter().map(|stage| &stage.header).chain(file.statements().map(|statement| &statement.header)) {
        let text = source.slice(header.span);
        assert!(text.starts_with(&header.keyword.text), "{text:?}");
        assert!(header.first_line <= header.last_line);
    }
    let base = lint::StageBase { environment: Some(Vec::new()), ..lint::StageBase::default() };
    let bases = (0..file.stages.len()).map(|stage| (stage, base.clone())).collect();
    let surroundings = lint::Surroundings { bases, ignore: PatternList::read("*.env\n").ok(), ..lint::Surroundings::default() };
    for options in [file.directives.check.clone(), CheckOptions::parse("experimental=all").unwrap()] {
        for warning in lint::check(file, &surroundings, &options) {
            assert!(warning.line <= warning.last_line, "{warning}");
        }
    }
    if let Ok(graph) = Graph::new(file, &[]) {
        let _ = graph.reachable(graph.target(None).unwrap());
    }
}

fn check(text: &str) {
    let source = Source::new("Dockerfile", text);
    match parse(&source) {
        Ok(file) => walk(&file, &source),
        Err(problems) => {
            assert!(problems.render().len() >= problems.iter().count());
            let _ = problems.hint();
            for problem in problems.iter() {
                assert!(text.is_char_boundary(problem.span.start), "{problem}");
            }
        }
    }
    let _ = parse_trigger(text);
}

/// Texts that look like Dockerfiles.
fn plausible() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "FROM x AS a\n#",
        "ARG",
        "ONBUILD",
        "HEALTHCHECK",
        "EXPOSE",
        "LABEL",
        "#",
        "",
    ]);
    let rest = prop::collection::vec(
        prop::sample::select(vec![
            "--mount=",
            "--from=",
            "type=cache",
            ",",
            "<<E",
            "<<-'F'",
            "\nE\n",
            "\n\tF\n",
            "\\\n",
            "\"",
            "'",
            "[\"a\"]",
            "${a:-",
            "}",
            "$",
            " ",
            "=",
            "é",
            "a/b",
            "\t",
            "\r\n",
            "-",
            "CMD",
            "`",
            "[",
            "1",
        ]),
        0..12,
    );
    prop::collection::vec((name, rest), 0..6).prop_map(|lines| {
        "FROM x\n".to_owned() + &lines.into_iter().map(|(name, rest)| format!("{name} {}\n", rest.concat())).collect::<String>()
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn no_dockerfile_panics(text in plausible()) {
        check(&text);
    }

    #[test]
    fn no_download_panics(address in "[a-z:/$.é_0-9-]{0,12}", name in prop::sample::select(vec!["amd64", "x86_64", "ſ", "é", "AMD64"])) {
        check(&format!("FROM x\nRUN curl -O {address}{name} && GOARCH={name} wget -qO {address} {name}{address}\nADD https://{address}/{name} /\n"));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let source = Source::from_bytes("Dockerfile", &bytes);
        let _ = parse(&source);
        for offset in 0..source.text().len() + 2 {
            let position = source.position(offset);
            prop_assert!(position.line >= 1 && position.column >= 1);
        }
    }

    #[test]
    fn no_expansion_panics(text in any::<String>(), shaped in "[$a{}:\\-+?#%/*\\\\'\"` é]{0,24}", value in any::<String>()) {
        let environment = BTreeMap::from([("a".to_owned(), value)]);
        for text in [&text, &shaped] {
            for rules in [Rules::word('\\'), Rules::word('`'), Rules::heredoc(), Rules::display('\\')] {
                match expand(text, &environment, rules) {
                    Ok(expansion) => prop_assert!(expansion.words.iter().all(|word| !word.is_empty())),
                    Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{}", error),
                }
            }
        }
    }

    #[test]
    fn no_small_text_panics(text in "[ugoa+=rwxXst,0-9:.hms-]{0,12}") {
        if let Ok(mode) = Chmod::parse(&text) {
            prop_assert!(mode.apply(0o7777, true) <= 0o7777 && mode.apply(0, false) <= 0o7777);
        }
        if let Ok(duration) = parse_duration(&text) {
            prop_assert_eq!(parse_duration(&dockerfile::format_duration(duration)), Ok(duration));
        }
    }
}

#[test]
fn a_large_file_takes_work_and_memory_in_proportion() {
    // A quadratic step would not end within the patience of any test: these are up to a million lines.
    let many = |line: &str, count: usize| format!("FROM x\n{}", line.repeat(count));
    let file = parse(&Source::new("Dockerfile", many("RUN a\n# comment\n\n", 200_000))).unwrap();
    assert_eq!(file.stages[0].statements.len(), 200_000);
    let file = parse(&Source::new("Dockerfile", many("RUN a \\\n", 1) + &"b \\\n".repeat(400_000) + "c\n")).unwrap();
    assert_eq!(file.stages[0].statements[0].header.last_line, 400_003);
    let problems = parse(&Source::new("Dockerfile", many("COPPY\n", 200_000))).unwrap_err();
    assert_eq!((problems.iter().count(), problems.count()), (100, 200_000));
    let problems = parse(&Source::new("Dockerfile", "FROM x\nENV a=b".to_owned() + &" c".repeat(200_000))).unwrap_err();
    assert_eq!(problems.count(), 200_000, "all on one line");
    assert!(problems.iter().count() <= 100);
    let file = parse(&Source::new("Dockerfile", "FROM x AS a\n".repeat(100_000))).unwrap();
    let graph = Graph::new(&file, &[]).unwrap();
    assert_eq!(graph.reachable(graph.target(None).unwrap()).unwrap(), [99_999]);
    let variables: String = (0..20_000).map(|number| format!("ENV a{number}=${{b{number}}}\n")).collect();
    let file = parse(&Source::new("Dockerfile", format!("FROM scratch\n{variables}"))).unwrap();
    let warnings = lint::check(&file, &lint::Surroundings::default(), &CheckOptions::default());
    assert_eq!(warnings.len(), 1000);
    let heredoc = many("RUN <<E\n", 1) + &"x\n".repeat(400_000) + "E\n";
    assert_eq!(parse(&Source::new("Dockerfile", heredoc)).unwrap().stages[0].statements.len(), 1);
    assert!(parse(&Source::new("Dockerfile", format!("FROM x\nRUN {}", "[".repeat(500_000)))).is_ok(), "nothing nests");
}

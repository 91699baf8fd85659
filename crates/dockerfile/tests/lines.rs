//! Lines, directives, flags, forms and heredocs: items 1 to 17 of the reference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use dockerfile::{CommandLine, CopySource, Instruction, Rules, Script, Source, StageScope, SyntaxConcern, expand, parse};
use fault::Fault;
use support::{copy, one, problems, read, refused, run, shell_text, variables};

#[test]
fn item_1_byte_order_mark_line_ends_and_long_lines() {
    let file = read("\u{feff}FROM x\r\nRUN a \\\r\n  b\r\n");
    assert_eq!(file.stages[0].base.text, "x");
    assert_eq!(file.stages[0].statements[0].header.original, "RUN a   b");
    let long = format!("FROM x\nRUN {}\n", "y".repeat(100_000));
    assert_eq!(read(&long).stages[0].statements[0].header.original.len(), 100_004, "there is no limit for a line");
}

#[test]
fn item_2_directives_stand_first_and_once() {
    let file = read("# syntax=docker/dockerfile:1 more\n#Escape = `\n# check=skip=JSONArgsRecommended;error=true\nFROM x\n");
    assert_eq!(file.directives.escape, '`');
    assert_eq!(file.directives.syntax.unwrap().text, "docker/dockerfile:1");
    assert!(file.directives.check.error && file.directives.check.skip.contains("jsonargsrecommended"));
    for before in ["\n", "# a comment\n", "# unknown=1\n", "FROM y\n"] {
        assert_eq!(read(&format!("{before}# escape=`\nFROM x\n")).directives.escape, '\\', "{before:?}");
    }
    assert!(problems("# escape=`\n# escape=`\nFROM x\n").to_string().ends_with("only one escape parser directive can be used"));
}

#[test]
fn item_3_a_shebang_ends_the_search_for_escape_only() {
    let file = read("#!/usr/bin/env x\n# syntax=docker/dockerfile:1\n# escape=`\nFROM x\n");
    assert_eq!(file.directives.escape, '\\');
    assert_eq!(file.directives.syntax.unwrap().text, "docker/dockerfile:1");
}

#[test]
fn item_4_syntax_is_a_version_check() {
    let concern = |syntax: &str| read(&format!("# syntax={syntax}\nFROM x\n")).syntax_concern();
    for fine in [
        "docker/dockerfile:1",
        "docker.io/docker/dockerfile:1.26",
        "docker/dockerfile:1.7-labs",
        "docker/dockerfile@sha256:ab",
        "docker/dockerfile-upstream:master",
    ] {
        assert_eq!(concern(fine), None, "{fine}");
    }
    let newer = concern("docker/dockerfile:1.27").unwrap();
    assert!(!newer.is_error() && newer.to_string().contains("version 1.27"), "{newer}");
    assert!(matches!(concern("docker/dockerfile:2"), Some(SyntaxConcern::Newer { .. })));
    let foreign = concern("ghcr.io/acme/frontend:1").unwrap();
    assert!(foreign.is_error() && foreign.hint().is_some());
    let detect = |text: &str| dockerfile::detect_syntax(&Source::new("Dockerfile", text));
    assert_eq!(detect("// syntax=a/b\n{}").as_deref(), Some("a/b"));
    assert_eq!(detect("{\"syntax\": \"a/c\"}").as_deref(), Some("a/c"));
    assert_eq!(detect("FROM x"), None);
}

#[test]
fn item_5_escape_is_one_of_two() {
    let error = problems("# escape=x\nFROM x\n").to_string();
    assert!(error.ends_with("invalid escape token 'x' does not match ` or \\"), "{error}");
    let file = read("# escape=`\nFROM x\nRUN a `\n b\nCOPY <<\"E\\\"F\" /x\n1\nE\"F\n");
    assert_eq!(file.stages[0].statements[0].header.original, "RUN a  b");
    let Instruction::Copy(copy) = &file.stages[0].statements[1].instruction else { panic!() };
    assert!(matches!(&copy.sources[0], CopySource::Inline(heredoc) if heredoc.content == "1\n"), "heredoc words escape with \\ always");
}

#[test]
fn item_6_checks_of_the_file_and_of_an_instruction() {
    let file = read("# check=skip=A, B;error=true\nFROM x\n# check=skip=StageNameCasing\n# more\nRUN a\n\n# check=skip=C\n\nRUN b\n");
    assert!(file.directives.check.skip.contains("A"));
    assert!(!file.directives.check.skip.contains("B") && !file.directives.check.error, "the value ends at the first blank");
    let [first, second] = file.stages[0].statements.as_slice() else { panic!() };
    assert!(first.header.check.skip.contains("StageNameCasing"));
    assert!(!second.header.check.skip.contains("C"), "a blank line parts a comment from what follows");
    assert!(problems("# check=nonsense\nFROM x\n").to_string().contains("invalid check"));
}

#[test]
fn item_7_continuations() {
    assert_eq!(shell_text("RUN echo a \\\n b"), "echo a  b");
    assert_eq!(shell_text("RUN echo a \\  \n# comment \\\n\n  && b"), "echo a   && b");
    assert_eq!(shell_text("RUN echo a\\\n"), "echo a");
    let file = read("FROM x\nRUN echo foo \\\\\nRUN b\n");
    assert_eq!(file.stages[0].statements[0].header.original, "RUN echo foo \\\\", "two continue nothing");
    assert_eq!(file.stages[0].statements.len(), 2);
    assert_eq!(read("FROM x\n\\\nRUN a\n").stages[0].statements[0].header.first_line, 3, "a line of the escape character alone");
    let file = read("FROM x\nRUN a \\\n\n  b\n");
    assert!(file.stages[0].statements[0].header.empty_continuation);
    assert_eq!((file.stages[0].statements[0].header.first_line, file.stages[0].statements[0].header.last_line), (2, 4));
}

#[test]
fn item_8_empty_files_and_unknown_names() {
    assert_eq!(problems("").to_string(), "the Dockerfile cannot be empty");
    assert_eq!(problems("# only\n\n").to_string(), "file with no instructions");
    assert_eq!(problems("ARG A\n").to_string(), "no build stage in current context");
    assert!(problems("RUN a\n").to_string().contains("no build stage in current context"));
    assert_eq!(
        problems("FROM x\nCOPPY a b\n").to_string(),
        "dockerfile parse error on line 2: unknown instruction: COPPY (did you mean COPY?)"
    );
    assert_eq!(read("from x\nRuN a\n").stages[0].statements[0].instruction.name(), "RUN");
}

#[test]
fn item_9_blanks_cut_words_and_quotes_do_not() {
    assert_eq!(copy("COPY \"a b\" c").sources.len(), 2);
    let json = copy("COPY [\"a b\", \"c\"]");
    assert!(matches!(json.sources.as_slice(), [CopySource::Path(path)] if path.text == "a b"));
    let Instruction::Expose(ports) = one("EXPOSE 80\t81  82") else { panic!() };
    assert_eq!(ports.len(), 3);
}

#[test]
fn item_10_flags() {
    let written = copy("COPY --from=\"a\" --chown=1:\\2 --link=true -- --parents x");
    assert_eq!(written.from.as_ref().unwrap().text, "a");
    assert_eq!(written.chown.as_ref().unwrap().text, "1:2");
    assert!(written.link && !written.parents, "two dashes end the flags");
    assert!(!copy("COPY --link=FALSE a b").link);
    assert_eq!(refused("COPY --form=x a b"), "unknown flag: --form (did you mean from?)");
    assert_eq!(refused("COPY --from=a --from=b a b"), "duplicate flag specified: from");
    assert_eq!(refused("COPY --link= a b"), "missing a value on flag: link");
    assert_eq!(refused("COPY --from a b"), "missing a value on flag: from");
    assert_eq!(refused("COPY --link=maybe a b"), "expecting boolean value for flag link, not: maybe");
    assert_eq!(refused("WORKDIR --x /a"), "unknown flag: --x");
    assert_eq!(copy("COPY --exclude=a --exclude=b . /").exclude.len(), 2);
}

#[test]
fn item_11_json_form() {
    assert_eq!(refused("CMD [\"a\", 1]"), "when using JSON array syntax, arrays must be comprised of strings only");
    let Instruction::Cmd(CommandLine::Shell(text)) = one("CMD ['a']") else { panic!() };
    assert_eq!(text.text, "['a']");
    let Instruction::Cmd(CommandLine::Exec(words)) = one("CMD  [ \"a\" , \"b\\u0041\\\"\" ] ") else { panic!() };
    assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["a", "bA\""]);
    for (text, span) in [("\"a\"", words[0].span), ("\"b\\u0041\\\"\"", words[1].span)] {
        assert_eq!(Source::new("", "FROM x\nCMD  [ \"a\" , \"b\\u0041\\\"\" ] \n").slice(span), text);
    }
    for instruction in ["RUN", "ENTRYPOINT", "SHELL", "VOLUME", "HEALTHCHECK CMD"] {
        assert!(refused(&format!("{instruction} [1]")).contains("strings only"), "{instruction}");
    }
}

#[test]
fn item_12_no_comment_behind_an_instruction() {
    let Instruction::Entrypoint(CommandLine::Shell(text)) = one("ENTRYPOINT [\"x\"] # y") else { panic!() };
    assert_eq!(text.text, "[\"x\"] # y");
    assert_eq!(read("FROM x\n   # indented\n  RUN a\n").stages[0].statements.len(), 1);
}

#[test]
fn item_13_heredocs_end_on_their_word() {
    let written = run("RUN cat <<A <<-B\n # not a comment \\\nA\n\tx\n\tB");
    assert_eq!(written.heredocs[0].content, " # not a comment \\\n");
    assert_eq!((written.heredocs[1].content.as_str(), written.heredocs[1].text().as_str()), ("\tx\n", "x\n"));
    let missing = problems("FROM x\nRUN <<E\nx\n E\n");
    assert_eq!(missing.to_string(), "dockerfile parse error on line 2: unterminated heredoc");
    assert!(missing.hint().unwrap().to_string().starts_with("end it with E"));
}

#[test]
fn item_14_content_of_copied_heredocs() {
    let copy = copy("COPY <<EOF <<-\"X\" /h/\n$V \\$V ${U:-u} \"q\" \\\\ '$V'\nEOF\n\t$V\nX");
    let [CopySource::Inline(first), CopySource::Inline(second)] = copy.sources.as_slice() else { panic!() };
    assert!(first.expands && !second.expands);
    let expansion = expand(&first.text(), &variables(&[("V", "vv")]), Rules::heredoc()).unwrap();
    assert_eq!(expansion.text, "vv $V u \"q\" \\ 'vv'\n");
    assert_eq!(second.text(), "$V\n");
    let scope = StageScope::new([("V".to_owned(), "vv".to_owned())]);
    assert_eq!(scope.expand_heredoc(first).unwrap().text, expansion.text);
    assert_eq!(scope.expand_heredoc(second).unwrap().text, "$V\n");
    assert!(refused("COPY a <<E\nE").contains("cannot accept a heredoc as a destination"));
}

#[test]
fn item_15_a_heredoc_alone_is_the_script() {
    assert_eq!(run("RUN <<EOF\na $V\nEOF").script(false), Script::Shell("a $V\n".to_owned()));
    let shebang = run("RUN <<EOF\n#!/bin/cat\nx\nEOF");
    assert_eq!(shebang.script(false), Script::File { name: "EOF".to_owned(), content: "#!/bin/cat\nx\n".to_owned() });
    assert_eq!(shebang.words(&["sh".to_owned()], false), ["sh", "/dev/pipes/EOF"]);
    assert!(matches!(shebang.script(true), Script::Shell(_)));
}

#[test]
fn item_16_other_heredocs_are_left_to_the_shell() {
    assert_eq!(shell_text("RUN cat <<A <<-B | tr\nx\nA\n\ty\nB"), "cat <<A <<-B | tr\nx\nA\n\ty\nB");
}

#[test]
fn item_17_arithmetic_is_no_heredoc() {
    assert_eq!(shell_text("RUN echo $((1<<2))"), "echo $((1<<2))");
    assert!(run("RUN [\"cat\", \"<<EOF\"]").heredocs.is_empty());
}

#[test]
fn every_problem_of_a_file_is_found_with_its_place() {
    let problems = problems("FROM x\nCOPPY a b\nRUN a \\\n  --x\nENV a=b \\\n  c\nWORKDIR\nEXPOSE 80\nCMD [1]\n");
    let places: Vec<String> = problems.iter().map(|problem| format!("{} {}", problem.position, problem.reason)).collect();
    assert_eq!(
        places,
        [
            "2:1 unknown instruction: COPPY",
            "6:3 Syntax error - can't find = in \"c\". Must be of the form: name=value",
            "7:1 WORKDIR requires exactly one argument",
            "9:5 when using JSON array syntax, arrays must be comprised of strings only",
        ]
    );
    assert!(problems.to_string().ends_with("(did you mean COPY?), and 3 more"));
    assert_eq!(
        problems.render()[3..6],
        ["Dockerfile:6:3: Syntax error - can't find = in \"c\". Must be of the form: name=value", "  6 |   c", "    |   ^"]
    );
    assert_eq!(problems.hint(), None, "the sentence has it already");
}

#[test]
fn bytes_that_are_no_text_are_refused_inside_instructions_only() {
    assert!(parse(&Source::from_bytes("Dockerfile", b"# caf\xe9\nFROM x\n")).is_ok());
    let problems = parse(&Source::from_bytes("Dockerfile", b"FROM x\nCOPY <<E /x\n\xff\nE\n")).unwrap_err();
    assert_eq!(problems.to_string(), "dockerfile parse error on line 3: expected UTF-8, got other bytes");
}

#[test]
fn what_a_terminal_would_obey_is_not_shown() {
    let problems = problems("FROM x\nCOP\u{1b}[31mY a\n");
    assert!(problems.render().iter().all(|line| !line.contains('\u{1b}')) && !problems.to_string().contains('\u{1b}'));
}

//! The rules of the language, one by one; the numbers are those of the builder's reference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use dockerfile::{
    CommandLine, Copy, CopySource, Dockerfile, Environment, Globals, Healthcheck, Instruction, Location, Pairs, Problems, ResolvedMount,
    Rules, Run, Script, Sharing, Source, StageScope, SyntaxConcern, Unset, automatic_arguments, expand, parse, parse_trigger,
};
use fault::Fault;
use oci::Platform;

fn read(text: &str) -> Dockerfile {
    parse(&Source::new("Dockerfile", text)).unwrap_or_else(|problems| panic!("{text}: {problems}"))
}

fn problems(text: &str) -> Problems {
    parse(&Source::new("Dockerfile", text)).expect_err(text)
}

/// The problem of one instruction behind a FROM, without its line.
fn refused(instruction: &str) -> String {
    let problems = problems(&format!("FROM x\n{instruction}\n"));
    assert_eq!(problems.count(), 1, "{problems}");
    problems.to_string().trim_start_matches("dockerfile parse error on line 2: ").to_owned()
}

/// The one instruction behind a FROM.
fn one(instruction: &str) -> Instruction {
    let mut file = read(&format!("FROM x\n{instruction}\n"));
    assert_eq!(file.stages[0].statements.len(), 1, "{instruction}");
    file.stages.remove(0).statements.remove(0).instruction
}

fn run(instruction: &str) -> Run {
    let Instruction::Run(run) = one(instruction) else { panic!("{instruction}") };
    run
}

fn copy(instruction: &str) -> Copy {
    let Instruction::Copy(copy) = one(instruction) else { panic!("{instruction}") };
    copy
}

fn shell_text(instruction: &str) -> String {
    let Script::Shell(text) = run(instruction).script(false) else { panic!("{instruction}") };
    text
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

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
fn item_18_what_is_never_expanded_stays_as_it_is() {
    assert_eq!(shell_text("RUN echo \"$A\" '\\b'"), "echo \"$A\" '\\b'");
    assert!(refused("COPY --from=$A a b").starts_with("variable expansion is not supported for --from"));
    assert!(refused("RUN --mount=from=${A},target=/x true").contains("'from' doesn't support variable expansion"));
}

#[test]
fn item_19_20_21_expansion() {
    let environment = variables(&[("A", "foo.tar.gz"), ("B", ""), ("p", "a*b"), ("s", "x y"), ("é", "accent"), ("l", "one/two/three")]);
    for (text, expected) in [
        // The measured table.
        ("${A%.*}", "foo.tar"),
        ("${A%%.*}", "foo"),
        ("${A#*.}", "tar.gz"),
        ("${A##*.}", "gz"),
        ("${A/o/0}", "f0o.tar.gz"),
        ("${A//o/0}", "f00.tar.gz"),
        ("${B:-x}", "x"),
        ("${B-y}", ""),
        ("${B:+z}", ""),
        ("${B+w}", "w"),
        ("$$A", "A"),
        ("\\$A", "$A"),
        ("'$A'", "$A"),
        ("\"'$A'\"", "'foo.tar.gz'"),
        ("${A}x", "foo.tar.gzx"),
        ("$A.x", "foo.tar.gz.x"),
        ("${Z:-${A}}", "foo.tar.gz"),
        ("\"a\\nb\"", "a\\nb"),
        ("a\\ b", "a b"),
        ("${A/./-}", "foo-tar.gz"),
        ("${A//[o]/x}", "foo.tar.gz"),
        // Names.
        ("$1A", "A"),
        ("$10", ""),
        ("${1}", ""),
        ("$@$*$#$?$-$!$0", ""),
        ("$é", "accent"),
        ("$A_", ""),
        ("$", "$"),
        ("$ x", "$ x"),
        ("${Z}", ""),
        // Choices.
        ("${A:+yes}${A+yes}", "yesyes"),
        ("${Z:+yes}${Z+yes}", ""),
        ("${A:?m}${A?m}", "foo.tar.gzfoo.tar.gz"),
        ("${B?m}", ""),
        ("${Z:-'$A'}", "$A"),
        ("${Z:-\"a b\"}", "a b"),
        ("${Z:-\\}}", "}"),
        // Patterns.
        ("${p/\\*/-}", "a-b"),
        ("${p#a\\*}", "b"),
        ("${l/\\//-}", "one-two/three"),
        ("${l//\\//-}", "one-two-three"),
        ("${l%/*}", "one/two"),
        ("${l##*/}", "three"),
        ("${l/t?o/2}", "one/2/three"),
        ("${Z//a/b}", ""),
        ("${Z#a}", ""),
        // Quotes and escapes.
        ("\"\\$A \\\" \\\\ \\x\"", "$A \" \\ \\x"),
        ("a'b'\"c\"d", "abcd"),
        ("\\a\\'", "a'"),
        ("end\\", "end"),
    ] {
        let expansion = expand(text, &environment, Rules::word('\\')).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expansion.text, expected, "{text}");
    }
    for (text, expected) in [
        ("${}", "failed to process \"${}\": syntax error: bad substitution"),
        ("${:}", "failed to process \"${:}\": syntax error: bad substitution"),
        ("${{A}}", "failed to process \"${{A}}\": syntax error: bad substitution"),
        ("${A:#x}", "failed to process \"${A:#x}\": unsupported modifier (:#) in substitution"),
        ("${A:%x}", "failed to process \"${A:%x}\": unsupported modifier (:%) in substitution"),
        ("${A^}", "failed to process \"${A^}\": unsupported modifier (^) in substitution"),
        ("${x", "failed to process \"${x\": unsupported modifier (\u{fffd}) in substitution"),
        ("${", "failed to process \"${\": syntax error: missing '}'"),
        ("${A:-x", "failed to process \"${A:-x\": syntax error: missing '}'"),
        ("${A/x}", "failed to process \"${A/x}\": syntax error: missing '/' in ${}"),
        ("${A/x/y", "failed to process \"${A/x/y\": syntax error: missing '}'"),
        ("${Z:?msg}", "failed to process \"${Z:?msg}\": Z: msg"),
        ("${Z?}", "failed to process \"${Z?}\": Z: is not allowed to be unset"),
        ("${B:?}", "failed to process \"${B:?}\": B: is not allowed to be empty"),
        ("${A#\\x}", "failed to process \"${A#\\\\x}\": invalid pattern (\\x) in substitution: invalid escape '\\x'"),
        ("it's", "failed to process \"it's\": unexpected end of statement while looking for matching single-quote"),
        ("a\"b", "failed to process \"a\\\"b\": unexpected end of statement while looking for matching double-quote"),
    ] {
        assert_eq!(expand(text, &environment, Rules::word('\\')).unwrap_err().to_string(), expected);
    }
    let display = |text| expand(text, &environment, Rules::display('\\')).unwrap().text;
    assert_eq!(display("$Z ${Z} ${Z:-x} ${Z//a/b} $A"), "$Z ${Z} ${Z:-x} ${Z//a/b} foo.tar.gz");
    assert_eq!(expand("`$A", &environment, Rules::word('`')).unwrap().text, "$A");
    let words = expand("$s 'a b' c\\ d ${Z}", &environment, Rules::word('\\')).unwrap();
    assert_eq!(words.words, ["x", "y", "a b", "c d"]);
    assert!(words.used.contains("s") && words.unset.contains("Z"));
    assert_eq!(Rules::display('\\').unset, Unset::Keep);
}

#[test]
fn item_19_nesting_and_length_are_bounded() {
    let nested = |depth: usize| "${a:-".repeat(depth) + &"}".repeat(depth);
    assert!(expand(&nested(100), &(), Rules::word('\\')).is_ok());
    assert!(expand(&nested(100_000), &(), Rules::word('\\')).unwrap_err().to_string().contains("inside one another"));
    let large = variables(&[("A", &"x".repeat(1 << 20))]);
    assert!(expand(&"$A".repeat(100), &large, Rules::word('\\')).unwrap_err().to_string().contains("more than 16 MiB"));
    assert!(expand(&"\"$A\"".repeat(100), &large, Rules::word('\\')).is_err());
}

fn scope_of(text: &str, given: &[(&str, &str)]) -> (StageScope, Globals) {
    let file = read(text);
    let platform = Platform::new("linux", "amd64", None);
    let mut globals = Globals::new(automatic_arguments(&platform, &platform, None), variables(given));
    for statement in &file.globals {
        let Instruction::Arg(declarations) = &statement.instruction else { panic!() };
        globals.declare(declarations, '\\').unwrap();
    }
    let mut scope = StageScope::new([("PATH".to_owned(), "/bin".to_owned())]);
    for statement in file.stages.iter().flat_map(|stage| &stage.statements) {
        scope.apply(&statement.instruction, &globals, '\\').unwrap();
    }
    (scope, globals)
}

#[test]
fn item_22_one_instruction_sees_one_environment() {
    let (scope, _) = scope_of("FROM x\nENV abc=hello\nENV abc=bye def=$abc\nARG a=1 b=$a\n", &[]);
    assert_eq!(scope.value("def").unwrap(), "hello");
    assert_eq!(scope.value("b").unwrap(), "1", "ARG is taken name by name");
    let (_, globals) = scope_of("ARG a=1 b=$a\nFROM x\n", &[]);
    assert_eq!(globals.value("b").unwrap(), "1");
}

#[test]
fn item_23_names_and_values() {
    let Instruction::Env(Pairs { pairs, legacy }) = one("ENV a=\"b c\" d='e f' g=h\\ i j=") else { panic!() };
    assert!(!legacy);
    assert_eq!(pairs.iter().map(|(name, value)| format!("{name}|{value}")).collect::<Vec<_>>(), ["a|\"b c\"", "d|'e f'", "g|h\\ i", "j|"]);
    let Instruction::Env(Pairs { pairs, legacy }) = one("ENV a b c   d") else { panic!() };
    assert!(legacy && pairs[0].0.text == "a" && pairs[0].1.text == "b c   d");
    assert_eq!(refused("ENV A"), "ENV must have two arguments");
    assert_eq!(refused("ENV"), "ENV requires at least one argument");
    assert_eq!(refused("LABEL a=b c"), "Syntax error - can't find = in \"c\". Must be of the form: name=value");
    assert_eq!(refused("ENV =x"), "ENV names can not be blank");
    assert_eq!(refused("ARG"), "ARG requires at least one argument");
}

#[test]
fn item_24_global_arguments() {
    let (scope, globals) = scope_of("ARG G=gv\nFROM x\nENV before=[$G]\nARG G\n", &[]);
    assert_eq!((scope.value("before").unwrap(), scope.value("G").unwrap()), ("[]".into(), "gv".into()));
    assert_eq!(globals.value("G").unwrap(), "gv");
    let (scope, _) = scope_of("ARG G=gv\nFROM x\nARG G=stage\n", &[("G", "cli")]);
    assert_eq!(scope.value("G").unwrap(), "cli");
    let (scope, _) = scope_of("ARG G=gv\nFROM x\nARG G=stage\n", &[]);
    assert_eq!(scope.value("G").unwrap(), "stage");
}

#[test]
fn item_25_automatic_arguments() {
    let arguments = |target: &str| automatic_arguments(&Platform::new("linux", "amd64", None), &target.parse().unwrap(), Some("final"));
    for (target, expected) in [
        ("linux/amd64", "linux/amd64 amd64 '' x86_64 amd64 x86_64-unknown-linux-gnu x86_64-linux-gnu"),
        ("linux/arm64/v8", "linux/arm64 arm64 '' aarch64 arm64 aarch64-unknown-linux-gnu aarch64-linux-gnu"),
        ("linux/arm/v7", "linux/arm/v7 arm 'v7' armv7l armhf armv7-unknown-linux-gnueabihf arm-linux-gnueabihf"),
        ("linux/arm/v6", "linux/arm/v6 arm 'v6' armv6l armel arm-unknown-linux-gnueabi arm-linux-gnueabi"),
        ("linux/arm/v5", "linux/arm/v5 arm 'v5' armv5tel armel armv5te-unknown-linux-gnueabi arm-linux-gnueabi"),
        ("linux/386", "linux/386 386 '' i686 i386 i686-unknown-linux-gnu i686-linux-gnu"),
        ("linux/ppc64le", "linux/ppc64le ppc64le '' ppc64le ppc64el powerpc64le-unknown-linux-gnu powerpc64le-linux-gnu"),
        ("linux/s390x", "linux/s390x s390x '' s390x s390x s390x-unknown-linux-gnu s390x-linux-gnu"),
        ("linux/riscv64", "linux/riscv64 riscv64 '' riscv64 riscv64 riscv64gc-unknown-linux-gnu riscv64-linux-gnu"),
        ("linux/loong64", "linux/loong64 loong64 '' loongarch64 loong64 loongarch64-unknown-linux-gnu loongarch64-linux-gnu"),
        ("linux/mips64le", "linux/mips64le mips64le '' mips64 mips64el mips64el-unknown-linux-gnuabi64 mips64el-linux-gnuabi64"),
        ("windows/amd64", "windows/amd64 amd64 '' x86_64  x86_64-pc-windows-gnu x86_64-w64-mingw32"),
        ("darwin/arm64", "darwin/arm64 arm64 '' arm64  aarch64-apple-darwin aarch64-apple-darwin"),
    ] {
        let arguments = arguments(target);
        let of = |name: &str| arguments.value(&format!("TARGET{name}")).unwrap().into_owned();
        let variant = format!("'{}'", of("VARIANT"));
        let names = [of("PLATFORM"), of("ARCH"), variant, of("UNAME"), of("DEBARCH"), of("RUST"), of("GNU")];
        assert_eq!(names.join(" "), expected);
        assert_eq!((of("STAGE"), of("OSVERSION")), ("final".to_owned(), String::new()));
    }
    let (scope, globals) = scope_of("FROM x\nARG TARGETARCH\n", &[("TARGETARCH", "mine")]);
    assert_eq!((scope.value("TARGETARCH").unwrap(), globals.value("TARGETARCH").unwrap()), ("mine".into(), "mine".into()));
    assert!(!scope.is_set("TARGETOS"), "a stage must ask for it");
}

#[test]
fn item_26_arguments_without_a_value() {
    let (scope, _) = scope_of("FROM x\nARG N\nARG M=\n", &[]);
    assert!(!scope.is_set("N") && scope.is_set("M"));
    assert_eq!(scope.expand(&dockerfile::Word::new("${N-unset}${M-unset}", dockerfile::Span::default()), '\\').unwrap().text, "unset");
}

#[test]
fn item_27_the_last_writer_wins() {
    let (scope, _) = scope_of("FROM x\nENV G=env\nARG G=again\n", &[]);
    assert_eq!(scope.value("G").unwrap(), "again");
    assert!(scope.image_environment().contains(&("G".to_owned(), "env".to_owned())));
    let (scope, _) = scope_of("FROM x\nARG G=arg\nENV G=env\n", &[]);
    assert_eq!(scope.value("G").unwrap(), "env");
    let child = scope.clone();
    assert_eq!(child.run_prefix(), ["|1", "G=env"], "a child has the arguments of its parent");
}

#[test]
fn item_28_the_prefix_of_a_command() {
    let (scope, _) = scope_of("FROM x\nARG b=1 a=2\nARG b=3\nARG N\n", &[]);
    assert_eq!(scope.run_prefix(), ["|3", "b=3", "a=2", "N="]);
    let (scope, _) = scope_of("FROM x\n", &[]);
    assert!(scope.run_prefix().is_empty());
}

#[test]
fn item_30_some_arguments_are_never_set() {
    let (scope, _) = scope_of("FROM x\nARG BUILDKIT_SBOM_SCAN_STAGE=true\n", &[]);
    assert!(!scope.is_set("BUILDKIT_SBOM_SCAN_STAGE"));
}

#[test]
fn item_31_from() {
    let file = read("FROM --platform=$BUILDPLATFORM alpine:3 as Build-1\n");
    let stage = &file.stages[0];
    assert_eq!((stage.base.text.as_str(), stage.name().as_deref()), ("alpine:3", Some("build-1")));
    assert_eq!(stage.platform.as_ref().unwrap().text, "$BUILDPLATFORM");
    assert!(problems("FROM a b\n").to_string().ends_with("FROM requires either one or three arguments"));
    assert!(problems("FROM a as 1x\n").to_string().contains("invalid name for build stage: \"1x\", name can't start with a number"));
}

#[test]
fn item_39_mounts() {
    let resolved = |flag: &str| run(&format!("RUN --mount={flag} true")).mounts[0].resolve(&variables(&[("V", "/v")]), Rules::word('\\'));
    let ResolvedMount::Bind { from, source, target, read_only } = resolved("from=s,SRC=/z,dst=$V").unwrap() else { panic!() };
    assert_eq!((from.as_deref(), source.as_str(), target.as_str(), read_only), (Some("s"), "/z", "/v", true));
    assert!(matches!(resolved("target=/m,rw").unwrap(), ResolvedMount::Bind { read_only: false, .. }));
    let ResolvedMount::Cache(cache) = resolved("type=cache,target=c,mode=0700,uid=5,sharing=locked,id=x").unwrap() else { panic!() };
    assert_eq!((cache.mode, cache.uid, cache.sharing, cache.id.as_deref()), (Some(0o700), Some(5), Sharing::Locked, Some("x")));
    assert!(!cache.read_only);
    assert!(matches!(resolved("type=tmpfs,dst=/t,size=1.5m").unwrap(), ResolvedMount::Tmpfs { size: Some(1_572_864), .. }));
    for (flag, expected) in [
        ("target=/", "invalid mount target \"/\""),
        ("z=1,target=/x", "unexpected key 'z' in 'z=1' (did you mean id?)"),
        ("tmpcopyup,target=/x", "invalid field 'tmpcopyup' must be a key=value pair"),
        ("type=bnd,target=/x", "unsupported mount type \"bnd\" (did you mean bind?)"),
        ("type=cache,target=/x,sharing=lockd", "unsupported sharing value \"lockd\" (did you mean locked?)"),
        ("required,type=secret,id=x", "unexpected key 'required' for mount type 'bind'"),
        ("target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
        ("target=/x,uid=1", "uid not allowed for \"bind\" type mounts"),
        ("type=cache,target=/x,uid=x", "invalid value x for uid"),
        ("target=/x,ro=perhaps", "invalid value for ro: perhaps"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,src=b", "both source and id can't be set"),
        ("target=/x,sharing=shared", "invalid cache sharing set for bind mount"),
    ] {
        assert_eq!(refused(&format!("RUN --mount={flag} true")), expected, "{flag}");
    }
}

#[test]
fn item_42_secrets_and_agents() {
    let secret = |flag: &str| match run(&format!("RUN --mount=type=secret,{flag} true")).mounts[0].resolve(&(), Rules::word('\\')).unwrap()
    {
        ResolvedMount::Secret(secret) => secret,
        other => panic!("{other:?}"),
    };
    let plain = secret("id=a/foo");
    assert_eq!((plain.target.as_deref(), plain.mode, plain.uid, plain.required), (Some("/run/secrets/foo"), 0o400, 0, false));
    assert_eq!(secret("target=/k/x,required").id, "x");
    let variable = secret("id=s,env=SEC");
    assert_eq!((variable.target, variable.env.as_deref()), (None, Some("SEC")));
    assert_eq!(secret("id=s,env=SEC,target=/k").target.as_deref(), Some("/k"));
    let agent = run("RUN --mount=type=ssh true").mounts[0].resolve(&(), Rules::word('\\')).unwrap();
    assert!(matches!(agent, ResolvedMount::Ssh(agent) if agent.id == "default" && agent.mode == 0o600 && agent.target.is_none()));
}

#[test]
fn item_44_network_security_and_device() {
    let written = run("RUN --network=none --security=insecure true");
    assert_eq!((written.network, written.security), (dockerfile::Network::None, dockerfile::Security::Insecure));
    assert_eq!(refused("RUN --network=hots true"), "unsupported network mode \"hots\" (did you mean host?)");
    assert_eq!(refused("RUN --device=vendor.com/x true"), "device feature is only supported in Dockerfile frontend 1.14.0-labs or later");
}

#[test]
fn item_45_46_flags_and_sources_of_copy() {
    let Instruction::Add(add) = one("ADD --keep-git-dir --checksum=sha256:0 --unpack=false --link --chmod=755 --exclude=x https://a/b /c")
    else {
        panic!()
    };
    assert_eq!((add.keep_git_dir, add.unpack, add.link), (Some(true), Some(false), true));
    assert_eq!(copy("COPY [\"\", \"/x\"]").sources.len(), 1);
    assert_eq!(refused("COPY a"), "COPY requires at least two arguments, but only one was provided. Destination could not be determined");
    assert!(refused("COPY").starts_with("COPY requires at least two arguments"));
}

#[test]
fn item_53_chmod_is_checked_at_once() {
    assert_eq!(refused("COPY --chmod=99 a b"), "invalid chmod parameter: '99'. it should be octal string and between 0 and 07777");
    assert_eq!(copy("COPY --chmod=$M a b").chmod.unwrap().text, "$M");
}

#[test]
fn item_58_59_checksums_and_urls() {
    assert_eq!(refused("ADD --checksum=sha256:00 a b"), "checksum requires HTTP(S) or Git sources");
    assert_eq!(refused("COPY https://a/b c"), "source can't be a URL for COPY");
    for (source, expected) in
        [("git@a:b", Location::Git), ("https://a/b.git?ref=x", Location::Git), ("http://a/b", Location::Http), ("a/b", Location::Context)]
    {
        assert_eq!(Location::of(source), expected, "{source}");
    }
}

#[test]
fn item_61_62_single_words() {
    let Instruction::Workdir(path) = one("WORKDIR  /a b  ") else { panic!() };
    assert_eq!(path.text, "/a b");
    assert_eq!(refused("USER"), "USER requires exactly one argument");
}

#[test]
fn item_67_healthcheck() {
    let Instruction::Healthcheck(check) = one("HEALTHCHECK --interval=1m30s --retries=3 cmd [\"a\"]") else { panic!() };
    assert!(matches!(check, Healthcheck::Command { interval: 90_000_000_000, retries: 3, command: CommandLine::Exec(_), .. }));
    assert_eq!(one("HEALTHCHECK NONE"), Instruction::Healthcheck(Healthcheck::None));
    for (instruction, expected) in [
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK RUN x", "Unknown type \"RUN\" in HEALTHCHECK (try CMD)"),
        ("HEALTHCHECK --timeout=1us CMD x", "Interval \"timeout\" cannot be less than 1ms"),
        ("HEALTHCHECK --timeout=5 CMD x", "time: missing unit in duration \"5\""),
        ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
    ] {
        assert_eq!(refused(instruction), expected);
    }
    assert!(refused("HEALTHCHECK --retries=-1 CMD x").starts_with("--retries must be"));
}

#[test]
fn item_68_shell_signal_and_volume() {
    assert_eq!(refused("STOPSIGNAL foo"), "invalid signal: foo");
    assert_eq!(refused("STOPSIGNAL SIGTREM"), "invalid signal: SIGTREM (did you mean SIGTERM?)");
    for signal in ["SIGTERM", "term", "9", "SIGRTMIN+3", "$S"] {
        one(&format!("STOPSIGNAL {signal}"));
    }
    assert_eq!(refused("SHELL sh -c"), "SHELL requires the arguments to be in JSON form");
    assert_eq!(refused("SHELL []"), "SHELL requires at least one argument");
    assert_eq!(refused("VOLUME [\" \"]"), "VOLUME specified can not be an empty string");
}

#[test]
fn item_69_triggers() {
    let Instruction::Onbuild(text) = one("ONBUILD RUN <<EOF\necho ob\nEOF") else { panic!() };
    assert_eq!(text.text, "RUN <<EOF\necho ob\nEOF");
    let Instruction::Run(run) = parse_trigger(&text.text).unwrap().instruction else { panic!() };
    assert_eq!(run.heredocs[0].content, "echo ob\n");
    assert_eq!(refused("ONBUILD onbuild RUN x"), "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    assert_eq!(refused("ONBUILD from x"), "FROM isn't allowed as an ONBUILD trigger");
    assert!(parse_trigger("MAINTAINER x").unwrap_err().to_string().contains("MAINTAINER isn't allowed"));
    assert!(parse_trigger("RUN a\nRUN b").unwrap_err().to_string().contains("single expression"));
    assert!(parse_trigger("").is_err() && parse_trigger("COPPY a b").is_err());
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
    assert_eq!(problems.hint().unwrap().to_string(), "did you mean COPY");
}

#[test]
fn bytes_that_are_no_text_are_refused_inside_instructions_only() {
    assert!(parse(&Source::from_bytes("Dockerfile", b"# caf\xe9\nFROM x\n")).is_ok());
    let problems = parse(&Source::from_bytes("Dockerfile", b"FROM x\nCOPY <<E /x\n\xff\nE\n")).unwrap_err();
    assert_eq!(problems.to_string(), "dockerfile parse error on line 3: expected UTF-8, got other bytes");
}

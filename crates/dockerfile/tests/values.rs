//! Expansion and the scopes of variables: items 18 to 30 of the reference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use dockerfile::{Environment, Globals, Instruction, Pairs, Rules, StageScope, Unset, automatic_arguments, expand};
use oci::Platform;
use support::{one, refused, scope_of, shell_text, variables};

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
        ("${A:-'x}", "failed to process \"${A:-'x}\": syntax error: missing '}'"),
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
fn item_29_proxies_reach_commands_without_being_declared() {
    let (scope, globals) = scope_of("FROM x\n", &[("HTTP_PROXY", "http://p"), ("no_proxy", "local"), ("OTHER", "x")]);
    let pairs: Vec<String> = globals.proxies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(pairs, ["HTTP_PROXY=http://p", "http_proxy=http://p", "NO_PROXY=local", "no_proxy=local"]);
    assert!(scope.run_prefix().is_empty() && !scope.is_set("HTTP_PROXY"));
}

#[test]
fn an_expansion_that_fails_is_shown_in_its_place() {
    let source = dockerfile::Source::new("Dockerfile", "FROM x\nLABEL a=b \\\n  c=${x:?unset}\n");
    let file = dockerfile::parse(&source).unwrap();
    let error = StageScope::default().apply(&file.stages[0].statements[0].instruction, &Globals::default(), '\\').unwrap_err();
    assert_eq!(error.render(&source)[1..], ["  3 |   c=${x:?unset}", "    |     ^^^^^^^^^^^"]);
    assert!(error.render(&source)[0].starts_with("Dockerfile:3:"));
}

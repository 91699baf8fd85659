//! The words of a build, as a command line.

use clap::{CommandFactory, FromArgMatches, Parser};
use fault::Fault;

use super::*;
use crate::args::Global;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Words,
}

#[derive(Debug, clap::Subcommand)]
enum Words {
    Build(Box<Build>),
    Plan(Box<Plan>),
}

fn read(words: &[&str]) -> Result<Build, clap::Error> {
    let line = Line::try_parse_from(["polyarch", "build"].into_iter().chain(words.iter().copied()))?;
    match line.verb {
        Words::Build(build) => Ok(*build),
        Words::Plan(plan) => Ok(plan.build),
    }
}

fn build(words: &[&str]) -> Build {
    read(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

fn set(text: &str) -> PlatformSet {
    text.parse().unwrap()
}

#[test]
fn the_words_fit_together() {
    Line::command().debug_assert();
}

#[test]
fn a_line_of_buildx_is_a_line_here() {
    let words = build(&[
        "--platform=linux/amd64,linux/arm64",
        "-t",
        "ghcr.io/acme/api:1",
        "-tacme/api:1",
        "--build-arg",
        "VERSION=1",
        "--label=a=b",
        "--annotation",
        "index:org.opencontainers.image.title=api",
        "--target",
        "first",
        "--target=last",
        "--no-cache-filter",
        "a,b",
        "--provenance=false",
        "--rm",
        "--iidfile",
        "iid",
        "--push",
        "-",
    ]);
    assert_eq!((words.context, words.tags.len()), (ContextWord::Stdin, 2));
    assert_eq!(words.target.as_deref(), Some("last"), "the last one counts, as in pflag");
    assert_eq!(words.no_cache_filter, ["a", "b"]);
    assert!(words.push && !words.load && !words.pull && !words.no_cache);
    assert_eq!(words.refused.check(), Ok(()));
}

#[test]
fn without_words_everything_is_usual() {
    let words = build(&[]);
    assert_eq!(words.context, ContextWord::Folder(".".into()));
    assert_eq!(words.outputs(), [Output::image(Home::Store)]);
    assert_eq!(words.files().unwrap().for_platform(&Platform::host()), FileSource::Usual);
    assert_eq!(words.platforms(&set("linux/s390x")), set("linux/s390x"));
    assert_eq!(words.compression.settle().unwrap(), layer::Compression::default());
}

#[test]
fn truth_is_said_in_gos_words_behind_an_equals_sign() {
    for (flag, truth) in [("--pull", true), ("--pull=true", true), ("--pull=0", false), ("--pull=F", false)] {
        assert_eq!(build(&[flag, "dir"]).pull, truth, "{flag}");
    }
    let words = build(&["--push=false", "--load=1", "--no-cache=TRUE", "dir"]);
    assert_eq!((words.push, words.load, words.no_cache), (false, true, true));
    assert_eq!(words.context, ContextWord::Folder("dir".into()));
    assert!(read(&["--pull=yes"]).unwrap_err().to_string().contains("expected true or false"));
}

#[test]
fn platforms_are_named_once_and_in_their_order() {
    let words = build(&["--platform", "linux/arm64, linux/amd64", "--platform=linux/aarch64,arm", "--optional", "riscv64,linux/amd64"]);
    assert_eq!(words.platforms(&set("linux/s390x")).to_string(), "linux/arm64,linux/amd64,linux/arm/v7,linux/riscv64");
    assert!(words.is_optional(&"linux/riscv64".parse().unwrap()) && words.is_optional(&"linux/amd64".parse().unwrap()));
    assert!(!words.is_optional(&"linux/arm64".parse().unwrap()));
    let words = build(&["--optional", "linux/riscv64"]);
    assert_eq!(words.platforms(&set("linux/s390x")).to_string(), "linux/s390x,linux/riscv64");
    assert_eq!(build(&["--platform", "local"]).platforms(&PlatformSet::default()).as_slice(), [Platform::host()]);
    assert!(read(&["--platform", "linux/amd64,,linux/arm64"]).is_err());
}

#[test]
fn what_no_platform_uses_is_listed() {
    let words = build(&[
        "-f=Dockerfile",
        "-f=linux/arm64=Dockerfile.arm",
        "--build-arg=linux/arm/v7=A=1",
        "--build-arg=windows/amd64=B=1",
        "--build-context=linux/s390x=base=dir",
    ]);
    assert_eq!(words.unused(&set("linux/arm64,windows(ltsc2022)/amd64")), ["--build-arg linux/arm/v7=", "--build-context linux/s390x="]);
}

#[test]
fn outputs_may_begin_with_a_dash_and_be_many() {
    let words = build(&["-o", "-", "-o", "type=oci,dest=a.tar", "--output=dist", "--load"]);
    let outputs = words.outputs();
    assert_eq!(outputs.len(), 4);
    assert!(outputs[0].is_stdout() && !outputs[1].is_stdout());
    assert_eq!(outputs[3], Output::loaded());
}

#[test]
fn levels_may_be_negative_to_be_refused() {
    let words = build(&["--compression=zstd", "--compression-level=-3"]);
    assert_eq!(words.compression.settle().unwrap_err().to_string(), "bad level -3 of zstd: expected 1 to 19");
}

#[test]
fn words_that_make_no_sense_together_are_refused() {
    for (words, said) in [
        (&["--device", "a"][..], "--device is not there"),
        (&["-f", "a", "-f", "b"], "two files for every platform"),
        (&["-f", "-", "-"], "two things on the standard input"),
        (&["-f", "arm64=-", "-f", "amd64=-"], "two things on the standard input"),
        (&["-o", "-", "-o", "type=oci"], "two outputs to the standard output"),
        (&["--compression-level=13"], "bad level 13 of gzip"),
        (&["--compression=none", "-o", "type=oci,dest=a,compression-level=3"], "bad compression level 3"),
        (&["--push"], "nothing says where to push to"),
        (&["-o", "type=registry"], "nothing says where to push to"),
    ] {
        let failure = build(words).check().unwrap_err();
        assert!(failure.to_string().contains(said), "{words:?}: {failure}");
        assert_eq!(failure.fault().kind(), fault::Kind::Usage);
    }
    for words in [
        &["-"][..],
        &["-f", "-"],
        &["--push", "-t", "a/b"],
        &["-o", "type=registry,name=a/b"],
        &["--compression-level=19", "--compression=zstd", "-o", "type=oci,compression=gzip"],
        &["-o", "-", "-o", "dist"],
    ] {
        assert!(build(words).check().is_ok(), "{words:?}");
    }
}

#[test]
fn a_tag_counts_over_the_names_of_an_output() {
    let names = |words: &[&str]| -> Vec<String> {
        let build = build(words);
        build.names(&build.outputs()[0]).iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&["-o", "type=image,name=a/b:1"]), ["a/b:1"]);
    assert_eq!(names(&["-o", "type=image,name=a/b:1", "-t", "c/d:2"]), ["c/d:2"]);
    assert!(names(&["-o", "dist"]).is_empty());
}

#[test]
fn a_flag_that_is_not_there_is_refused_with_what_to_do() {
    let refused = build(&["--cache-from", "type=gha", "--isolation", "process", "."]).refused.check().unwrap_err();
    assert_eq!(refused.to_string(), "--isolation is not there: kinds of isolation are for containers of Windows");
    assert_eq!(refused.hint().unwrap().to_string(), "leave it out, or say default");
}

#[test]
fn what_a_run_sees_is_said_in_buildxs_words() {
    let words = build(&[
        "--secret=id=token,env=TOKEN",
        "--secret",
        "id=npmrc,src=.npmrc",
        "--ssh",
        "default",
        "--network=none",
        "--network",
        "host",
        "--allow=network.host,security.insecure",
        "--add-host",
        "api:10.0.0.1",
        "--ulimit=nofile=1024",
        "--shm-size",
        "128m",
        "dir",
    ])
    .run;
    assert_eq!(words.secrets.iter().map(|secret| secret.id.as_str()).collect::<Vec<_>>(), ["token", "npmrc"]);
    assert_eq!((words.agents.len(), words.hosts.len(), words.limits.len()), (1, 1, 1));
    assert_eq!((words.network, words.shared_memory.map(|size| size.0)), (NetworkWord::Host, Some(128 << 20)));
    assert_eq!(words.allow, [Right::HostNetwork, Right::Insecure]);
    assert_eq!(build(&[]).run.network, NetworkWord::Default);
}

#[test]
fn plan_has_the_words_and_a_help_of_its_own() {
    let line = Line::try_parse_from(["polyarch", "plan", "--platform", "linux/arm64", "dir"]).unwrap();
    assert!(matches!(line.verb, Words::Plan(plan) if plan.build.context == ContextWord::Folder("dir".into())));
    let mut command = Line::command();
    let mut help = |verb: &str| command.find_subcommand_mut(verb).unwrap().render_long_help().to_string();
    assert!(help("plan").contains("polyarch plan --platform") && !help("plan").contains("polyarch build --platform"));
    assert!(help("plan").starts_with("Show bases"), "{}", help("plan"));
    assert!(help("build").contains("polyarch build --platform") && !help("build").contains("--isolation"));
}

#[test]
fn the_flags_can_be_read_from_matches() {
    let matches = Line::command().get_matches_from(["polyarch", "build", "-f", "-", "."]);
    let line = Line::from_arg_matches(&matches).unwrap();
    assert!(!line.global.quiet);
}

//! The instructions, one by one: items 31 to 72 of the reference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use dockerfile::{
    CommandLine, Healthcheck, Instruction, Location, ResolvedMount, Rules, Sharing, Span, Word, expose, history, parse_trigger,
};
use fault::Fault;
use support::{copy, one, problems, read, refused, run, scope_of, variables};

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
fn item_52_a_name_has_a_suggestion() {
    assert_eq!(dockerfile::nearest_name("nginz", ["root", "nginx"]), Some("nginx"));
}

#[test]
fn item_63_variables_keep_their_order() {
    let (scope, _) = scope_of("FROM x\nENV b=1 a=1\nENV b=2\n", &[]);
    let names: Vec<String> = scope.image_environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(names, ["PATH=/bin", "b=2", "a=1"]);
}

#[test]
fn item_65_ports() {
    let words = |text: &str| text.split(' ').map(|word| Word::new(word, Span::default())).collect::<Vec<_>>();
    let exposed = |text: &str| expose(&words(text), &variables(&[("P", "1 2/udp")]), Rules::word('\\'));
    let all = exposed("90/UDP 127.0.0.1:5:6 80-82 $P").unwrap();
    assert_eq!(all.ports, ["1/tcp", "2/udp", "6/tcp", "80/tcp", "81/tcp", "82/tcp", "90/udp"]);
    assert_eq!((all.mappings, all.casing), (vec!["127.0.0.1:5:6".to_owned()], vec!["90/UDP".to_owned()]));
    for (text, expected) in [
        ("80x", "invalid containerPort: 80x"),
        ("9-8", "invalid containerPort: 9-8"),
        ("70000", "invalid containerPort: 70000"),
        ("80/tpc", "invalid proto: tpc"),
    ] {
        assert_eq!(exposed(text).unwrap_err().to_string(), expected);
    }
    assert!(exposed("${").unwrap_err().hint().is_some());
}

#[test]
fn item_71_history() {
    let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    assert_eq!(history::arg(&[pair("a", Some("1")), pair("N", None)]), "ARG a=1 N");
    assert_eq!(history::cmd(&["a b".to_owned(), "\"".to_owned()]), "CMD [\"a b\" \"\\\"\"]");
    assert_eq!(history::entrypoint(&[]), "ENTRYPOINT []");
    let copied =
        history::Copied { add: true, parents: true, chown: Some("1"), sources: &["a".to_owned()], destination: "/b", ..Default::default() };
    assert_eq!(history::copy(&copied), "ADD --parents --chown=1 a /b # buildkit");
    assert_eq!(
        history::healthcheck(&Healthcheck::None),
        "HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}"
    );
}

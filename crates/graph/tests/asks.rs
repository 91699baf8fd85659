//! What a build asks of whoever starts it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{Source, parse};
use graph::{Asks, Wanted, asks, outline};
use oci::Platform;

fn asked(text: &str, stage: Option<&str>, given: &[(&str, &str)]) -> Asks {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let platform = Platform::new("linux", "amd64", None);
    let arguments: BTreeMap<String, String> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let wanted = Wanted { build: &platform, target: &platform, stage, also: BTreeSet::new(), arguments, contexts: BTreeSet::new() };
    asks(&file, &outline(&file, &wanted).unwrap())
}

fn arguments(asks: &Asks) -> Vec<String> {
    asks.arguments.iter().map(|argument| format!("{}: {}={}", argument.lines.0, argument.name, argument.value)).collect()
}

#[test]
fn arguments_that_count_are_listed_in_the_order_of_the_file() {
    let text = "ARG UNUSED=1\nARG BASE=1\n# TAG which one\nARG TAG=$BASE.2\nARG SHARED=s\nFROM x:$TAG AS a\nARG SHARED\nARG OWN=$SHARED-o OTHER\n\
                ARG TARGETARCH\nFROM scratch AS b\nARG ELSEWHERE=e\nFROM a\nARG OWN=again\n";
    let all = asked(text, None, &[]);
    assert_eq!(arguments(&all), ["2: BASE=1", "4: TAG=1.2", "5: SHARED=s", "8: OWN=s-o", "8: OTHER="]);
    assert_eq!(all.arguments.get(1).unwrap().description.as_deref(), Some("which one"));
    assert_eq!(arguments(&asked(text, Some("b"), &[])), ["11: ELSEWHERE=e"]);
    let given = asked(text, Some("a"), &[("TAG", "9"), ("OTHER", "o"), ("TARGETARCH", "arm64")]);
    assert_eq!(arguments(&given), ["2: BASE=1", "4: TAG=9", "5: SHARED=s", "8: OWN=s-o", "8: OTHER=o", "9: TARGETARCH=arm64"]);
}

#[test]
fn secrets_and_agents_are_required_where_one_command_needs_them() {
    let text = "FROM x\nARG WHO=me\nRUN --mount=type=secret,id=token true\nRUN --mount=type=secret,id=token,required=true --mount=type=ssh true\n\
                RUN --mount=type=secret,target=/run/npmrc --mount=type=ssh,id=$WHO,required --mount=type=cache,target=/c true\n";
    let asks = asked(text, None, &[]);
    let keys =
        |keys: &[graph::AskedKey]| keys.iter().map(|key| format!("{}: {} {}", key.lines.0, key.id, key.required)).collect::<Vec<_>>();
    assert_eq!(keys(&asks.secrets), ["3: token true", "5: npmrc false"]);
    assert_eq!(keys(&asks.agents), ["4: default false", "5: me true"]);
}

//! The build checks that the small cases do not show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use dockerfile::{PatternList, Source, automatic_arguments, lint, parse};
use oci::Platform;

fn warnings(text: &str) -> Vec<String> {
    warnings_for("linux", text)
}

fn warnings_for(system: &str, text: &str) -> Vec<String> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let platform = Platform::new(system, "amd64", None);
    let automatic = automatic_arguments(&platform, &platform, None);
    let ignore = PatternList::read("secret*\n").unwrap();
    let options = &file.directives.check;
    let mut warnings = lint::check(&file, options);
    let unknown = |_| lint::StageBase::default();
    warnings.extend(lint::check_scopes(&file, &automatic, &BTreeMap::new(), &unknown, Some(&ignore), options));
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn item_78_rules() {
    for (text, expected) in [
        ("FROM x as a\n", "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"),
        ("FROM x AS a\nFROM y AS A\n", "StageNameCasing: Stage name 'A' should be lowercase (line 2)"),
        ("FROM x AS a\nFROM y AS a\n", "DuplicateStageName: Duplicate stage name \"a\", stage names should be unique (line 2)"),
        ("FROM x AS scratch\n", "ReservedStageName: Stage name should not use the same name as reserved stage \"scratch\" (line 1)"),
        (
            "FROM x\nCMD [\"a\"]\nCMD [\"b\"]\n",
            "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used (line 2)",
        ),
        (
            "FROM x\nENV MY_TOKEN=1\n",
            "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"MY_TOKEN\") (line 2)",
        ),
        ("ARG TAGS=1\nFROM x:$TAG\n", "UndefinedArgInFrom: FROM argument 'TAG' is not declared (did you mean TAGS?) (line 2)"),
        (
            "FROM --platform=$TARGETPLATFORM x\n",
            "RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior (line 1)",
        ),
        (
            "FROM --platform=linux/amd64 x\n",
            "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\" (line 1)",
        ),
        ("ARG I\nFROM $I\n", "InvalidDefaultArgInFrom: Default value for ARG $I results in empty or invalid base image name (line 2)"),
        (
            "FROM x\nCOPY ./secret.txt /\n",
            "CopyIgnoredFile: Attempting to Copy file \"./secret.txt\" that is excluded by .dockerignore (line 2)",
        ),
        ("FROM scratch\nCOPY $a /\n", "UndefinedVar: Usage of undefined variable '$a' (line 2)"),
        ("FROM x\nRUN a \\\n\n b\n", "NoEmptyContinuation: Empty continuation line (line 4)"),
    ] {
        assert!(warnings(text).contains(&expected.to_owned()), "{text}: {:?}", warnings(text));
    }
    for quiet in [
        "FROM x\nENV PUBLIC_KEY=1 TOKEN_FILE=x MONKEY=1\n",
        "FROM --platform=linux/amd64 x AS build-amd64\n",
        "FROM x\nCOPY $a /\n",
        "FROM x\nARG a\nWORKDIR /$a\n",
        "ARG I=alpine\nFROM $I\n",
        "FROM x AS s\nSHELL [\"a\"]\nFROM s\nCMD b\n",
        "FROM x\nCOPY --from=y secret.txt /\n",
    ] {
        assert!(warnings(quiet).is_empty(), "{quiet}: {:?}", warnings(quiet));
    }
}

#[test]
fn item_6_78_rules_are_skipped_by_name() {
    assert!(warnings("# check=skip=MaintainerDeprecated\nFROM x\nMAINTAINER a\n").is_empty());
    assert!(warnings("# check=skip=all\nFROM x as A\nMAINTAINER a\n").is_empty());
    assert_eq!(warnings("FROM x\n# check=skip=MaintainerDeprecated\nMAINTAINER a\nMAINTAINER b\n").len(), 1);
}

#[test]
fn every_rule_has_a_page() {
    let file = parse(&Source::new("Dockerfile", "FROM x\nCMD a\n")).unwrap();
    let warnings = lint::check(&file, &file.directives.check);
    assert_eq!(warnings[0].url(), "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
}

#[test]
fn item_90_a_folder_of_windows_is_no_relative_one() {
    for path in ["C:\\app", "\\\\app", "c:/app"] {
        let text = format!("FROM scratch\nWORKDIR {path}\n");
        assert_eq!(warnings_for("windows", &text), [""; 0], "{path}");
        assert_eq!(warnings_for("linux", &text).len(), 1, "{path}");
    }
    assert_eq!(warnings_for("windows", "FROM scratch\nWORKDIR app\n").len(), 1);
}

//! The build checks, rule by rule: what each finds, in BuildKit's words, and what it lets pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::lint::{self, Rule, StageBase, Surroundings};
use dockerfile::{CheckOptions, PatternList, Source, automatic_arguments, parse};
use oci::Platform;

fn surroundings(system: &str, ignore: &str) -> Surroundings {
    let platform = Platform::new(system, "amd64", None);
    Surroundings {
        automatic: automatic_arguments(&platform, &platform, None),
        ignore: PatternList::read(ignore).ok(),
        ..Surroundings::default()
    }
}

fn found(text: &str, surroundings: &Surroundings) -> Vec<String> {
    let file = parse(&Source::new("Dockerfile", text)).unwrap();
    let warnings = lint::check(&file, surroundings, &file.directives.check);
    warnings.iter().map(ToString::to_string).collect()
}

fn warnings(text: &str) -> Vec<String> {
    found(text, &surroundings("linux", "secret*\n"))
}

/// A file has exactly these findings.
#[track_caller]
fn finds(text: &str, expected: &[&str]) {
    assert_eq!(warnings(text), expected, "{text}");
}

#[track_caller]
fn passes(texts: &[&str]) {
    for text in texts {
        finds(text, &[]);
    }
}

#[test]
fn item_78_stage_name_casing() {
    finds("FROM x AS Builder\n", &["StageNameCasing: Stage name 'Builder' should be lowercase (line 1)"]);
    passes(&["FROM x AS builder\n", "FROM x\n"]);
}

#[test]
fn item_78_from_as_casing() {
    finds("FROM x as a\n", &["FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"]);
    finds("from x AS a\n", &["FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)"]);
    passes(&["FROM x AS a\n", "from x as a\n"]);
    finds(
        "From x As a\n",
        &["ConsistentInstructionCasing: Command 'From' should match the case of the command majority (uppercase) (line 1)"],
    );
}

#[test]
fn item_78_no_empty_continuation() {
    finds("FROM x\nRUN a \\\n\n b\n", &["NoEmptyContinuation: Empty continuation line (line 4)"]);
    passes(&["FROM x\nRUN a \\\n # comment\n b\n"]);
}

#[test]
fn item_78_consistent_instruction_casing() {
    let said = "ConsistentInstructionCasing: Command 'run' should match the case of the command majority (uppercase) (line 2)";
    finds("FROM x\nrun a\nRUN b\n", &[said]);
    finds("FROM x\nrun a\n", &[said]);
    let said = "ConsistentInstructionCasing: Command 'FROM' should match the case of the command majority (lowercase) (line 1)";
    finds("FROM x\nrun a\nrun b\n", &[said]);
    passes(&["from x\nrun a\n", "FROM x\nRUN a\n", "arg a\nFROM x\nRUN a\n"]);
}

#[test]
fn item_78_duplicate_stage_name() {
    finds("FROM x AS a\nFROM y AS a\n", &["DuplicateStageName: Duplicate stage name \"a\", stage names should be unique (line 2)"]);
    passes(&["FROM x AS a\nFROM y AS b\n", "FROM x\nFROM y\n"]);
}

#[test]
fn item_78_reserved_stage_name() {
    for name in ["scratch", "context"] {
        let said = format!("ReservedStageName: Stage name should not use the same name as reserved stage \"{name}\" (line 1)");
        finds(&format!("FROM x AS {name}\n"), &[&said]);
    }
    passes(&["FROM scratch AS base\n"]);
}

#[test]
fn item_78_json_arguments_recommended() {
    for name in ["CMD", "ENTRYPOINT"] {
        let said = format!(
            "JSONArgsRecommended: JSON arguments recommended for {name} to prevent unintended behavior related to OS signals (line 2)"
        );
        finds(&format!("FROM x\n{name} a b\n"), &[&said]);
    }
    passes(&[
        "FROM x\nCMD [\"a\"]\n",
        "FROM x\nSHELL [\"a\"]\nCMD b\n",
        "FROM x AS s\nSHELL [\"a\"]\nFROM s\nCMD b\n",
        "FROM x\nHEALTHCHECK CMD a\n",
    ]);
    let mut with_shell = surroundings("linux", "");
    with_shell.bases = BTreeMap::from([(0, StageBase { has_shell: true, ..StageBase::default() })]);
    assert!(found("FROM x AS a\nFROM a\nCMD b\n", &with_shell).is_empty(), "the image has a SHELL");
    assert_eq!(found("FROM x AS a\nFROM y\nCMD b\n", &with_shell).len(), 1);
}

#[test]
fn item_78_maintainer_deprecated() {
    finds("FROM x\nMAINTAINER a\n", &["MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)"]);
    passes(&["FROM x\nLABEL org.opencontainers.image.authors=a\n"]);
}

#[test]
fn item_78_undefined_argument_in_from() {
    finds(
        "ARG TAGS=1\nFROM x:$TAG\n",
        &[
            "InvalidDefaultArgInFrom: Default value for ARG x:$TAG results in empty or invalid base image name (line 2)",
            "UndefinedArgInFrom: FROM argument 'TAG' is not declared (did you mean TAGS?) (line 2)",
        ],
    );
    finds(
        "FROM --platform=$BUILDPLATFOR x\n",
        &["UndefinedArgInFrom: FROM argument 'BUILDPLATFOR' is not declared (did you mean BUILDPLATFORM?) (line 1)"],
    );
    passes(&[
        "ARG TAG=1\nFROM x:$TAG\n",
        "FROM --platform=$BUILDPLATFORM x\n",
        "FROM x:${TAG:-1}\nARG TAG\n".replace("${TAG:-1}", "1").as_str(),
    ]);
    // One that is declared has its value from the command line.
    finds("ARG I\nFROM $I\n", &["InvalidDefaultArgInFrom: Default value for ARG $I results in empty or invalid base image name (line 2)"]);
}

#[test]
fn item_78_workdir_relative_path() {
    let said = "WorkdirRelativePath: Relative workdir \"app\" can have unexpected results if the base image changes (line 2)";
    finds("FROM x\nWORKDIR app\nWORKDIR more\n", &[said]);
    passes(&["FROM x\nWORKDIR /app\nWORKDIR more\n", "FROM x AS a\nWORKDIR /app\nFROM a\nWORKDIR more\n", "FROM x\nARG a\nWORKDIR /$a\n"]);
}

#[test]
fn item_78_undefined_variable() {
    finds("FROM scratch\nCOPY $a /\n", &["UndefinedVar: Usage of undefined variable '$a' (line 2)"]);
    finds("FROM scratch\nENV path=1\nENV x=$paht\n", &["UndefinedVar: Usage of undefined variable '$paht' (did you mean $path?) (line 3)"]);
    // An image that nobody looked at may set it; a command's variables are the shell's.
    passes(&["FROM x\nCOPY $a /\n", "FROM scratch\nARG a\nCOPY $a /\n", "FROM scratch\nRUN echo $a\n"]);
    let mut known = surroundings("linux", "");
    known.bases = BTreeMap::from([(0, StageBase { environment: Some(vec![("a".to_owned(), "b".to_owned())]), ..StageBase::default() })]);
    assert!(found("FROM x\nCOPY $a /\n", &known).is_empty());
    assert_eq!(found("FROM x\nCOPY $other /\n", &known), ["UndefinedVar: Usage of undefined variable '$other' (line 2)"]);
}

#[test]
fn item_78_multiple_instructions_disallowed() {
    for (name, value) in [("CMD", "[\"a\"]"), ("ENTRYPOINT", "[\"a\"]"), ("HEALTHCHECK", "NONE")] {
        let said = format!(
            "MultipleInstructionsDisallowed: Multiple {name} instructions should not be used in the same stage because only the last one will be used (line 2)"
        );
        finds(&format!("FROM x\n{name} {value}\n{name} {value}\n"), &[&said]);
    }
    passes(&["FROM x AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n", "FROM x\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\n"]);
}

#[test]
fn item_78_legacy_key_value_format() {
    for name in ["ENV", "LABEL"] {
        let said =
            format!("LegacyKeyValueFormat: \"{name} key=value\" should be used instead of legacy \"{name} key value\" format (line 2)");
        finds(&format!("FROM x\n{name} a b\n"), &[&said]);
        passes(&[&format!("FROM x\n{name} a=b\n")]);
    }
}

#[test]
fn item_78_invalid_base_image_platform() {
    let of = |found: &str, wanted: &str| {
        let mut surroundings = surroundings("linux", "");
        let platforms = Some((found.parse().unwrap(), wanted.parse().unwrap()));
        surroundings.bases = BTreeMap::from([(0, StageBase { platforms, ..StageBase::default() })]);
        surroundings
    };
    let said = "InvalidBaseImagePlatform: Base image x:1 was pulled with platform \"linux/amd64\", expected \"linux/arm64\" for current build (line 2)";
    assert_eq!(found("ARG V=1\nFROM x:$V\n", &of("linux/amd64", "linux/arm64/v8")), [said]);
    // Another level of the same processor is none of its business.
    for (one, other) in [("linux/arm64", "linux/arm64"), ("linux/arm/v5", "linux/arm/v7")] {
        assert!(found("FROM x\n", &of(one, other)).is_empty(), "{one} {other}");
    }
}

#[test]
fn item_78_redundant_target_platform() {
    for platform in ["$TARGETPLATFORM", "${TARGETPLATFORM}"] {
        let said = format!(
            "RedundantTargetPlatform: Setting platform to predefined {platform} in FROM is redundant as this is the default behavior (line 1)"
        );
        finds(&format!("FROM --platform={platform} x\n"), &[&said]);
    }
    passes(&["FROM --platform=$BUILDPLATFORM x\n", "FROM --platform=${TARGETPLATFORM}/v2 x\n"]);
}

#[test]
fn item_78_secrets_used_in_arguments_or_variables() {
    for name in ["TOKEN", "MY_TOKEN", "api_key", "AWS_SECRET_ACCESS_KEY", "GIT_CREDENTIALS", "PASSWD"] {
        let said = format!("SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"{name}\") (line 2)");
        finds(&format!("FROM x\nENV {name}=1\n"), &[&said]);
        finds(&format!("FROM x\nARG {name}\n"), &[&said.replace("(ENV ", "(ARG ")]);
    }
    passes(&[
        "FROM x\nENV PUBLIC_KEY=1 TOKEN_FILE=x SECRET_VERSION=1 MONKEY=1 KEYBOARD=1\n",
        "ARG TOKEN=1\nFROM x\n",
        "FROM x\nLABEL token=1\n",
    ]);
}

#[test]
fn item_78_invalid_default_argument_in_from() {
    finds(
        "ARG V\nFROM x:${V}\n",
        &["InvalidDefaultArgInFrom: Default value for ARG x:${V} results in empty or invalid base image name (line 2)"],
    );
    passes(&["ARG V=1\nFROM x:${V}\n", "ARG V\nFROM x:${V:-1}\n", "ARG V\nFROM x${V}\n"]);
}

#[test]
fn item_78_constant_platforms_in_from() {
    let said = "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\" (line 1)";
    finds("FROM --platform=linux/amd64 x\n", &[said]);
    passes(&[
        "FROM --platform=linux/amd64 x AS build-amd64\n",
        "FROM --platform=linux/amd64 x AS linux\n",
        "FROM --platform=$BUILDPLATFORM x\n",
    ]);
}

#[test]
fn item_78_copy_ignored_file() {
    finds(
        "FROM x\nCOPY ./secret.txt /\n",
        &["CopyIgnoredFile: Attempting to Copy file \"secret.txt\" that is excluded by .dockerignore (line 2)"],
    );
    finds(
        "FROM x\nADD secret.txt /\n",
        &["CopyIgnoredFile: Attempting to Add file \"secret.txt\" that is excluded by .dockerignore (line 2)"],
    );
    passes(&["FROM x\nCOPY --from=y secret.txt /\n", "FROM x\nCOPY . /\n", "FROM x\nCOPY a /\n", "FROM x\nADD https://a/secret.txt /\n"]);
    let ignoring = |list: &str, text: &str| found(text, &surroundings("linux", list));
    assert!(ignoring("*\n!secret.txt\n", "FROM x\nCOPY secret.txt /\n").is_empty(), "something is taken back");
    assert!(ignoring("a*\n", "FROM x\nCOPY . /\n").is_empty());
    let all = ["CopyIgnoredFile: Attempting to Copy file \".\" that is excluded by .dockerignore (line 2)"];
    assert_eq!(ignoring("**\n", "FROM x\nCOPY . /\n"), all);
}

#[test]
fn item_78_expose() {
    finds("FROM x\nEXPOSE 80/TCP\n", &["ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase (line 2)"]);
    finds(
        "FROM x\nEXPOSE 127.0.0.1:80:80\n",
        &["ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80' (line 2)"],
    );
    passes(&["FROM x\nEXPOSE 80/tcp 90 8000-8010/udp\n"]);
}

#[test]
fn item_78_invalid_definition_description_where_it_is_asked_for() {
    let asked = "# check=experimental=InvalidDefinitionDescription\n";
    finds(
        &format!("{asked}# not a name\nFROM x AS base\n"),
        &["InvalidDefinitionDescription: Comment for FROM should follow the format: `# base <description>` (line 3)"],
    );
    finds(
        &format!("{asked}# bar this is the bar\nARG foo=bar\nFROM x\n"),
        &["InvalidDefinitionDescription: Comment for ARG should follow the format: `# foo <description>` (line 3)"],
    );
    finds(
        &format!("{asked}FROM x\n# what\nARG a b\n"),
        &["InvalidDefinitionDescription: Comment for ARG should follow the format: `# <arg_key> <description>` (line 4)"],
    );
    finds(
        "# check=experimental=all\n# what\nFROM x AS base\n",
        &["InvalidDefinitionDescription: Comment for FROM should follow the format: `# base <description>` (line 3)"],
    );
    passes(&[
        "# not a name\nFROM x AS base\n",
        &format!("{asked}# base is the base\nFROM x AS base\n# b is it\nARG a b\n"),
        &format!("{asked}# anything\nFROM x\n"),
        &format!("{asked}# anything\n\nFROM x AS base\n# anything\n#\nARG a\n# anything\nRUN b\n"),
        &format!("{asked}FROM x AS base\n# check=skip=InvalidDefinitionDescription\nARG a\n"),
    ]);
}

#[test]
fn item_6_78_rules_are_skipped_by_name() {
    assert!(warnings("# check=skip=MaintainerDeprecated\nFROM x\nMAINTAINER a\n").is_empty());
    assert!(warnings("# check=skip=all\nFROM x as A\nMAINTAINER a\n").is_empty());
    assert!(warnings("# check=skip=MaintainerDeprecated,FromAsCasing;error=true\nFROM x as a\nMAINTAINER a\n").is_empty());
    assert_eq!(warnings("FROM x\n# check=skip=MaintainerDeprecated\nMAINTAINER a\nMAINTAINER b\n").len(), 1);
    assert_eq!(warnings("FROM x\n# check=skip=MaintainerDeprecated\n\nMAINTAINER a\n").len(), 1, "a blank line parts them");
    assert!(warnings("# check=skip=all\nFROM x as A\n").is_empty());
    assert!(warnings("ARG a\n# check=skip=StageNameCasing,FromAsCasing\nFROM x as A\n").is_empty());
}

#[test]
fn item_79_stages_that_are_not_built_are_checked_as_far_as_their_names() {
    let text = "FROM x as A\nCMD b\nFROM scratch\nCOPY $c /\n";
    let only = |stages: &[usize]| Surroundings { stages: Some(BTreeSet::from_iter(stages.iter().copied())), ..surroundings("linux", "") };
    let rules = |stages: &[usize]| {
        let file = parse(&Source::new("Dockerfile", text)).unwrap();
        lint::check(&file, &only(stages), &CheckOptions::default()).into_iter().map(|warning| warning.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&[1]), [Rule::FromAsCasing, Rule::StageNameCasing, Rule::UndefinedVar]);
    assert_eq!(rules(&[0]), [Rule::FromAsCasing, Rule::StageNameCasing, Rule::JSONArgsRecommended]);
}

#[test]
fn every_rule_has_a_name_and_a_page() {
    assert!(Rule::ALL.is_sorted_by(|one, other| one < other && one.name() < other.name()));
    for rule in Rule::ALL {
        assert_eq!(format!("{rule:?}"), rule.name());
        assert!(!rule.description().is_empty());
        let Some(page) = rule.url() else {
            assert_eq!(rule, Rule::HardcodedArchitecture);
            continue;
        };
        let (last, name) = (page.trim_end_matches('/').rsplit('/').next().unwrap(), rule.name().to_lowercase());
        assert_eq!(last.replace('-', ""), name);
    }
    assert_eq!(Rule::ALL.into_iter().filter(|rule| rule.is_experimental()).count(), 1);
}

#[test]
fn a_warning_knows_the_lines_it_is_about() {
    let file = parse(&Source::new("Dockerfile", "FROM x\nCMD a \\\n\n  b\n")).unwrap();
    let warnings = lint::check(&file, &Surroundings::default(), &CheckOptions::default());
    let lines: Vec<_> = warnings.iter().map(|warning| (warning.rule, warning.line, warning.last_line)).collect();
    assert_eq!(lines, [(Rule::JSONArgsRecommended, 2, 4), (Rule::NoEmptyContinuation, 4, 4)]);
}

#[test]
fn item_90_a_folder_of_windows_is_no_relative_one() {
    for path in ["C:\\app", "\\\\app", "c:/app"] {
        let text = format!("FROM scratch\nWORKDIR {path}\n");
        assert_eq!(found(&text, &surroundings("windows", "")), [""; 0], "{path}");
        assert_eq!(found(&text, &surroundings("linux", "")).len(), 1, "{path}");
    }
    assert_eq!(found("FROM scratch\nWORKDIR app\n", &surroundings("windows", "")).len(), 1);
}

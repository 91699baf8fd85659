//! What the instructions of a stage say of the image, beside what its base said.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use dockerfile::{Globals, Source, automatic_arguments, parse};
use graph::{Image, Recipe};
use oci::Platform;
use serde_json::{Value, json};

/// Returns the settings of a stage on a base with these.
fn settings(base: &Value, dockerfile: &str) -> Value {
    let platform = Platform::new("linux", "amd64", None);
    let file = parse(&Source::new("Dockerfile", dockerfile)).unwrap();
    let globals = Globals::new(automatic_arguments(&platform, &platform, None), BTreeMap::new());
    let mut recipe = Recipe::of_image(Image::of_base(platform, &json!({ "config": base })));
    recipe.take(&file.stages[0].statements, &globals, file.directives.escape).unwrap();
    recipe.image.document(&[], None)["config"].clone()
}

/// As BuildKit does, with a base that itself had a `CMD`.
#[test]
fn an_entrypoint_takes_an_inherited_command_away_and_not_what_is_said_of_its_words() {
    let base = json!({"Env": ["PATH=/bin"], "Cmd": ["of", "base"], "ArgsEscaped": true});
    let made = settings(&base, "FROM base\nENTRYPOINT [\"/x\"]\n");
    assert_eq!(made, json!({"Env": ["PATH=/bin"], "Entrypoint": ["/x"], "ArgsEscaped": true}));
    let made = settings(&base, "FROM base\nCMD [\"own\"]\nENTRYPOINT [\"/x\"]\n");
    assert_eq!(made, json!({"Env": ["PATH=/bin"], "Cmd": ["own"], "Entrypoint": ["/x"], "ArgsEscaped": true}));
}

//! Every rule fires on a small house that breaks it, and on that alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use xtask::tidy::tidy;

const MAP: &str = "# The house

```text floors
floor  room     imports   what it is
2      cli      content   the front
1      content  -         the seam
0      fault    -         what went wrong
dev    testkit  -         for tests
```

## Files
```text files
cli/      main.rs   starts
content/  lib.rs    the seam
fault/    lib.rs    the trait
          exit.rs   the codes
testkit/  lib.rs    fixtures
```
";

/// A small house in a temporary folder that breaks no rule.
struct House(TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.write("Cargo.toml", WORKSPACE);
        house.write("ARCHITECTURE.md", MAP);
        for document in ["README.md", "GLOSSARY.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"] {
            house.write(document, "# Words\n");
        }
        house.room("fault", "", "lib.rs", "//! What went wrong.\nmod exit;\n");
        house.write("crates/fault/src/exit.rs", "");
        house.room("content", "fault.workspace = true\n", "lib.rs", "//! The seam.\nuse fault::Kind;\n");
        house.room("testkit", "", "lib.rs", "//! Fixtures.\n");
        house.room("cli", "content.workspace = true\n", "main.rs", "use content::Place;\nfn main() { println!(\"hello\") }\n");
        house
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn append(&self, path: &str, text: &str) {
        let old = fs::read_to_string(self.path().join(path)).unwrap();
        self.write(path, &(old + text));
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let old = fs::read_to_string(self.path().join(path)).unwrap();
        assert!(old.contains(from), "{path} has no {from}");
        self.write(path, &old.replace(from, to));
    }

    fn room(&self, name: &str, dependencies: &str, file: &str, source: &str) {
        let manifest = format!(
            "[package]\nname = \"polyarch-{name}\"\nlicense.workspace = true\n[lints]\nworkspace = true\n[dependencies]\n{dependencies}"
        );
        self.write(&format!("crates/{name}/Cargo.toml"), &manifest);
        self.write(&format!("crates/{name}/src/{file}"), source);
    }

    fn findings(&self) -> Vec<String> {
        tidy(self.path()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn finds(&self, expected: &[&str]) {
        assert_eq!(self.findings(), expected);
    }
}

const WORKSPACE: &str = "[workspace]
members = [\"crates/*\"]
[workspace.package]
license = \"Apache-2.0\"
[workspace.dependencies]
fault = { path = \"crates/fault\", package = \"polyarch-fault\" }
content = { path = \"crates/content\", package = \"polyarch-content\" }
testkit = { path = \"crates/testkit\", package = \"polyarch-testkit\" }
cli = { path = \"crates/cli\", package = \"polyarch\" }
";

#[test]
fn a_tidy_house_has_no_findings() {
    House::new().finds(&[]);
}

#[test]
fn an_import_from_above_is_found() {
    let house = House::new();
    house.append("crates/fault/Cargo.toml", "content.workspace = true\n");
    house.append("crates/fault/src/lib.rs", "use content::Place;\n");
    house.finds(&[
        "crates/fault/Cargo.toml: fault imports content, which the map does not list",
        "crates/fault/Cargo.toml: fault stands on floor 0 and imports content of floor 1, expected a lower floor",
    ]);
}

#[test]
fn an_import_from_the_same_floor_is_found_though_listed() {
    let house = House::new();
    house.replace("ARCHITECTURE.md", "1      content", "2      content");
    house.finds(&["crates/cli/Cargo.toml: cli stands on floor 2 and imports content of floor 2, expected a lower floor"]);
}

#[test]
fn an_import_for_one_system_only_is_found_too() {
    let house = House::new();
    house.append("crates/content/Cargo.toml", "[target.'cfg(unix)'.build-dependencies]\ncli = { path = \"../cli\" }\n");
    house.append("crates/content/src/lib.rs", "use cli::Word;\n");
    house.finds(&[
        "crates/content/Cargo.toml: content imports cli, which the map does not list",
        "crates/content/Cargo.toml: content stands on floor 1 and imports cli of floor 2, expected a lower floor",
    ]);
}

#[test]
fn an_import_that_is_gone_is_found_on_the_map() {
    let house = House::new();
    house.room("cli", "", "main.rs", "fn main() {}\n");
    house.finds(&["ARCHITECTURE.md:5: cli does not import content"]);
}

#[test]
fn testkit_belongs_to_tests() {
    let house = House::new();
    house.append("crates/content/src/lib.rs", "use testkit::Image;\n");
    house.append("crates/content/Cargo.toml", "[dev-dependencies]\ntestkit.workspace = true\n");
    house.finds(&[]);
    house.replace("crates/content/Cargo.toml", "[dev-dependencies]\n", "");
    house.finds(&[
        "crates/content/Cargo.toml: content imports testkit, which the map does not list",
        "crates/content/Cargo.toml: testkit is for development: it belongs in [dev-dependencies]",
    ]);
}

#[test]
fn a_room_is_on_the_map_and_in_the_house() {
    let house = House::new();
    house.room("store", "", "lib.rs", "//! Disk.\n");
    house.replace("ARCHITECTURE.md", "dev    testkit", "1      layer    -         tar\ndev    testkit");
    house.finds(&[
        "ARCHITECTURE.md:8: no crates/layer with a manifest",
        "crates/store/Cargo.toml: store is not on the map in ARCHITECTURE.md",
        "crates/store/src/lib.rs: not on the map in ARCHITECTURE.md",
    ]);
}

#[test]
fn a_file_is_on_the_map_and_in_the_house() {
    let house = House::new();
    fs::remove_file(house.path().join("crates/fault/src/exit.rs")).unwrap();
    house.write("crates/fault/src/code/table.rs", "");
    house.finds(&["ARCHITECTURE.md:16: no crates/fault/src/exit.rs", "crates/fault/src/code/table.rs: not on the map in ARCHITECTURE.md"]);
}

#[test]
fn a_map_without_its_blocks_is_found() {
    let house = House::new();
    house.replace("ARCHITECTURE.md", "```text floors", "```text");
    let findings = house.findings();
    assert!(findings.contains(&"ARCHITECTURE.md: expected one block that opens with ```text floors, got 0".to_owned()), "{findings:?}");
}

#[test]
fn a_library_says_what_it_does() {
    let house = House::new();
    house.replace("crates/fault/src/lib.rs", "//! What", "// What");
    house.finds(&["crates/fault/src/lib.rs: expected it to open with `//!`: what this room does, never does, where to start"]);
}

#[test]
fn a_long_file_is_found() {
    let house = House::new();
    house.write("crates/content/tests/long.rs", &"// one more\n".repeat(500));
    house.finds(&[]);
    house.append("crates/content/tests/long.rs", "// one too many\n");
    house.finds(&["crates/content/tests/long.rs: expected at most 500 lines, got 501"]);
}

#[test]
fn a_junk_drawer_is_found() {
    let house = House::new();
    house.write("crates/content/tests/common/mod.rs", "");
    house.append("crates/fault/src/lib.rs", "pub(crate) fn helpers() {}\n    pub mod utils {\n}\n");
    house.finds(&[
        "crates/content/tests/common/mod.rs: expected a name that says what is inside, got common",
        "crates/fault/src/lib.rs:4: expected a name that says what is inside, got utils",
    ]);
}

#[test]
fn a_promise_is_no_code() {
    let house = House::new();
    house.append("crates/cli/src/main.rs", "fn a() {\n    todo!(\"soon\")\n}\nfn b() { unimplemented!() } // todo!()\n");
    house.finds(&[
        "crates/cli/src/main.rs:4: todo! promises code that is not there",
        "crates/cli/src/main.rs:6: unimplemented! promises code that is not there",
    ]);
}

#[test]
fn unsafe_code_has_one_module() {
    let house = House::new();
    house.append("crates/fault/src/lib.rs", "#![deny(unsafe_code)]\n// unsafe words are fine\nconst SAID: &str = \"unsafe\";\n");
    house.finds(&[]);
    house.write("crates/fault/tests/memory.rs", "fn main() { unsafe {} }\n");
    house.write("crates/fault/tests/kernel.rs", "fn main() { unsafe {} }\n");
    house.finds(&[
        "crates/fault/tests/kernel.rs:1: unsafe code belongs in crates/sandbox/src/kernel.rs, or below it",
        "crates/fault/tests/memory.rs:1: unsafe code belongs in crates/sandbox/src/kernel.rs, or below it",
    ]);
}

#[test]
fn a_door_is_for_one_room() {
    let house = House::new();
    house.append("crates/content/src/lib.rs", "pub mod fuzz {}\n");
    house.append("crates/cli/src/main.rs", "fn a() { content::fuzzy(); }\nfn b() { content::fuzz::open(); }\n");
    house.finds(&["crates/cli/src/main.rs:4: a door for crates/fuzz, and for nobody else"]);
}

#[test]
fn a_library_does_not_print() {
    let house = House::new();
    house.append("crates/content/src/lib.rs", "fn a() { eprintln!(\"loud\"); println(1); }\n");
    house.write("crates/content/tests/loud.rs", "fn a() { println!(\"a test may\"); }\n");
    house.finds(&["crates/content/src/lib.rs:3: eprintln! in a library: only the front prints"]);
}

#[test]
fn every_manifest_names_its_licence_and_lints() {
    let house = House::new();
    house.replace("Cargo.toml", "license =", "licence =");
    house.replace("crates/fault/Cargo.toml", "license.workspace = true\n", "");
    house.replace("crates/content/Cargo.toml", "[lints]\nworkspace = true\n", "");
    house.finds(&[
        "Cargo.toml: expected an SPDX licence under [workspace.package], got none",
        "crates/content/Cargo.toml: expected `[lints] workspace = true`",
        "crates/fault/Cargo.toml: expected `license.workspace = true`",
    ]);
}

#[test]
fn a_dependency_that_nobody_uses_is_found() {
    let house = House::new();
    house.append("crates/fault/Cargo.toml", "async-trait = \"0.1\"\nserde = \"1\"\n");
    house.append("crates/fault/src/lib.rs", "use async_trait::async_trait; // not serde\n");
    house.write("crates/fault/tests/words.rs", "use serde::Serialize;\n");
    house.finds(&["crates/fault/Cargo.toml: serde is declared and nothing here uses it"]);
}

#[test]
fn a_broken_manifest_is_found() {
    let house = House::new();
    house.write("crates/testkit/Cargo.toml", "[package\n");
    let findings = house.findings();
    assert!(findings.iter().any(|finding| finding.starts_with("crates/testkit/Cargo.toml: broken: ")), "{findings:?}");
}

#[test]
fn a_missing_document_is_found() {
    let house = House::new();
    fs::remove_file(house.path().join("GLOSSARY.md")).unwrap();
    house.write("LICENSE", "");
    house.finds(&["GLOSSARY.md: expected this document, got none", "LICENSE: expected this document, got none"]);
}

#[test]
fn a_link_leads_somewhere() {
    let house = House::new();
    house.write("docs/deep/start.md", "[up](../../README.md#words) [web](https://example.com/x.md) [here](#start)\n# Start\n");
    house.write("target/doc/x.md", "[gone](gone.md)\n");
    house.finds(&[]);
    house.append("docs/deep/start.md", "[gone](gone.md) `[code](gone.md)`\n[no heading](../../README.md#sentences)\n");
    house.finds(&[
        "docs/deep/start.md:3: the link gone.md leads nowhere",
        "docs/deep/start.md:4: the link ../../README.md#sentences leads nowhere",
    ]);
}

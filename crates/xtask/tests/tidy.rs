//! The checkout itself is tidy.

#![allow(clippy::expect_used)]

use xtask::{checkout, tidy};

#[test]
fn the_house_is_tidy() {
    let findings = tidy::tidy(&checkout()).expect("the checkout can be read");
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{} findings\n{}", shown.len(), shown.join("\n"));
}

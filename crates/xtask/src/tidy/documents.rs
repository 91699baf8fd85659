//! The documents a newcomer looks for are there.

use std::path::Path;

use super::Finding;

/// What must stand at the root, and not be empty.
const EXPECTED: [&str; 6] = ["README.md", "ARCHITECTURE.md", "GLOSSARY.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"];

/// Checks that every document is there.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) {
    for name in EXPECTED {
        if !std::fs::metadata(root.join(name)).is_ok_and(|found| found.is_file() && found.len() > 0) {
            findings.push(Finding::new(name, "expected this document, got none"));
        }
    }
}

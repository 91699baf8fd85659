//! Files of other tools that say what is to be made.

use compat::manifest_tool::{ListType, Spec, wish};
use fault::Fault;

/// A spec of manifest-tool is read or refused in one line, with a place that is in the file.
pub fn manifest_tool(bytes: &[u8]) {
    match Spec::parse(bytes) {
        Ok(spec) => {
            assert!(!spec.image.is_empty() && !spec.manifests.is_empty(), "{spec:?}");
            assert!(spec.manifests.iter().all(|member| !member.image.is_empty()), "{spec:?}");
            assert!(wish(&spec, ListType::Oci).is_ok(), "{spec:?}");
            assert_eq!(wish(&spec, ListType::Docker).is_ok(), spec.annotations.is_empty(), "{spec:?}");
        }
        Err(error) => {
            let (said, hint) = (error.to_string(), error.hint().map(|hint| hint.to_string()).unwrap_or_default());
            assert!(!error.problem.is_empty() && !said.contains('\n') && !hint.contains('\n'), "{error:?}");
            // Every kind of line's end that YAML ever had, and one line more where the file ends.
            let text = String::from_utf8_lossy(bytes);
            let lines =
                text.chars().filter(|character| matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')).count() as u64;
            assert!(error.place.is_none_or(|(line, column)| (1..=lines + 2).contains(&line) && column > 0), "{error:?}");
        }
    }
}

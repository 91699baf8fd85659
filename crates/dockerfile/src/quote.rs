//! Texts in Go's quotes, as BuildKit's messages and histories show them.

pub use oci::go_quote as quote;

/// Writes a list as Go's `%q` does: `["a" "b"]`.
pub fn quote_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(quote).collect();
    format!("[{}]", quoted.join(" "))
}

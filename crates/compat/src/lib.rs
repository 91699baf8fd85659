//! What other tools' words, files and output mean here: `docker manifest`, manifest-tool,
//! `docker buildx imagetools`, mquery.
//!
//! It translates: their words into the [`index::Wish`] of our own `create`, and what comes of it into
//! their text. What an index is, in which order and in which bytes, is decided in `index` and nowhere
//! else. It never opens a socket and never prints. Start at [`docker`].

pub mod docker;
pub mod imagetools;
pub mod manifest_tool;
pub mod mquery;

/// Shortens text for a message: nobody reads a long one there.
fn cut(text: &str) -> String {
    const LONGEST: usize = 1_000;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

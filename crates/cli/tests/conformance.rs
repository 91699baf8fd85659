//! What `polyarch build` makes, case by case, as BuildKit makes it.
//!
//! The cases of `conformance/*.txt` have trees that were written by hand; how they are written stands in `conformance/case.rs`. Those of
//! `conformance/measured.rs` were built by BuildKit. Items are those of the notes on BuildKit that our rules were taken from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod program;

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/check.rs"]
mod check;
#[path = "conformance/image.rs"]
mod image;
#[path = "conformance/lines.rs"]
mod lines;
#[path = "conformance/measured.rs"]
mod measured;
#[path = "conformance/tars.rs"]
mod tars;
#[path = "conformance/world.rs"]
mod world;

macro_rules! themes {
    ($($theme:ident)*) => {
        $(#[test]
        fn $theme() {
            check::all(include_str!(concat!("conformance/", stringify!($theme), ".txt")));
        })*
    };
}

themes! { copying owners parents ignoring archives contexts stages arguments platforms windows heredocs config triggers errors }

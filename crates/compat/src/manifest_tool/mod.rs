//! manifest-tool: its files and arguments as wishes, and its text.
//!
//! Start at [`Spec`] for what is pushed, at [`inspect`] for what is shown.

mod arguments;
pub mod inspect;
pub mod log;
mod platform;
mod problem;
pub mod raw;
mod spec;
pub mod usage;
mod wish;
mod yaml;

pub use arguments::Arguments;
pub use platform::{SamePlatform, Unsupported, check_distinct, is_real};
pub use problem::Problem;
pub use spec::{ListType, Member, Spec, SpecError};
pub use wish::{manner, wish};
pub use yaml::YamlError;

//! A build, from what is asked for to images in a library: decided first, then carried out.
//!
//! Start at [`Request`], then [`plan()`], then [`make()`]. Nothing is asked of anybody before every platform's Dockerfile makes
//! sense, nothing is written before every base is found, and no name is ever moved here.

mod again;
mod bound;
mod emulated;
mod error;
mod evaluate;
mod images;
mod layering;
mod make;
pub(crate) mod moment;
mod plan;
mod progress;
mod releases;
mod remotes;
mod request;
mod review;
mod run_key;
mod running;
mod stack;
mod step;
mod testing;

pub use emulated::Emulated;
pub use error::{BuildError, ImageError};
pub use images::{Asked, Found, Images};
pub use make::{Built, BuiltImage, Workshop, make};
pub use plan::{Plan, Planned, PlannedBase, Ready, plan};
pub use progress::{Happening, Lack, Progress, StepName};
pub use remotes::{Fetched, FetchedFiles, RemoteSource, Remotes};
pub use request::{Anew, BuildFile, Named, Request, Target};
pub use review::{Review, Unseen, outlined, review};

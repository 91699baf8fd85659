//! `docker buildx imagetools`: its words as sources and a wish, its two views as text, its errors.

mod attested;
mod error;
mod look;
mod metadata;
mod order;
mod progress;
mod shown;
mod source;
mod table;
mod value;
mod view;

pub use error::{ImagetoolsError, explain};
pub use look::{Evidence, Look, look};
pub use metadata::metadata;
pub use order::{CreateWords, Order, order};
pub use progress::{Copying, Display, Vertex};
pub use shown::{Shown, shown};
pub use source::{Source, Stated};
pub use value::{prints_view, value, wants_evidence};
pub use view::view;

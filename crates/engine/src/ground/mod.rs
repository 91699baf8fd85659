//! What processes run on, whether they are commands of a build or programs that somebody runs: unpacked layers, a sandbox over
//! them, and what of this machine is seen in it.
//!
//! Whoever runs something decides a [`Task`], and gets a process by it. Start at [`Ground`].

mod error;
mod laid;
mod owners;
mod starter;
mod stop;
mod surroundings;
mod task;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sandbox::{Launcher, SandboxError};

use crate::roots::{Form, Roots, Standing};

pub use error::GroundError;
pub(crate) use laid::{Footing, Laid};
pub(crate) use owners::{files, owners_at};
pub(crate) use starter::{Started, Starter};
pub(crate) use stop::{Stop, StopOnDrop};
pub use task::Confinement;
pub(crate) use task::{Bound, SHARED_MEMORY, Task};

/// What processes run on.
pub(crate) struct Ground {
    /// The layers.
    pub roots: Roots,
    /// What starts a process over them.
    pub starter: Starter,
}

impl Ground {
    /// Opens it: a copy of this program starts what runs, by [`sandbox::init_if_asked`], and layers lie below `folder`. `standing`
    /// says who unpacks them, or why nobody can.
    ///
    /// # Errors
    /// Where nothing can be run on this machine.
    pub async fn open(folder: &Path, standing: Result<Standing, SandboxError>) -> Result<Self, GroundError> {
        let (standing, folder) = (standing.map_err(GroundError::Nowhere)?, folder.to_owned());
        let open = move || {
            let launcher = Arc::new(Launcher::of_this_program().map_err(GroundError::Nowhere)?);
            let roots = Roots::open(&folder, standing)?;
            let lays_over = Arc::new(AtomicBool::new(roots.form() == Form::Overlay));
            let plays = Arc::new(AtomicBool::new(!standing.has_owners()));
            Ok(Self { roots, starter: Starter { standing, launcher, lays_over, refusals: Arc::default(), plays } })
        };
        blocking(open).await
    }
}

/// Does something on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static, E: From<GroundError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.map_err(|problem| GroundError::Stopped(problem.to_string()))?
}

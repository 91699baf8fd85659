//! Layers as folders, below a command: those of a base, and those of steps.

use std::sync::Arc;

use layer::index::PathIndex;

use super::evaluate::{Below, Evaluation};
use super::layering::Layer;
use crate::roots::{Roots, RootsError, Stack};

impl Evaluation<'_> {
    /// Lays layers out as folders, and says what is where in them, with the times that they have there. `layers` are those of the
    /// steps.
    ///
    /// # Errors
    /// Where a layer cannot be read, or a file of it cannot be made here.
    pub(super) async fn stack(&self, roots: &Roots, below: &Below<'_>, layers: &[Layer]) -> Result<(Stack, Arc<PathIndex>), RootsError> {
        let epoch = self.request.epoch;
        let mut stack = match below.base {
            Some(base) => roots.base(base).await?,
            None => Stack::default(),
        };
        let mut index = below.survey.paths.clone();
        for (made, Layer { packed, .. }) in below.chain.iter().zip(layers) {
            stack = roots.over(&stack, &index, &self.layering.read_again(packed)).await?;
            index.begin_layer();
            for laid in made.lay.values() {
                let mut entry = laid.entry.clone();
                entry.mtime = epoch.map_or(entry.mtime, |epoch| epoch.min(entry.mtime));
                index.insert(&entry)?;
            }
        }
        Ok((stack, Arc::new(index)))
    }
}

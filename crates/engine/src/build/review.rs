//! What a Dockerfile stands on, where it is to be judged and not built: no command has to run here, and an image that cannot be
//! looked at is no reason to stop.

use std::collections::{BTreeMap, BTreeSet};

use fault::{Fault, Kind};
use futures_util::future::join_all;
use graph::{Outline, Outlined};

use super::error::{BuildError, ImageError};
use super::images::{Asked, Bases, Images};
use super::plan::{asked, stages};
use super::request::{Request, Target};
use crate::base::Base;

/// What was found out about a Dockerfile for one platform.
pub struct Review {
    /// Its stages; nothing where they make no sense.
    pub outline: Option<Outline>,
    /// The images that they begin with, by the number of the stage. They may be for another platform.
    pub bases: BTreeMap<usize, Base>,
    /// The images that could not be looked at, each once.
    pub unseen: Vec<Unseen>,
    /// What makes a build impossible.
    pub problem: Option<BuildError>,
}

/// An image that could not be looked at.
#[derive(Clone, Debug)]
pub struct Unseen {
    /// Its name.
    pub name: String,
    /// Why not.
    pub problem: ImageError,
}

/// Finds the stages that are built of a Dockerfile, and asks nobody.
///
/// # Errors
/// Names the first thing that makes no sense.
pub fn outlined(request: &Request, target: &Target) -> Result<Outline, BuildError> {
    stages(request, target, &BTreeSet::new())
}

/// Finds out what a Dockerfile stands on: the stages of the target, or all of them where none is named.
pub async fn review(request: &Request, target: &Target, images: &dyn Images) -> Review {
    let all = if request.stage.is_none() { 0..target.file.parsed.stages.len() } else { 0..0 };
    let mut review = Review { outline: None, bases: BTreeMap::new(), unseen: Vec::new(), problem: None };
    let outline = match stages(request, target, &BTreeSet::from_iter(all)) {
        Ok(outline) => outline,
        Err(problem) => return Review { problem: Some(problem), ..review },
    };
    // What an image is for is judged, and does not stop anything here.
    let bases = Bases::new(images, true);
    let asked = outline.stages.iter().filter_map(|stage| Some((stage, asked(target, &stage.begins)?)));
    let asked: Vec<(&Outlined, Asked)> = asked.collect();
    let found = join_all(asked.iter().map(|(stage, asked)| bases.base(asked, &stage.platform))).await;
    let mut problems = Vec::new();
    for ((stage, asked), found) in asked.iter().zip(found) {
        match found {
            Ok(base) => drop(review.bases.insert(stage.index, base)),
            // Somebody answered, and has no such image.
            Err(problem) if problem.kind() == Kind::Answer => {
                let span = target.file.parsed.stages.get(stage.index).map(|stage| stage.base.span);
                problems.push(BuildError::at(&target.file, span, None, problem));
            }
            Err(problem) if review.unseen.iter().any(|unseen| unseen.name == asked.word()) => drop(problem),
            Err(problem) => review.unseen.push(Unseen { name: asked.word().to_owned(), problem }),
        }
    }
    Review { problem: BuildError::together(problems), outline: Some(outline), ..review }
}

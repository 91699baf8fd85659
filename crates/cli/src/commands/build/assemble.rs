//! The images of a build as one document: a manifest where there is one image and nothing beside it, an index otherwise.

use std::sync::Arc;

use content::Place;
use engine::build::{Built, BuiltImage};
use engine::provenance::Attested;
use fault::{Failure, Fault, Hint, Kind};
use index::{Annotation, Candidate, Plan, Role, Wish, plan_entries};
use oci::Descriptor;

/// An annotation that has no place.
#[derive(Debug, thiserror::Error)]
#[error("an image for one platform has no index, and so no annotations of it")]
struct NoIndex;

impl Fault for NoIndex {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(
            "annotate the manifest, `--annotation manifest:KEY=VALUE`, or build an index of it: --build-arg BUILDKIT_MULTI_PLATFORM=1",
        ))
    }
}

/// Refuses annotations of an index where there will be none. `count` is how many images are wanted at most.
///
/// # Errors
/// Where they would be lost.
pub fn check(count: usize, annotations: &[Annotation], is_index: bool) -> Result<(), Failure> {
    if count == 1 && !is_index && !annotations.is_empty() {
        return Err(NoIndex.into());
    }
    Ok(())
}

/// Joins what was built, with what is told of it behind all images. `place` is where its content is; `is_index` asks for an index of
/// a lone image, too.
///
/// # Errors
/// Two images for one platform, and annotations that would be lost.
pub fn assemble(
    built: &Built,
    attested: &[Attested],
    place: &Arc<dyn Place>,
    target: &str,
    annotations: &[Annotation],
    is_index: bool,
) -> Result<Plan, Failure> {
    let is_index = is_index || !attested.is_empty();
    let candidate = |image: &BuiltImage| Candidate {
        descriptor: descriptor(image),
        role: Role::Image(image.platform.normalized()),
        label: format!("the build for {}", image.platform),
        place: place.clone(),
        manifest: Some(image.manifest.clone()),
    };
    let attestation = |attested: &Attested| Candidate {
        descriptor: attested.entry(),
        role: Role::Attestation(attested.image.clone()),
        label: format!("the build for {}", attested.platform),
        place: place.clone(),
        manifest: Some(attested.manifest.clone()),
    };
    check(built.images.len(), annotations, is_index)?;
    let entries: Vec<Candidate> = built.images.iter().map(candidate).chain(attested.iter().map(attestation)).collect();
    if let ([only], false) = (built.images.as_slice(), is_index) {
        return Ok(Plan { entries, document: only.manifest.clone(), warnings: Vec::new() });
    }
    let wish = Wish { target: target.to_owned(), annotations: annotations.to_vec(), ..Wish::default() };
    Ok(plan_entries(entries, &wish)?)
}

/// Points at an image, with the platform that its config says.
fn descriptor(image: &BuiltImage) -> Descriptor {
    image.manifest.descriptor().with_platform(image.platform.clone())
}

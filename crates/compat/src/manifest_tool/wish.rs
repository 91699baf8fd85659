//! A spec becomes the wish that our own `create` carries out.

use index::{Annotation, Checked, Duplicates, Encoding, Lone, Manner, MediaChoice, Missing, OfIndex, Sequence, Spelling, Wish};

use super::{ListType, Spec, SpecError};

/// Returns how sources are read. One that is missing is always told of: whether that is an error is
/// for the front, which has manifest-tool's words for it.
pub const fn manner(checked: Checked) -> Manner {
    Manner { checked, missing: Missing::Ignore, spelling: Spelling::AsStated, of_index: OfIndex::Whole }
}

/// Returns what the list is to be.
///
/// # Errors
/// A Docker list has no annotations.
pub fn wish(spec: &Spec, list: ListType) -> Result<Wish, SpecError> {
    if list == ListType::Docker && !spec.annotations.is_empty() {
        return Err(SpecError::DockerAnnotations);
    }
    let (media, encoding) = match list {
        ListType::Docker => (MediaChoice::DockerOfAny, Encoding::DockerTypes),
        ListType::Oci => (MediaChoice::Oci, Encoding::Oci),
    };
    Ok(Wish {
        target: spec.image.clone(),
        annotations: spec.annotations.iter().map(|(key, value)| Annotation::of_index(key, value)).collect(),
        media,
        encoding,
        lone: Lone::ANewIndex,
        duplicates: Duplicates::Refuse,
        sequence: Sequence::AttestationsLast,
        ..Wish::default()
    })
}

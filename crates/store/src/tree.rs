//! Follows a manifest to everything it needs, in a folder of blobs.

use std::collections::HashSet;
use std::ops::ControlFlow;

use content::{Error, Item, Result};
use oci::{Descriptor, Digest, RawManifest};

use crate::blobs::Blobs;

/// Something that a name, an index or a manifest needs.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// What points at it.
    pub(crate) descriptor: Descriptor,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A manifest or index.
    Manifest,
    /// An entry of an index, of a kind that nobody knows: it may be a manifest.
    Unknown,
    /// A config or layer.
    Blob,
}

impl Piece {
    /// Takes the target of a name or of an index's entry.
    pub(crate) fn entry(descriptor: Descriptor) -> Self {
        let known = descriptor.media_type.is_index() || descriptor.media_type.is_manifest();
        Self { descriptor, part: if known { Part::Manifest } else { Part::Unknown } }
    }

    fn blob(descriptor: Descriptor) -> Self {
        Self { descriptor, part: Part::Blob }
    }

    /// Takes any descriptor by its media type: of what is no manifest only the blob is looked at.
    pub(crate) fn of(descriptor: Descriptor) -> Self {
        let piece = Self::entry(descriptor);
        if piece.part == Part::Manifest { piece } else { Self::blob(piece.descriptor) }
    }

    /// Tells whether it must be a manifest.
    pub(crate) fn is_manifest(&self) -> bool {
        self.part == Part::Manifest
    }

    fn item(&self) -> Item {
        match self.part {
            Part::Blob => Item::Blob(self.descriptor.digest.clone()),
            Part::Manifest | Part::Unknown => Item::Manifest(self.descriptor.digest.clone()),
        }
    }

    /// Reads it if it is a manifest; else only looks whether it is here with the right length.
    fn look(&self, blobs: &Blobs, place: &str) -> Result<Option<RawManifest>> {
        let digest = &self.descriptor.digest;
        let got = blobs.length(digest)?.ok_or_else(|| Error::missing(self.item(), place))?;
        if got != self.descriptor.size {
            return Err(Error::WrongSize { item: self.item(), place: place.to_owned(), expected: self.descriptor.size, got });
        }
        match self.part {
            Part::Blob => Ok(None),
            Part::Manifest => blobs.manifest(digest, Some(&self.descriptor.media_type), place).map(Some),
            // An entry of a kind that is no manifest is legal (image-spec 1.1, image-index.md, `mediaType`).
            Part::Unknown => Ok(blobs.manifest(digest, None, place).ok()),
        }
    }
}

/// Returns what a manifest needs directly.
pub(crate) fn children(manifest: &RawManifest) -> Vec<Piece> {
    let entries = manifest.as_index().into_iter().flat_map(|index| index.manifests.iter().cloned().map(Piece::entry));
    let blobs = manifest.as_image().into_iter().flat_map(|image| image.blobs().cloned().map(Piece::blob));
    entries.chain(blobs).collect()
}

/// Returns the layers of a manifest that nobody needs here, as they can be fetched elsewhere (foreign
/// layers). A client may have pushed them all the same.
pub(crate) fn foreign_layers(manifest: &RawManifest) -> impl Iterator<Item = &Digest> {
    let layers = manifest.as_image().into_iter().flat_map(|image| &image.layers);
    layers.filter(|layer| layer.media_type.is_foreign_layer()).map(|layer| &layer.digest)
}

/// How much of an image has to be here before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// All of it.
    Everything,
    /// What its indexes list may be missing; of an image that is here, nothing may.
    ItsImages,
}

impl Needs {
    /// Tells whether it is no fault that this piece, below the root, is not here.
    fn allow_absence_of(self, piece: &Piece) -> bool {
        self == Self::ItsImages && piece.part != Part::Blob
    }
}

/// What was visited already.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    blobs: HashSet<Digest>,
    /// Apart from the blobs: a hostile image may name another's manifest as its layer, and what is
    /// below that manifest is needed all the same.
    manifests: HashSet<Digest>,
}

impl Seen {
    /// Tells whether something with this digest was visited.
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.blobs.contains(digest) || self.manifests.contains(digest)
    }

    /// Counts blobs as visited that no visit leads to.
    pub(crate) fn add_blobs(&mut self, blobs: impl IntoIterator<Item = Digest>) {
        self.blobs.extend(blobs);
    }

    fn insert(&mut self, piece: &Piece) -> bool {
        let set = if piece.part == Part::Blob { &mut self.blobs } else { &mut self.manifests };
        set.insert(piece.descriptor.digest.clone())
    }
}

/// Shows `see` a piece and everything below it, parents first, each piece once as `seen` counts
/// them: what is a manifest comes parsed, what is missing or broken as an error. Blocks.
///
/// Bounded by what lies in the folder, however deep: only what is here can lead on.
pub(crate) fn visit<B>(
    blobs: &Blobs,
    place: &str,
    root: Piece,
    seen: &mut Seen,
    mut see: impl FnMut(&Piece, Result<Option<&RawManifest>>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let mut rest = vec![root];
    while let Some(piece) = rest.pop() {
        if !seen.insert(&piece) {
            continue;
        }
        match piece.look(blobs, place) {
            Ok(manifest) => {
                see(&piece, Ok(manifest.as_ref()))?;
                if let Some(manifest) = &manifest {
                    rest.extend(children(manifest).into_iter().rev());
                }
            }
            Err(error) => see(&piece, Err(error))?,
        }
    }
    ControlFlow::Continue(())
}

/// Checks that a piece and everything below it that it needs is here; `touch` is called for each. Blocks.
///
/// # Errors
/// Names the first that is missing or broken.
pub(crate) fn check_whole(blobs: &Blobs, place: &str, root: Piece, needs: Needs, mut touch: impl FnMut(&Digest) -> bool) -> Result<()> {
    let top = root.descriptor.digest.clone();
    let outcome = visit(blobs, place, root, &mut Seen::default(), |piece, found| match found {
        Err(error) if error.is_missing() && piece.descriptor.digest != top && needs.allow_absence_of(piece) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
        Ok(_) if touch(&piece.descriptor.digest) => ControlFlow::Continue(()),
        Ok(_) => ControlFlow::Break(Error::missing(piece.item(), place)),
    });
    match outcome {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Tells whether an error says that content is not here or is broken, so that it has to be put again.
pub(crate) fn is_absence(error: &Error) -> bool {
    matches!(error, Error::Missing { .. } | Error::WrongDigest { .. } | Error::WrongSize { .. } | Error::Document { .. })
}

/// Checks that what a manifest needs directly is here; `touch` is called for each. Blocks.
///
/// # Errors
/// Names the first child that is missing or has another length.
pub(crate) fn check_children(
    blobs: &Blobs,
    place: &str,
    manifest: &RawManifest,
    needs: Needs,
    mut touch: impl FnMut(&Digest) -> bool,
) -> Result<()> {
    for child in children(manifest) {
        let digest = &child.descriptor.digest;
        let Some(got) = blobs.length(digest)?.filter(|_| touch(digest)) else {
            if needs.allow_absence_of(&child) {
                continue;
            }
            return Err(Error::missing(child.item(), place));
        };
        if got != child.descriptor.size {
            return Err(Error::WrongSize { item: child.item(), place: place.to_owned(), expected: child.descriptor.size, got });
        }
    }
    Ok(())
}

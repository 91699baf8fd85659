//! Attestations that speak of an image that is not there.

use std::collections::HashSet;

use oci::Digest;

use crate::gather::{Candidate, Role};

/// Says which attestations speak of an image that no source has.
pub(crate) fn orphans(entries: &[Candidate]) -> Vec<String> {
    let images: HashSet<&Digest> =
        entries.iter().filter(|entry| matches!(entry.role, Role::Image(_))).map(|entry| &entry.descriptor.digest).collect();
    let line = |entry: &Candidate| match &entry.role {
        Role::Attestation(subject) if !images.contains(subject) => {
            let (digest, label) = (entry.descriptor.digest.short(), &entry.label);
            Some(format!("attestation {digest} of {label} is left out: it speaks of {}, which is not there", subject.short()))
        }
        _ => None,
    };
    entries.iter().filter_map(line).collect()
}

/// An attestation goes with the image it speaks of.
pub(crate) fn drop_orphans(entries: &mut Vec<Candidate>) {
    let images: Vec<Digest> =
        entries.iter().filter(|entry| matches!(entry.role, Role::Image(_))).map(|entry| entry.descriptor.digest.clone()).collect();
    entries.retain(|entry| !matches!(&entry.role, Role::Attestation(subject) if !images.contains(subject)));
}

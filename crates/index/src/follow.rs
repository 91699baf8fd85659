//! Brings what refers to the images of a plan: signatures and attestations of some kinds.

use std::collections::BTreeMap;

use content::{Copied, Copier, Events, Limits};

use crate::carry_out::at_home;
use crate::gather::{Candidate, Role};
use crate::{IndexError, Plan, Target};

/// Brings every referrer of the plan's images that is of one of these kinds of artifact to each target, from wherever the
/// image comes. What is at a target already stays there. It may come before the images: a referrer needs no subject.
///
/// # Errors
/// Where a place cannot answer or take something.
pub async fn follow(plan: &Plan, targets: &[Target], kinds: &[&str], limits: Limits, events: &Events) -> Result<Copied, IndexError> {
    let mut copied = Copied::default();
    for target in targets {
        let copier = Copier::new(&*target.place, limits, events);
        let away = |entry: &&Candidate| matches!(entry.role, Role::Image(_)) && !at_home(entry, &*target.place);
        let mut by_place: BTreeMap<String, Vec<&Candidate>> = BTreeMap::new();
        for entry in plan.entries.iter().filter(away) {
            by_place.entry(entry.place.name()).or_default().push(entry);
        }
        for entries in by_place.values() {
            let Some(first) = entries.first() else { continue };
            let subjects: Vec<_> = entries.iter().map(|entry| entry.descriptor.digest.clone()).collect();
            let mut found = content::referring(&*first.place, &subjects, limits).await?;
            for left_out in &found.left_out {
                events.warn(left_out.to_string());
            }
            found.found.retain(|referrer| referrer.descriptor().artifact_type.is_some_and(|kind| kinds.contains(&kind.as_str())));
            if !found.found.is_empty() && !target.place.abilities().referrers {
                events.warn(format!(
                    "left out {} that refer to images of {}: {} keeps none",
                    found.found.len(),
                    first.label,
                    target.place.name()
                ));
                continue;
            }
            copied += content::copy_referrers(&copier, &*first.place, &found.found).await?.0;
        }
    }
    Ok(copied)
}

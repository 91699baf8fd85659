//! What a registry lets go of; the rest is told, so that somebody can remove it.

use oci::{Digest, Thing};
use reqwest::Method;

use super::Ability;
use super::attempt::Attempt;
use super::writing::Writing;
use crate::ask::{Ask, Repeat};
use crate::auth::{Action, Scopes};

impl Writing<'_> {
    async fn delete(&self, path: &str) -> Attempt {
        let ask = self.registry.ask(Method::DELETE, path).repeating(Repeat::Refused);
        self.registry.attempt(&Ask { scopes: Scopes::of(self.registry.repository(), Action::Delete), ..ask }).await
    }

    /// Removes all that was written: the tag, manifests with their parents first, blobs.
    pub(super) async fn remove_all(&mut self) {
        let mark = Thing::Tag(self.mark.clone());
        let tagged = self.probed.about(Ability::ReadAfterWrite).is_some();
        if tagged {
            let removed = self.delete(&format!("manifests/{mark}")).await;
            let detail = if removed.succeeded() { self.after_the_tag().await } else { removed.said() };
            self.probed.found(Ability::DeleteTag, removed.verdict(), detail, removed.evidence);
        }
        let manifests: Vec<Digest> = std::mem::take(&mut self.manifests).into_iter().rev().collect();
        let left = self.remove_each("manifests", &manifests, Ability::DeleteManifest).await;
        // Removing a manifest takes its tags along.
        if tagged && !left.is_empty() && self.is_there(&format!("manifests/{mark}")).await {
            self.probed.left.push(format!("tag {mark}"));
        }
        self.probed.left.extend(left.into_iter().map(|digest| format!("manifest {digest}")));
        let blobs = std::mem::take(&mut self.blobs);
        let left = self.remove_each("blobs", &blobs, Ability::DeleteBlob).await;
        self.probed.left.extend(left.into_iter().map(|digest| format!("blob {digest}")));
    }

    /// Removes things of one kind, and returns those that stay.
    async fn remove_each(&mut self, kind: &str, digests: &[Digest], ability: Ability) -> Vec<Digest> {
        let mut left = Vec::new();
        for digest in digests {
            let path = format!("{kind}/{digest}");
            let removed = self.delete(&path).await;
            // It went with its tag: a tag of GHCR is a version of a package (nfrastack#575).
            let gone = removed.status() == Some(404);
            if !gone && self.probed.about(ability).is_none() {
                self.probed.found(ability, removed.verdict(), removed.said(), &removed.evidence);
            }
            if !removed.succeeded() && !gone {
                left.push(digest.clone());
            }
        }
        left
    }

    async fn after_the_tag(&self) -> String {
        // The tag was moved to the image, or still is the index: what it pointed at is one of them.
        for digest in &self.manifests {
            if !self.is_there(&format!("manifests/{digest}")).await {
                return "the manifest goes with its tag".to_owned();
            }
        }
        String::new()
    }

    async fn is_there(&self, path: &str) -> bool {
        let ask = self.registry.ask(Method::HEAD, path).with_header(reqwest::header::ACCEPT, &crate::wire::accept_manifests());
        self.registry.attempt(&ask).await.status() != Some(404)
    }
}

//! What a token is asked to allow.

/// What is done with a repository; each allows what stands before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pull,
    Push,
    Delete,
}

impl Action {
    const fn words(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "pull,push,delete",
        }
    }
}

/// The scopes of one request, made from the repository and the operation. What a challenge
/// proposes is ignored: GHCR's is a placeholder (cloudflare/serverless-registry#148).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    /// Makes the scope for one repository.
    pub(crate) fn of(repository: &str, action: Action) -> Self {
        Self(vec![format!("repository:{repository}:{}", action.words())])
    }

    /// Makes no scope at all, for a token that only proves who we are.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Makes the scope for listing the repositories of a registry (distribution, "Token Scope").
    pub(crate) fn catalogue() -> Self {
        Self(vec!["registry:catalog:*".to_owned()])
    }

    /// Makes the scopes for mounting a blob: reading `source` and writing `target`. The target
    /// stands last, as GitLab's token server honours only the last (estesp/manifest-tool#53).
    pub(crate) fn mount(target: &str, source: &str) -> Self {
        Self(vec![format!("repository:{source}:pull"), format!("repository:{target}:pull,push")])
    }

    /// Returns them one by one, as they are sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns one text for one set of scopes, whatever their order.
    pub(crate) fn key(&self) -> String {
        let mut sorted: Vec<&str> = self.iter().collect();
        sorted.sort_unstable();
        sorted.join(" ")
    }

    /// Returns them as messages say them: the actions alone where there is one repository.
    pub(crate) fn shown(&self) -> String {
        match self.0.as_slice() {
            [one] => one.rsplit(':').next().unwrap_or(one).to_owned(),
            _ => self.0.join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_no_more_than_needed() {
        assert_eq!(Scopes::of("a/b", Action::Pull).key(), "repository:a/b:pull");
        assert_eq!(Scopes::of("a/b", Action::Push).shown(), "pull,push");
        let mount = Scopes::mount("a/b", "z");
        assert_eq!(mount.iter().last(), Some("repository:a/b:pull,push"));
        assert_eq!(mount.key(), "repository:a/b:pull,push repository:z:pull");
    }
}

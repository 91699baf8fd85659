//! `push from-args`: a template and platforms become a list.

use std::collections::HashSet;

use oci::Platform;

use super::{Member, Spec, SpecError};

/// The words of `push from-args`.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// `--platforms`, each `OS/ARCH[/VARIANT]`.
    pub platforms: Vec<String>,
    /// `--template`: a name in which ARCH, OS and VARIANT stand for a platform's.
    pub template: String,
    /// `--target`.
    pub target: String,
    /// `--tags`.
    pub tags: Vec<String>,
    /// `--annotations`, each `KEY=VALUE`.
    pub annotations: Vec<String>,
}

impl Arguments {
    /// Makes the list that is meant.
    ///
    /// # Errors
    /// For a platform of one part or four, for an annotation that is no pair, and for one that comes twice.
    pub fn spec(&self) -> Result<Spec, SpecError> {
        let manifests = self.platforms.iter().map(|platform| self.member(platform)).collect::<Result<_, _>>()?;
        let annotations = self.annotations.iter().map(|text| annotation(text)).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        if let Some((key, _)) = annotations.iter().find(|(key, _)| !seen.insert(key)) {
            return Err(SpecError::Twice(key.clone()));
        }
        Ok(Spec { image: self.target.clone(), tags: self.tags.clone(), annotations, manifests })
    }

    fn member(&self, platform: &str) -> Result<Member, SpecError> {
        let parts: Vec<&str> = platform.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, ""),
            [os, architecture, variant] => (*os, *architecture, *variant),
            _ => return Err(SpecError::Platforms(platform.to_owned())),
        };
        // Each once, and in this order: later words are also found in what came in for earlier ones.
        let image = self.template.replacen("ARCH", architecture, 1).replacen("OS", os, 1).replacen("VARIANT", variant, 1);
        Ok(Member { image, platform: Platform::new(os, architecture, Some(variant).filter(|variant| !variant.is_empty())) })
    }
}

/// A value with `=` is refused, as manifest-tool does.
fn annotation(text: &str) -> Result<(String, String), SpecError> {
    match text.split('=').collect::<Vec<_>>().as_slice() {
        [key, value] if !key.is_empty() => Ok(((*key).to_owned(), (*value).to_owned())),
        _ => Err(SpecError::Annotation(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(platforms: &[&str], template: &str) -> Arguments {
        let platforms = platforms.iter().map(|text| (*text).to_owned()).collect();
        Arguments { platforms, template: template.to_owned(), ..Arguments::default() }
    }

    #[test]
    fn each_placeholder_is_replaced_once_and_in_its_order() {
        let images = |platforms: &[&str], template: &str| -> Vec<String> {
            arguments(platforms, template).spec().unwrap().manifests.into_iter().map(|member| member.image).collect()
        };
        assert_eq!(images(&["linux/amd64", "linux/arm/v7"], "app:ARCHVARIANT"), ["app:amd64", "app:armv7"]);
        assert_eq!(images(&["linux/amd64"], "app:ARCH-ARCH"), ["app:amd64-ARCH"]);
        assert_eq!(images(&["linux/arm/v7"], "OS/ARCH:VARIANT"), ["linux/arm:v7"]);
        assert_eq!(images(&["linux/OS"], "app:ARCH"), ["app:linux"]);
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for platform in ["amd64", "", "linux/arm/v7/x"] {
            assert_eq!(arguments(&[platform], "a").spec(), Err(SpecError::Platforms(platform.to_owned())));
        }
        for text in ["a", "a=b=c", "=x", "="] {
            let wrong = Arguments { annotations: vec![text.to_owned()], ..Arguments::default() };
            assert_eq!(wrong.spec(), Err(SpecError::Annotation(text.to_owned())));
        }
        let twice = Arguments { annotations: ["a=b", "b=b", "a=c"].map(str::to_owned).to_vec(), ..Arguments::default() };
        assert_eq!(twice.spec(), Err(SpecError::Twice("a".to_owned())));
        let right = Arguments { annotations: vec!["a=".to_owned()], ..Arguments::default() };
        assert_eq!(right.spec().unwrap().annotations, [("a".to_owned(), String::new())]);
    }
}

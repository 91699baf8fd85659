//! The words of `create`, as what is to be done.

use index::{Annotation, AnnotationError, Change, Lone, Wish};
use oci::{Digest, Locator, PlatformSet, Selector};

use super::shown::{shown, with_digest};
use super::source::{Source, Written, read};
use super::{Display, ImagetoolsError};

/// The words of `create` as they were written.
#[derive(Clone, Debug)]
pub struct CreateWords {
    /// What the files of `--file` hold.
    pub files: Vec<String>,
    /// The sources.
    pub sources: Vec<String>,
    /// `--tag`.
    pub tags: Vec<String>,
    /// `--append`.
    pub append: bool,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--annotation`.
    pub annotations: Vec<String>,
    /// `--prefer-index`.
    pub prefer_index: bool,
    /// `--platform`, commas and all.
    pub platforms: Vec<String>,
    /// `--progress`.
    pub progress: String,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sources, files first.
    pub sources: Vec<Source>,
    /// What the result is called.
    pub tags: Vec<Locator>,
    /// What it is to be.
    pub wish: Wish,
    /// How progress is shown.
    pub display: Display,
}

/// Understands the words.
///
/// # Errors
/// In buildx's words, at the first one that makes no sense.
pub fn order(words: &CreateWords) -> Result<Order, ImagetoolsError> {
    if words.files.is_empty() && words.sources.is_empty() {
        return Err(ImagetoolsError::NoSources);
    }
    if words.tags.is_empty() && !words.dry_run {
        return Err(ImagetoolsError::NoTags);
    }
    if words.tags.is_empty() && words.append {
        return Err(ImagetoolsError::NothingToAppendTo);
    }
    let display = words.progress.parse()?;
    let tags = words.tags.iter().map(|tag| read_tag(tag)).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<&String> = words.files.iter().chain(&words.sources).collect();
    let written = texts.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
    let sources = placed(&texts, written, &tags)?;
    let annotations = words.annotations.iter().map(|text| annotation(text)).collect::<Result<Vec<_>, _>>()?;
    let wish = Wish {
        target: tags.first().map(|tag| shown(tag).whole).unwrap_or_default(),
        change: if words.append { Change::Append } else { Change::Set },
        annotations,
        lone: if words.prefer_index { Lone::AnIndex } else { Lone::AsItIs },
        only: filter(&words.platforms)?,
        ..Wish::default()
    };
    Ok(Order { sources, tags, wish, display })
}

/// A layout's image has a name there, as a repository's has: `latest` where none was written.
fn read_tag(text: &str) -> Result<Locator, ImagetoolsError> {
    match text.parse().map_err(|problem| ImagetoolsError::Name(Box::new(problem)))? {
        Locator::Layout { path, selector: Selector::Only } => Ok(Locator::Layout { path, selector: Selector::Name("latest".to_owned()) }),
        other => Ok(other),
    }
}

/// Finds for each source where it is: one that is only a digest is in the one repository that was named.
fn placed(texts: &[&String], written: Vec<Written>, tags: &[Locator]) -> Result<Vec<Source>, ImagetoolsError> {
    let mut homes: Vec<&Locator> = Vec::new();
    let named = written.iter().filter_map(|written| match written {
        Written::Place(locator) => Some(locator),
        _ => None,
    });
    for locator in tags.iter().chain(named) {
        if !homes.iter().any(|home| shown(home).repository == shown(locator).repository) {
            homes.push(locator);
        }
    }
    let find = |text: &str, digest: &Digest| match homes.as_slice() {
        [] => Err(ImagetoolsError::NoRepository),
        [home] => with_digest(home, digest).ok_or(ImagetoolsError::NoRepository),
        _ => Err(ImagetoolsError::SeveralRepositories(text.to_owned())),
    };
    let place = |(text, written): (&&String, &Written)| {
        Ok(match written {
            Written::Place(locator) => Source { locator: locator.clone(), stated: None },
            Written::Digest(digest) => Source { locator: find(text, digest)?, stated: None },
            Written::Descriptor(stated) => Source { locator: find(text, stated.digest())?, stated: Some((**stated).clone()) },
        })
    };
    texts.iter().zip(&written).map(place).collect()
}

fn annotation(text: &str) -> Result<Annotation, ImagetoolsError> {
    text.parse().map_err(|problem| match problem {
        AnnotationError::Level { ref level, .. } => {
            let level = level.split('[').next().unwrap_or_default().to_owned();
            match level.as_str() {
                "" | "manifest" | "index-descriptor" => ImagetoolsError::Level { level, problem: Box::new(problem) },
                _ => ImagetoolsError::Annotation(Box::new(problem)),
            }
        }
        problem => ImagetoolsError::Annotation(Box::new(problem)),
    })
}

fn filter(texts: &[String]) -> Result<PlatformSet, ImagetoolsError> {
    let names = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(ImagetoolsError::Platform)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fault::Fault;

    fn words(tags: &[&str], sources: &[&str]) -> CreateWords {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        CreateWords {
            files: Vec::new(),
            sources: owned(sources),
            tags: owned(tags),
            append: false,
            dry_run: false,
            annotations: Vec::new(),
            prefer_index: true,
            platforms: Vec::new(),
            progress: "auto".to_owned(),
        }
    }

    fn refused(words: &CreateWords) -> String {
        order(words).unwrap_err().to_string()
    }

    #[test]
    fn a_digest_is_in_the_one_repository_that_was_named() {
        let digest = Digest::of(b"x").to_string();
        for (tags, sources) in [
            (vec!["r.example.com/a:1"], vec![digest.as_str()]),
            (vec![], vec!["r.example.com/a:2", &digest]),
            (vec!["oci-layout://d:1"], vec![&digest]),
        ] {
            let order = order(&CreateWords { dry_run: true, ..words(&tags, &sources) }).unwrap();
            let found = shown(&order.sources.last().unwrap().locator).whole;
            assert!(found.ends_with(&format!("@{digest}")), "{found}");
        }
        let two = words(&["r.example.com/a:1", "r.example.com/b:1"], &[&digest]);
        assert_eq!(refused(&two), format!("multiple repositories specified, cannot infer repository for {digest:?}"));
        let none = CreateWords { dry_run: true, ..words(&[], &[&digest]) };
        assert_eq!(refused(&none), "no repositories specified, please set a reference in tag or source");
    }

    #[test]
    fn words_that_are_missing() {
        assert_eq!(refused(&words(&[], &[])), "no sources specified");
        assert_eq!(refused(&words(&[], &["a"])), "can't push with no tags specified, please set --tag or --dry-run");
        let append = CreateWords { dry_run: true, append: true, ..words(&[], &["a"]) };
        assert_eq!(refused(&append), "can't append with no tags specified, please set --tag");
        assert_eq!(refused(&words(&["A:B:C"], &["a"])), "invalid reference format");
        let raw = CreateWords { progress: "rawjson".to_owned(), ..words(&["a"], &["b"]) };
        assert!(refused(&raw).starts_with("--progress rawjson is not supported"));
        let odd = CreateWords { progress: "fancy".to_owned(), ..words(&["a"], &["b"]) };
        assert_eq!(refused(&odd), "invalid progress mode fancy");
    }

    #[test]
    fn annotations_that_an_index_cannot_hold_are_refused_in_buildx_words() {
        for (text, why) in [
            ("a=b", r#""" annotations are not supported yet"#),
            ("manifest:a=b", r#""manifest" annotations are not supported yet"#),
            ("manifest[linux/amd64]:a=b", r#""manifest" annotations are not supported yet"#),
            ("index-descriptor:a=b", r#""index-descriptor" annotations are invalid while creating an image"#),
        ] {
            let words = CreateWords { annotations: vec![text.to_owned()], ..words(&["a"], &["b"]) };
            let error = order(&words).unwrap_err();
            assert_eq!(error.to_string(), why);
            assert_eq!(error.hint().unwrap().to_string(), "--annotation 'index:a=b'");
        }
        let odd = CreateWords { annotations: vec!["layer:a=b".to_owned()], ..words(&["a"], &["b"]) };
        assert_eq!(refused(&odd), "failed to parse annotations");
        let half = CreateWords { annotations: vec!["index:a".to_owned()], ..words(&["a"], &["b"]) };
        assert_eq!(
            order(&half).unwrap_err().hint().unwrap().to_string(),
            "write index:KEY=VALUE or manifest-descriptor[PLATFORM]:KEY=VALUE"
        );
    }

    #[test]
    fn the_filter_takes_commas_and_repetition() {
        let words =
            CreateWords { platforms: vec!["linux/amd64,linux/arm".to_owned(), "linux/aarch64".to_owned()], ..words(&["a"], &["b"]) };
        let only: Vec<String> = order(&words).unwrap().wish.only.iter().map(ToString::to_string).collect();
        assert_eq!(only, ["linux/amd64", "linux/arm/v7", "linux/arm64"]);
        assert!(order(&CreateWords { platforms: vec!["linux/armv9x".to_owned()], ..words }).is_err());
    }

    #[test]
    fn a_layout_gets_latest_as_a_repository_does() {
        let order = order(&words(&["oci-layout://dist"], &["a"])).unwrap();
        assert_eq!(order.wish.target, "oci-layout://dist:latest");
    }
}

//! `--annotation`, as buildx spells it for a build.

use std::collections::BTreeMap;
use std::str::FromStr;

use index::{AnnotationWords, Level};
use oci::Platform;

use super::error::WordError;
use super::platform::fitting;

/// One annotation with all the places it goes to.
///
/// Written `[LEVEL[PLATFORM],...:]KEY=VALUE`; the level is `manifest` where none is written. Among the options of an
/// output it is `annotation[-LEVEL][PLATFORM].KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildAnnotation {
    /// Where it goes.
    pub levels: Vec<AnnotationLevel>,
    /// The key, such as `org.opencontainers.image.source`.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Where an annotation goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnotationLevel {
    /// The manifest of one platform, or of every one where none is named.
    Manifest(Option<Box<Platform>>),
    /// A place in the index.
    OfIndex(Level),
}

impl BuildAnnotation {
    /// Returns the annotations of the manifest of a platform. Those said for it count over those said for all, and later
    /// ones over earlier ones.
    pub fn of_manifest(all: &[Self], platform: &Platform) -> BTreeMap<String, String> {
        let manifests: Vec<(Option<&Platform>, &Self)> = all
            .iter()
            .flat_map(|annotation| annotation.levels.iter().map(move |level| (level, annotation)))
            .filter_map(|(level, annotation)| match level {
                AnnotationLevel::Manifest(platform) => Some((platform.as_deref(), annotation)),
                AnnotationLevel::OfIndex(_) => None,
            })
            .collect();
        let fitting = fitting(&manifests, |(platform, _)| *platform, platform);
        fitting.into_iter().map(|(_, annotation)| (annotation.key.clone(), annotation.value.clone())).collect()
    }

    /// Returns what of it goes into the index, if anything does.
    pub fn of_index(&self) -> Option<index::Annotation> {
        let levels: Vec<Level> = self
            .levels
            .iter()
            .filter_map(|level| match level {
                AnnotationLevel::OfIndex(level) => Some(level.clone()),
                AnnotationLevel::Manifest(_) => None,
            })
            .collect();
        (!levels.is_empty()).then(|| index::Annotation::new(levels, self.key.clone(), self.value.clone()))
    }

    /// Reads an option of an output: what stands behind `annotation`, and the value.
    pub(super) fn of_option(text: &str, rest: &str, value: &str) -> Result<Self, WordError> {
        let shape = || WordError::shape("annotation", text, "annotation[-LEVEL][PLATFORM].KEY=VALUE");
        // A platform may hold dots (windows/amd64:10.0.20348), and the key has more of them.
        let bracket = rest.find('[').filter(|bracket| rest.find('.').is_none_or(|dot| *bracket < dot));
        let after = bracket.map_or(Some(0), |_| rest.find(']')).ok_or_else(shape)?;
        let dot = rest.get(after..).and_then(|rest| rest.find('.')).map(|at| after + at).ok_or_else(shape)?;
        let (level, key) = rest.split_at(dot);
        let (level, platform) = match level.strip_suffix(']').and_then(|level| level.split_once('[')) {
            Some((level, platform)) => (level, Some(platform)),
            None => (level, None),
        };
        let level = if level.is_empty() { "manifest" } else { level.strip_prefix('-').ok_or_else(shape)? };
        let key = key.trim_start_matches('.');
        if key.is_empty() {
            return Err(shape());
        }
        Ok(Self { levels: vec![read_level(text, level, platform)?], key: key.to_owned(), value: value.to_owned() })
    }
}

impl FromStr for BuildAnnotation {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let words = AnnotationWords::read(text).ok_or_else(|| WordError::shape("annotation", text, "[LEVEL:]KEY=VALUE"))?;
        let mut levels = words.levels.iter().map(|(level, platform)| read_level(text, level, *platform)).collect::<Result<Vec<_>, _>>()?;
        if levels.is_empty() {
            levels.push(AnnotationLevel::Manifest(None));
        }
        Ok(Self { levels, key: words.key.to_owned(), value: words.value.to_owned() })
    }
}

fn read_level(text: &str, level: &str, platform: Option<&str>) -> Result<AnnotationLevel, WordError> {
    let boxed = |platform: Option<&str>| platform.map(|platform| platform.parse().map(Box::new)).transpose();
    match (level, platform) {
        ("manifest", platform) => Ok(AnnotationLevel::Manifest(boxed(platform)?)),
        ("manifest-descriptor", platform) => Ok(AnnotationLevel::OfIndex(Level::Descriptor(boxed(platform)?))),
        ("index", None) => Ok(AnnotationLevel::OfIndex(Level::Index)),
        (level, platform) => {
            let level = platform.map_or_else(|| level.to_owned(), |platform| format!("{level}[{platform}]"));
            Err(WordError::AnnotationLevel { text: text.to_owned(), level })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> BuildAnnotation {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn of_manifest(texts: &[&str], platform: &str) -> Vec<String> {
        let all: Vec<BuildAnnotation> = texts.iter().map(|text| parse(text)).collect();
        let found = BuildAnnotation::of_manifest(&all, &platform.parse().unwrap());
        found.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn without_a_level_it_is_the_manifests() {
        assert_eq!(of_manifest(&["a.b=c=d", "manifest:e=f", "index:g=h"], "linux/amd64"), ["a.b=c=d", "e=f"]);
        let texts = ["manifest[linux/arm64]:a=arm", "a=all", "index,manifest[windows/amd64:10.0.20348]:b=1"];
        assert_eq!(of_manifest(&texts, "linux/arm64"), ["a=arm"]);
        assert_eq!(of_manifest(&texts, "windows(ltsc2022)/amd64"), ["a=all", "b=1"]);
    }

    #[test]
    fn the_index_gets_what_is_its_own() {
        for (text, of_index) in [
            ("k=v", None),
            ("manifest:k=v", None),
            ("index:k=v", Some("index:k=v")),
            ("index,manifest,manifest-descriptor[linux/arm64]:k=v", Some("index,manifest-descriptor[linux/arm64]:k=v")),
            ("manifest-descriptor:k:x=v", Some("manifest-descriptor:k:x=v")),
        ] {
            assert_eq!(parse(text).of_index().map(|annotation| annotation.to_string()).as_deref(), of_index, "{text}");
        }
    }

    #[test]
    fn an_output_has_its_own_spelling() {
        let read = |key: &str| BuildAnnotation::of_option(key, key.strip_prefix("annotation").unwrap(), "v");
        for (key, same) in [
            ("annotation.a.b", "a.b=v"),
            ("annotation[linux/arm64].a.b", "manifest[linux/arm64]:a.b=v"),
            ("annotation-manifest.a", "manifest:a=v"),
            ("annotation-manifest[windows/amd64:10.0.20348].a.b", "manifest[windows/amd64:10.0.20348]:a.b=v"),
            ("annotation-index.a[1]", "index:a[1]=v"),
            ("annotation-manifest-descriptor[linux/arm].a", "manifest-descriptor[linux/arm/v7]:a=v"),
        ] {
            assert_eq!(read(key).unwrap(), parse(same), "{key}");
        }
        for key in
            ["annotation", "annotation.", "annotations.a", "annotation-manifest", "annotation[linux/arm64", "annotation[linux/arm64]a"]
        {
            assert!(matches!(read(key), Err(WordError::Shape { .. })), "{key}");
        }
        assert!(matches!(read("annotation-layer.a"), Err(WordError::AnnotationLevel { .. })));
    }

    #[test]
    fn what_would_land_nowhere_is_refused() {
        for (text, hint) in [
            ("layer:k=v", Some("--annotation 'manifest:k=v'")),
            ("index-descriptor:k=v", Some("--annotation 'index:k=v'")),
            ("index[linux/arm64]:k=v", Some("--annotation 'manifest:k=v'")),
            ("manifest[linux/armv7]:k=v", Some("did you mean linux/arm/v7")),
            ("k", None),
            ("=v", None),
            ("index:=v", None),
        ] {
            let error = text.parse::<BuildAnnotation>().unwrap_err();
            assert_eq!(fault::Fault::hint(&error).map(|hint| hint.to_string()).as_deref(), hint, "{text}: {error}");
        }
    }
}

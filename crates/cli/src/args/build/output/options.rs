//! The options of an output: read, then made an output of its type.

use std::path::PathBuf;

use dockerfile::nearest_name;
use oci::Reference;

use super::super::annotation::BuildAnnotation;
use super::super::csv;
use super::super::truth;
use super::error::OutputError;
use super::keys::{FOREIGN, FOREIGN_KINDS, KINDS, OPTIONS, OutputKey, OutputKind};
use super::{Home, ImageOptions, Output, Pointer, Target};

/// The options of an output, as they were written.
pub(super) struct Options {
    kind: OutputKind,
    /// Each key once, but for names.
    values: Vec<(OutputKey, &'static str, String)>,
    annotations: Vec<BuildAnnotation>,
}

impl Options {
    /// Reads one line of CSV, or the short form of it.
    pub(super) fn read(text: &str) -> Result<Self, OutputError> {
        let fields = csv::fields(text).map_err(|problem| OutputError::Csv { text: text.to_owned(), problem })?;
        let pairs = fields.iter().map(|field| pair(field)).collect::<Vec<_>>();
        if let ([field], [pair]) = (fields.as_slice(), pairs.as_slice())
            && field == text
            && !text.is_empty()
            && pair.as_ref().is_none_or(|(key, _)| !is_key(key))
        {
            let kind = if text == "-" { OutputKind::Tar } else { OutputKind::Local };
            return Ok(Self { kind, values: vec![(OutputKey::Destination, "dest", text.to_owned())], annotations: Vec::new() });
        }
        let mut named = None;
        let mut others = Vec::new();
        for (field, pair) in fields.iter().zip(pairs) {
            let Some((key, value)) = pair else {
                return Err(OutputError::Field { text: text.to_owned(), field: field.clone() });
            };
            if key != "type" {
                others.push((field, key, value));
            } else if named.replace(value).is_some() {
                return Err(OutputError::Twice("type"));
            }
        }
        let kind = kind(named.ok_or_else(|| OutputError::NoType(text.to_owned()))?)?;
        let mut options = Self { kind, values: Vec::new(), annotations: Vec::new() };
        others.into_iter().try_for_each(|(field, key, value)| options.add(field, &key, value))?;
        Ok(options)
    }

    fn add(&mut self, field: &str, key: &str, value: &str) -> Result<(), OutputError> {
        if let Some(rest) = key.strip_prefix("annotation")
            && self.has_annotations()
            && rest.starts_with(['.', '-', '['])
        {
            // In the case of letters that it was written in, which is lost in the key.
            let written = field.split_once('=').map_or(field, |(key, _)| key).trim();
            let rest = written.get("annotation".len()..).unwrap_or(rest);
            self.annotations.push(BuildAnnotation::of_option(written, rest, value)?);
            return Ok(());
        }
        if let Some(foreign) = FOREIGN.iter().find(|foreign| foreign.word == key) {
            let spelt = truth(value).map_or_else(|_| value.to_owned(), |value| value.to_string());
            return if foreign.harmless.contains(&spelt.as_str()) {
                Ok(())
            } else {
                Err(OutputError::Refused { key: foreign.word, value: value.to_owned(), reason: foreign.reason })
            };
        }
        let own: Vec<_> = OPTIONS.iter().filter(|option| option.kinds.contains(&self.kind)).collect();
        let Some(option) = own.iter().find(|option| option.word == key) else {
            let mut known: Vec<&str> = own.iter().map(|option| option.word).collect();
            let nearest = nearest_name(key, known.iter().copied());
            if self.has_annotations() {
                known.push("annotation.KEY");
            }
            return Err(OutputError::Key { kind: self.kind.name(), key: key.to_owned(), known: known.join(", "), nearest });
        };
        if option.key != OutputKey::Name && self.value(option.key).is_some() {
            return Err(OutputError::Twice(option.word));
        }
        self.values.push((option.key, option.word, value.to_owned()));
        Ok(())
    }

    const fn has_annotations(&self) -> bool {
        !matches!(self.kind, OutputKind::Tar | OutputKind::Local)
    }

    fn value(&self, key: OutputKey) -> Option<(&'static str, &str)> {
        self.values.iter().find(|(other, ..)| *other == key).map(|(_, word, value)| (*word, value.as_str()))
    }

    fn truth(&self, key: OutputKey) -> Result<Option<bool>, OutputError> {
        let Some((key, value)) = self.value(key) else { return Ok(None) };
        truth(value).map(Some).map_err(|_| OutputError::Value { key, value: value.to_owned(), expected: "true or false" })
    }

    /// Makes the output.
    pub(super) fn output(self) -> Result<Output, OutputError> {
        match self.kind {
            OutputKind::Image | OutputKind::Registry => {
                let pointer = if self.truth(OutputKey::PushByDigest)? == Some(true) { Pointer::Digest } else { Pointer::Tags };
                Ok(Output::Image { home: self.home()?, pointer, image: Box::new(self.image()?) })
            }
            // Where buildx has no destination, it writes an archive to the standard output, and a folder is missing.
            OutputKind::Oci => Ok(Output::Layout { target: self.target()?.unwrap_or(Target::Stdout), image: Box::new(self.image()?) }),
            OutputKind::Docker => Ok(Output::Docker { target: self.target()?, image: Box::new(self.image()?) }),
            OutputKind::Tar => {
                Ok(Output::Tar { target: self.target()?.unwrap_or(Target::Stdout), split: self.truth(OutputKey::PlatformSplit)? })
            }
            OutputKind::Local => {
                let folder = match self.target()? {
                    Some(Target::File(path) | Target::Folder(path)) => path,
                    Some(Target::Stdout) => {
                        return Err(OutputError::Value {
                            key: "dest",
                            value: "-".to_owned(),
                            expected: "a folder; type=tar can be written to -",
                        });
                    }
                    None => return Err(OutputError::Missing { kind: "local", missing: "dest=DIR" }),
                };
                Ok(Output::Local { folder, split: self.truth(OutputKey::PlatformSplit)? })
            }
        }
    }

    fn home(&self) -> Result<Home, OutputError> {
        match (self.kind, self.truth(OutputKey::Push)?) {
            (OutputKind::Registry, Some(false)) => {
                Err(OutputError::Value { key: "push", value: "false".to_owned(), expected: "true, for type=registry is pushed" })
            }
            (OutputKind::Registry, _) | (_, Some(true)) => Ok(Home::Registry),
            _ => Ok(Home::Store),
        }
    }

    fn target(&self) -> Result<Option<Target>, OutputError> {
        let folder = self.truth(OutputKey::Tar)? == Some(false);
        match (self.value(OutputKey::Destination), folder) {
            (Some((key, "")), _) => Err(OutputError::Value { key, value: String::new(), expected: "a path" }),
            (Some((key, "-")), true) => Err(OutputError::Value { key, value: "-".to_owned(), expected: "a folder with tar=false" }),
            (Some((_, "-")), false) => Ok(Some(Target::Stdout)),
            (Some((_, path)), true) => Ok(Some(Target::Folder(PathBuf::from(path)))),
            (Some((_, path)), false) => Ok(Some(Target::File(PathBuf::from(path)))),
            (None, true) => Err(OutputError::Missing { kind: self.kind.name(), missing: "dest=DIR,tar=false" }),
            (None, false) => Ok(None),
        }
    }

    fn image(&self) -> Result<ImageOptions, OutputError> {
        let mut image = ImageOptions {
            annotations: self.annotations.clone(),
            force_compression: self.truth(OutputKey::ForceCompression)?.unwrap_or_default(),
            oci_media_types: self.truth(OutputKey::OciMediaTypes)?,
            rewrite_timestamp: self.truth(OutputKey::RewriteTimestamp)?,
            ..ImageOptions::default()
        };
        for (_, _, names) in self.values.iter().filter(|(key, ..)| *key == OutputKey::Name) {
            for name in names.split(',').map(str::trim) {
                let name: Reference = name.parse()?;
                if !image.names.contains(&name) {
                    image.names.push(name);
                }
            }
        }
        if let Some((_, kind)) = self.value(OutputKey::Compression) {
            image.compression.kind = Some(kind.parse()?);
        }
        if let Some((key, level)) = self.value(OutputKey::CompressionLevel) {
            let number = level.parse().map_err(|_| OutputError::Value { key, value: level.to_owned(), expected: "a whole number" })?;
            image.compression.level = Some(number);
        }
        // With a kind, the level is known to be one of its own or not; without, the build may say the kind.
        if image.compression.kind.is_some() {
            image.compression.settle()?;
        }
        Ok(image)
    }
}

/// Splits a field; keys are in lower case, and may have spaces around them.
fn pair(field: &str) -> Option<(String, &str)> {
    let (key, value) = field.split_once('=')?;
    Some((key.trim().to_lowercase(), value))
}

/// Tells whether a word is an option of any type, so that it is no folder.
fn is_key(word: &str) -> bool {
    word == "type" || OPTIONS.iter().any(|option| option.word == word) || FOREIGN.iter().any(|foreign| foreign.word == word)
}

fn kind(name: &str) -> Result<OutputKind, OutputError> {
    KINDS.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind).ok_or_else(|| {
        let instead = FOREIGN_KINDS.iter().find(|(word, _)| *word == name).map(|(_, instead)| (*instead).to_owned());
        let nearest = || nearest_name(name, KINDS.iter().map(|(word, _)| *word)).map(|word| format!("did you mean type={word}"));
        OutputError::Type { kind: name.to_owned(), hint: instead.or_else(nearest) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::build::annotation::AnnotationLevel;
    use crate::args::build::compression::CompressionKind;
    use fault::Fault;

    fn parse(text: &str) -> Output {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn image(text: &str) -> ImageOptions {
        parse(text).image_options().cloned().unwrap()
    }

    #[test]
    fn every_type_has_its_target() {
        let none = Box::<ImageOptions>::default;
        let file = Target::File("a.tar".into());
        for (text, output) in [
            ("dist", Output::Local { folder: "dist".into(), split: None }),
            ("a=b", Output::Local { folder: "a=b".into(), split: None }),
            ("-", Output::Tar { target: Target::Stdout, split: None }),
            ("type=local,dest=dist,platform-split=false", Output::Local { folder: "dist".into(), split: Some(false) }),
            ("type=tar", Output::Tar { target: Target::Stdout, split: None }),
            ("type=tar,dest=a.tar,platform-split=1", Output::Tar { target: file.clone(), split: Some(true) }),
            ("type=oci", Output::Layout { target: Target::Stdout, image: none() }),
            ("type=oci,dest=-", Output::Layout { target: Target::Stdout, image: none() }),
            ("dest=a.tar, Type=oci", Output::Layout { target: file.clone(), image: none() }),
            ("type=oci,tar=false,dest=dist", Output::Layout { target: Target::Folder("dist".into()), image: none() }),
            ("type=docker", Output::loaded()),
            ("type=docker,dest=a.tar", Output::Docker { target: Some(file), image: none() }),
            ("type=image", Output::image(Home::Store)),
            ("type=image,push=false", Output::image(Home::Store)),
            ("type=image,push=true,store=true,unpack=false", Output::image(Home::Registry)),
            ("type=registry", Output::image(Home::Registry)),
            (
                "type=image,push-by-digest=true,name-canonical=true,push=true",
                Output::Image { home: Home::Registry, pointer: Pointer::Digest, image: none() },
            ),
        ] {
            assert_eq!(parse(text), output, "{text}");
        }
    }

    #[test]
    fn names_are_a_list_in_quotes_or_repeated() {
        let names = |text: &str| -> Vec<String> { image(text).names.iter().map(Reference::familiar).collect() };
        assert_eq!(names(r#"type=image,"name=ghcr.io/a/b:1,a/b",push=true"#), ["ghcr.io/a/b:1", "a/b:latest"]);
        assert_eq!(names("type=image,name=a,name=b:2,name=a"), ["a:latest", "b:2"]);
        assert!(matches!("type=image,name=".parse::<Output>(), Err(OutputError::Name(_))));
    }

    #[test]
    fn an_image_has_options() {
        let options = image("type=oci,compression=zstd,compression-level=7,force-compression=true,oci-mediatypes=F,rewrite-timestamp=t");
        assert_eq!((options.compression.kind, options.compression.level), (Some(CompressionKind::Zstd), Some(7)));
        assert_eq!((options.force_compression, options.oci_media_types, options.rewrite_timestamp), (true, Some(false), Some(true)));
        assert_eq!(image("type=oci,compression=uncompressed").compression.kind, Some(CompressionKind::None));
    }

    #[test]
    fn annotations_keep_the_case_of_their_keys() {
        let options = image(r#"type=image,annotation.Org.A=x,"annotation-index.b=1,2",annotation-manifest[linux/arm].c=y"#);
        let shown: Vec<(&str, &str)> =
            options.annotations.iter().map(|annotation| (annotation.key.as_str(), annotation.value.as_str())).collect();
        assert_eq!(shown, [("Org.A", "x"), ("b", "1,2"), ("c", "y")]);
        assert!(matches!(&options.annotations[2].levels[..], [AnnotationLevel::Manifest(Some(_))]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_there_is() {
        for (text, said, hint) in [
            ("dest=a.tar", "expected type=image", Some("type=image,dest=a.tar; a folder of that name is ./dest=a.tar")),
            ("type=oci,a.tar", r#"expected KEY=VALUE, got "a.tar""#, None),
            ("", r#"expected KEY=VALUE, got """#, None),
            ("type=", r#"bad output type """#, None),
            ("type=ocl,dest=a", r#"bad output type "ocl""#, Some("did you mean type=oci")),
            ("type=cacheonly", "bad output type", Some("polyarch plan shows what would be built, and writes nothing")),
            ("type=local,dst=a", r#"type=local has no option "dst", but dest, platform-split"#, Some("did you mean dest")),
            ("type=local,dest=a,push=true", r#"type=local has no option "push""#, None),
            ("type=local,dest=a,annotation.b=c", r#"type=local has no option "annotation.b""#, None),
            ("type=image,dest=a.tar", r#"type=image has no option "dest""#, None),
            ("type=image,annotations.b=c", "force-compression, oci-mediatypes, rewrite-timestamp, annotation.KEY", None),
            ("type=oci,dest=a,dest=b", "output option dest is there twice", None),
            ("type=oci,type=tar", "output option type is there twice", None),
            ("type=oci,tar=maybe", "bad output option tar=maybe: expected true or false", None),
            ("type=oci,tar=false", "type=oci without dest=DIR", Some("--output type=oci,dest=DIR,tar=false")),
            ("type=oci,tar=false,dest=-", "expected a folder", None),
            ("type=oci,dest=", "expected a path", None),
            ("type=local", "type=local without dest=DIR", Some("--output type=local,dest=DIR")),
            ("type=local,dest=-", "type=tar can be written to -", None),
            ("type=registry,push=false", "type=registry is pushed", None),
            ("type=image,store=false", "output option store=false is not there", None),
            ("type=image,unpack=true", "no image is unpacked", None),
            ("type=image,registry.insecure=true", "--plain-http=HOST", None),
            ("type=image,dangling-name-prefix=x", "found by its digest", None),
            ("type=image,compression=estargz", "expected gzip, zstd", Some("zstd is smaller and as quick to unpack")),
            ("type=image,compression=gzip,compression-level=22", "bad level 22 of gzip: expected 1 to 12", None),
            ("type=image,compression-level=high", "expected a whole number", None),
            ("type=image,name=A", "lower case", None),
            ("type=image,annotation-layer.a=b", "bad annotation", Some("--annotation 'manifest:annotation-layer.a'")),
        ] {
            let error = text.parse::<Output>().unwrap_err();
            assert!(error.to_string().contains(said), "{text}: {error}");
            assert_eq!(error.hint().map(|hint| hint.to_string()).as_deref(), hint, "{text}");
        }
        let error = r#"type=image,name="a,b""#.parse::<Output>().unwrap_err();
        assert!(matches!(error, OutputError::Csv { .. }), "{error}");
    }
}

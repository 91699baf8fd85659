//! Where the result of a build goes: names in the store and in registries, archives, Docker, and files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::{Expected, Place};
use fault::{Failure, Fault, Hint, Kind};
use layer::Compression;
use oci::{Locator, PlatformSet, Reference, Selector};
use tempfile::TempDir;

use crate::args::{Build, BuildAnnotation, Home, ImageOptions, Output, Pointer, Target};
use crate::commands::Session;
use crate::commands::create::tags::Tag;
use crate::commands::transfer::{self, Data, Job, Wanted, Word};
use crate::names::check_pushable;
use crate::open::{Answer, Opened, Opener};

const LOAD: Word = Word { does: "load", did: "loaded", json: "polyarchLoad" };

/// Outputs that do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// A push without a name.
    #[error("nothing to push to: the image has no name")]
    Nameless,
    /// A name that Docker cannot know an image by.
    #[error("Docker needs a name to know the image by")]
    NamelessLoad,
    /// Outputs that want layers of different kinds.
    #[error("outputs with different compressions are not made in one build")]
    Compressions,
    /// An option that is not done yet.
    #[error("output option {0} is not supported yet")]
    Option(&'static str),
    /// A tar for a person's eyes.
    #[error("a tar is not for a terminal to show")]
    Terminal,
    /// A file that is only needed for a while.
    #[error("cannot keep the archive for the standard output in {}", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
    /// Data that goes to the standard output twice.
    #[error("two outputs go to the standard output")]
    Stdout,
}

impl Fault for DeliverError {
    fn kind(&self) -> Kind {
        if matches!(self, Self::Scratch { .. }) { Kind::Place } else { Kind::Usage }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Terminal => Some(Hint::new("send it on, `| docker load`, or name a file: dest=FILE")),
            Self::Scratch { .. } => Some(Hint::new("TMPDIR names a folder with more room")),
            Self::Nameless | Self::NamelessLoad => Some(Hint::new("name it with --tag NAME:TAG")),
            Self::Compressions => Some(Hint::new("build twice: what did not change is taken from the cache")),
            _ => None,
        }
    }
}

/// What an archive on its way to the standard output is called; the file that it is for a while is nobody's business.
pub const STDOUT: &str = "the standard output";

/// Where a result goes.
pub struct Deliveries {
    outputs: Vec<Output>,
    /// The names of `--tag`, else those of the outputs.
    names: Vec<Locator>,
    tags: Vec<Tag>,
    /// The archive that goes to the standard output once it is whole, and the folder it is made in.
    stream: Option<(TempDir, PathBuf)>,
}

impl Deliveries {
    /// Decides by the words.
    ///
    /// # Errors
    /// Where they do not fit together.
    pub fn decide(arguments: &Build) -> Result<Self, Failure> {
        let outputs = arguments.outputs();
        let mut names = arguments.tags.clone();
        if names.is_empty() {
            let own = outputs.iter().filter_map(Output::image_options).flat_map(|image| &image.names);
            names = own.cloned().map(Locator::Name).collect();
        }
        let mut said = BTreeSet::new();
        names.retain(|name| said.insert(name.to_string()));
        for output in &outputs {
            if let Some(image) = output.image_options() {
                check(image)?;
            }
            match output {
                Output::Image { home: Home::Registry, .. } if names.is_empty() => return Err(DeliverError::Nameless.into()),
                Output::Docker { target: None, .. } if reference(names.first()).is_none() => return Err(DeliverError::NamelessLoad.into()),
                _ => {}
            }
            if let Output::Image { home: Home::Registry, .. } = output {
                for name in names.iter().filter_map(|name| reference(Some(name))) {
                    check_pushable(&name, "polyarch build --push -t {} ...")?;
                }
            }
        }
        if outputs.iter().filter(|output| output.is_stdout()).count() > 1 {
            return Err(DeliverError::Stdout.into());
        }
        Ok(Self { outputs, names, tags: Vec::new(), stream: None })
    }

    /// Says beforehand which repositories will be written.
    pub fn announce(&self, opener: &mut Opener) {
        let pushed = self.outputs.iter().any(|output| matches!(output, Output::Image { home: Home::Registry, .. }));
        for name in &self.names {
            match name {
                Locator::Registry(name) => opener.will_write(name),
                Locator::Name(name) if pushed => opener.will_write(name),
                _ => {}
            }
        }
    }

    /// Returns the repository of the store that the content is seen by; nothing is named there.
    pub fn repository(&self) -> &'static str {
        "polyarch/build"
    }

    /// Returns what the result is called, for messages.
    pub fn wish(&self) -> String {
        self.names.first().map(ToString::to_string).unwrap_or_default()
    }

    /// Returns the tags that will point at the result.
    pub fn tags(&mut self) -> &mut Vec<Tag> {
        &mut self.tags
    }

    /// Tells whether Docker gets the result.
    pub fn loads(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::Docker { target: None, .. }))
    }

    /// Tells whether the result is wanted as files, and not as an image.
    pub fn are_files(&self) -> bool {
        self.outputs.iter().all(|output| matches!(output, Output::Tar { .. } | Output::Local { .. }))
    }

    /// Tells whether something else than words goes to the standard output.
    pub fn takes_stdout(&self) -> bool {
        self.outputs.iter().any(Output::is_stdout)
    }

    /// Opens every place that gets a name, before anything is made.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub async fn open(&mut self, session: &Session, opener: &Opener) -> Result<(), Failure> {
        if self.takes_stdout() && session.context.terminal {
            return Err(DeliverError::Terminal.into());
        }
        for output in &self.outputs.clone() {
            match output {
                Output::Image { home, pointer, .. } => {
                    let push = *home == Home::Registry;
                    for name in &self.names {
                        let opened = opener.target(name, push && matches!(name, Locator::Name(_))).await?;
                        if *pointer == Pointer::Digest {
                            continue;
                        }
                        self.tags.push(Tag { opened, digest: digest(name), current: None });
                    }
                }
                Output::Layout { target, .. } => {
                    let file = self.streamed(session, target)?;
                    let tags = self.in_layout(opener, &file).await?;
                    self.tags.extend(tags.into_iter().map(|tag| relabelled(tag, target)));
                }
                Output::Docker { target: Some(target), .. } => {
                    let file = self.streamed(session, target)?;
                    let tags = self.in_archive(opener, &file)?;
                    self.tags.extend(tags.into_iter().map(|tag| relabelled(tag, target)));
                }
                Output::Docker { target: None, .. } | Output::Tar { .. } | Output::Local { .. } => {}
            }
        }
        Ok(())
    }

    /// An archive for the standard output is a file until it is whole: it is written in another order than it is read.
    fn streamed(&mut self, session: &Session, target: &Target) -> Result<Target, Failure> {
        if *target != Target::Stdout {
            return Ok(target.clone());
        }
        let scratch = &session.context.scratch;
        let folder = tempfile::tempdir_in(scratch).map_err(|problem| DeliverError::Scratch { folder: scratch.clone(), problem })?;
        let path = folder.path().join("image.tar");
        self.stream = Some((folder, path.clone()));
        Ok(Target::File(path))
    }

    /// Sends the archive that is for the standard output.
    ///
    /// # Errors
    /// Where it cannot be read again.
    pub fn send(&mut self, session: &Session) -> Result<(), Failure> {
        let Some((folder, path)) = self.stream.take() else { return Ok(()) };
        let wrong = |problem| DeliverError::Scratch { folder: folder.path().to_owned(), problem };
        let mut file = File::open(&path).map_err(wrong)?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk).map_err(wrong)? {
                0 => return Ok(()),
                count => session.console.raw(chunk.get(..count).unwrap_or_default()),
            }
        }
    }

    /// The names that an archive knows the image by, in full; the only one where there is none.
    fn selectors(&self) -> Vec<Selector> {
        let names: Vec<Selector> =
            self.names.iter().filter_map(|name| reference(Some(name))).map(|name| Selector::Name(tagged(&name).to_string())).collect();
        if names.is_empty() { vec![Selector::Only] } else { names }
    }

    async fn in_layout(&self, opener: &Opener, target: &Target) -> Result<Vec<Tag>, Failure> {
        let mut tags = Vec::new();
        for selector in self.selectors() {
            let locator = match target {
                Target::Folder(path) => Locator::Layout { path: path.clone(), selector },
                Target::File(path) => Locator::LayoutArchive { path: path.clone(), selector },
                Target::Stdout => return Err(DeliverError::Option("dest=-").into()),
            };
            let opened = opener.target(&locator, false).await?;
            tags.push(Tag { opened, digest: None, current: None });
        }
        Ok(tags)
    }

    fn in_archive(&self, opener: &Opener, target: &Target) -> Result<Vec<Tag>, Failure> {
        let path: &Path = match target {
            Target::File(path) => path,
            Target::Folder(_) => return Err(DeliverError::Option("tar=false").into()),
            Target::Stdout => return Err(DeliverError::Option("dest=-").into()),
        };
        let place = opener.new_archive_at(path);
        let tag = |selector: Selector| {
            let label = format!("docker-archive:{}{selector}", path.display());
            Tag { opened: Opened { label, place: place.clone(), selector, answer: Answer::Named }, digest: None, current: None }
        };
        Ok(self.selectors().into_iter().map(tag).collect())
    }

    /// Hands the result to Docker, where that is wanted.
    ///
    /// # Errors
    /// Where Docker does not take it.
    pub async fn hand_over(
        &self,
        session: &Session,
        opener: &Opener,
        place: &Arc<dyn Place>,
        document: &index::Plan,
    ) -> Result<(), Failure> {
        if !self.loads() {
            return Ok(());
        }
        let mut jobs = Vec::new();
        for name in self.names.iter().filter_map(|name| reference(Some(name))) {
            let familiar = tagged(&name).familiar();
            let selector = Selector::Digest(document.document.digest().clone());
            let from = Opened { label: familiar.clone(), place: place.clone(), selector, answer: Answer::Store };
            jobs.push(Job::new(from, opener.target(&Locator::Daemon(familiar), false).await?));
        }
        let wanted =
            Wanted { platforms: PlatformSet::default(), referrers: false, dry_run: false, expected: Expected::Any, data: Data::None };
        transfer::run(session, opener, LOAD, &jobs, &wanted).await.map(drop)
    }
}

/// Returns how layers are compressed, for all outputs alike.
///
/// # Errors
/// Where outputs want different things, or a level is none.
pub fn compression(arguments: &Build) -> Result<Compression, Failure> {
    let mut found = None;
    for image in arguments.outputs().iter().filter_map(Output::image_options) {
        let own = image.compression.or(arguments.compression).settle()?;
        if found.is_some_and(|found| found != own) {
            return Err(DeliverError::Compressions.into());
        }
        found = Some(own);
    }
    found.map_or_else(|| Ok(arguments.compression.settle()?), Ok)
}

/// Returns the annotations of the build and of its outputs.
pub fn annotations(arguments: &Build) -> Vec<BuildAnnotation> {
    let outputs = arguments.outputs();
    let own = outputs.iter().filter_map(Output::image_options).flat_map(|image| image.annotations.clone());
    arguments.annotations.iter().cloned().chain(own).collect()
}

fn check(image: &ImageOptions) -> Result<(), Failure> {
    if image.force_compression {
        return Err(DeliverError::Option("force-compression=true").into());
    }
    if image.oci_media_types == Some(false) {
        return Err(DeliverError::Option("oci-mediatypes=false").into());
    }
    Ok(())
}

/// Calls an archive by where it ends up.
fn relabelled(mut tag: Tag, target: &Target) -> Tag {
    if *target == Target::Stdout {
        STDOUT.clone_into(&mut tag.opened.label);
    }
    tag
}

/// Returns the name that a locator is, if it is one.
fn reference(name: Option<&Locator>) -> Option<Reference> {
    match name? {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => Some(name.clone()),
        _ => None,
    }
}

/// Returns a name with its tag, `latest` where it has none.
fn tagged(name: &Reference) -> Reference {
    let tag = name.target_tag().unwrap_or_else(oci::Tag::latest);
    name.with(oci::Thing::Tag(tag))
}

fn digest(name: &Locator) -> Option<oci::Digest> {
    reference(Some(name)).and_then(|name| name.digest().cloned())
}

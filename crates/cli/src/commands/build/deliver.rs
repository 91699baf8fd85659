//! Where the result of a build goes: names in the store and in registries, archives, Docker, and files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::{Expected, Place};
use fault::{Failure, Fault, Hint, Kind};
use layer::Compression;
use oci::{Locator, PlatformSet, Reference, Selector};
use tempfile::TempDir;

use crate::args::{Build, BuildAnnotation, Home, ImageOptions, Output, Pointer, Target};
use crate::commands::Session;
use crate::commands::create::tags::{Tag, current};
use crate::commands::transfer::{self, Data, Job, Wanted, Word};
use crate::names::check_pushable;
use crate::open::{Answer, Opened, Opener};

const LOAD: Word = Word { does: "load", did: "loaded", json: "polyarchLoad" };

/// Outputs that do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// A push by digest to a name with a tag, which would move if it were not for that word.
    #[error("{0} has a tag: expected a name without one, for push-by-digest=true moves no tag")]
    Tagged(Box<Reference>),
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
}

impl Fault for DeliverError {
    fn kind(&self) -> Kind {
        if matches!(self, Self::Scratch { .. }) { Kind::Place } else { Kind::Usage }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Terminal => Some(Hint::new("send it on, `| docker load`, or name a file: dest=FILE")),
            Self::Scratch { .. } => Some(Hint::new("TMPDIR names a folder with more room")),
            Self::Tagged(name) => Some(Hint::new(format!("name={}, or leave push-by-digest=true away", name.name()))),
            Self::NamelessLoad => Some(Hint::new("name it with --tag NAME:TAG")),
            Self::Compressions => Some(Hint::new("build twice: what did not change is taken from the cache")),
            _ => None,
        }
    }
}

/// What an archive on its way to the standard output is called; the file that it is for a while is nobody's business.
pub const STDOUT: &str = "the standard output";

/// One output.
struct Delivery {
    output: Output,
    /// What the result is called there, each name once.
    names: Vec<Locator>,
}

/// Where a result goes.
pub struct Deliveries {
    deliveries: Vec<Delivery>,
    tags: Vec<Tag>,
    /// Names whose registries get the result and no tag (`push-by-digest=true`).
    untagged: Vec<Tag>,
    /// The archive that goes to the standard output once it is whole, and the folder it is made in.
    stream: Option<(TempDir, PathBuf)>,
}

impl Deliveries {
    /// Decides by the words.
    ///
    /// # Errors
    /// Where they do not fit together.
    pub fn decide(arguments: &Build) -> Result<Self, Failure> {
        let named = |output: Output| {
            let mut said = BTreeSet::new();
            let mut names = arguments.names(&output);
            names.retain(|name| said.insert(name.to_string()));
            Delivery { output, names }
        };
        let deliveries: Vec<Delivery> = arguments.outputs().into_iter().map(named).collect();
        deliveries.iter().try_for_each(Delivery::check)?;
        Ok(Self { deliveries, tags: Vec::new(), untagged: Vec::new(), stream: None })
    }

    /// Says beforehand which repositories will be written.
    pub fn announce(&self, opener: &mut Opener) {
        for delivery in &self.deliveries {
            let pushed = delivery.is_pushed();
            for name in &delivery.names {
                match name {
                    Locator::Registry(name) => opener.will_write(name),
                    Locator::Name(name) if pushed => opener.will_write(name),
                    _ => {}
                }
            }
        }
    }

    /// Returns the repository of the store that the content is seen by; nothing is named there.
    pub fn repository(&self) -> &'static str {
        "polyarch/build"
    }

    /// Returns what the result is called, for messages.
    pub fn wish(&self) -> String {
        self.deliveries.iter().find_map(|delivery| delivery.names.first()).map(ToString::to_string).unwrap_or_default()
    }

    /// Returns the tags that will point at the result.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Asks what every tag points at now.
    ///
    /// # Errors
    /// Where a place cannot answer.
    pub async fn look(&mut self) -> Result<(), Failure> {
        let found = current(&self.tags, false).await?;
        for (tag, digest) in self.tags.iter_mut().zip(found) {
            tag.current = digest;
        }
        Ok(())
    }

    /// Returns the names whose registries get the result, and where no tag will point at it.
    pub fn untagged(&self) -> &[Tag] {
        &self.untagged
    }

    /// Returns the labels of all names that were opened.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().chain(&self.untagged).map(|tag| tag.opened.label.as_str())
    }

    /// Tells whether Docker gets the result.
    pub fn loads(&self) -> bool {
        self.deliveries.iter().any(Delivery::is_loaded)
    }

    /// Tells whether the result is wanted as files, and not as an image.
    pub fn are_files(&self) -> bool {
        self.deliveries.iter().all(|delivery| matches!(delivery.output, Output::Tar { .. } | Output::Local { .. }))
    }

    /// Tells whether something else than words goes to the standard output.
    pub fn takes_stdout(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.output.is_stdout())
    }

    /// Opens every place that gets a name, before anything is made.
    ///
    /// # Errors
    /// Where one cannot be written.
    pub async fn open(&mut self, session: &Session, opener: &Opener) -> Result<(), Failure> {
        if self.takes_stdout() && session.context.terminal {
            return Err(DeliverError::Terminal.into());
        }
        for Delivery { output, names } in mem::take(&mut self.deliveries) {
            self.open_one(session, opener, &output, &names).await?;
            self.deliveries.push(Delivery { output, names });
        }
        Ok(())
    }

    async fn open_one(&mut self, session: &Session, opener: &Opener, output: &Output, names: &[Locator]) -> Result<(), Failure> {
        match output {
            Output::Image { home, pointer, .. } => {
                let push = *home == Home::Registry;
                for name in names {
                    let opened = opener.target(name, push && matches!(name, Locator::Name(_))).await?;
                    let tag = Tag { opened, digest: digest(name), current: None };
                    match pointer {
                        Pointer::Tags => self.tags.push(tag),
                        Pointer::Digest => self.untagged.extend(without_tag(tag)),
                    }
                }
            }
            Output::Layout { target, .. } => {
                let file = self.streamed(session, target)?;
                let tags = in_layout(opener, &file, names).await?;
                self.tags.extend(tags.into_iter().map(|tag| relabelled(tag, target)));
            }
            Output::Docker { target: Some(target), .. } => {
                let file = self.streamed(session, target)?;
                let tags = in_archive(opener, &file, names)?;
                self.tags.extend(tags.into_iter().map(|tag| relabelled(tag, target)));
            }
            Output::Docker { target: None, .. } | Output::Tar { .. } | Output::Local { .. } => {}
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
        let names = self.deliveries.iter().filter(|delivery| delivery.is_loaded()).flat_map(|delivery| &delivery.names);
        let mut jobs = Vec::new();
        for name in names.filter_map(reference) {
            let familiar = tagged(&name).familiar();
            let selector = Selector::Digest(document.document.digest().clone());
            let from = Opened { label: familiar.clone(), place: place.clone(), selector, answer: Answer::Store };
            jobs.push(Job::new(from, opener.target(&Locator::Daemon(familiar), false).await?));
        }
        if jobs.is_empty() {
            return Ok(());
        }
        let wanted =
            Wanted { platforms: PlatformSet::default(), referrers: false, dry_run: false, expected: Expected::Any, data: Data::None };
        transfer::run(session, opener, LOAD, &jobs, &wanted).await.map(drop)
    }
}

impl Delivery {
    /// Passes what can be done.
    fn check(&self) -> Result<(), Failure> {
        if let Some(image) = self.output.image_options() {
            check(image)?;
        }
        if self.is_loaded() && !self.names.iter().any(|name| reference(name).is_some()) {
            return Err(DeliverError::NamelessLoad.into());
        }
        if let Output::Image { pointer: Pointer::Digest, .. } = &self.output
            && let Some(name) = self.names.iter().filter_map(reference).find(|name| name.tag().is_some())
        {
            return Err(DeliverError::Tagged(Box::new(name)).into());
        }
        if self.is_pushed() {
            for name in self.names.iter().filter_map(reference) {
                check_pushable(&name, "polyarch build --push -t {} ...")?;
            }
        }
        Ok(())
    }

    fn is_pushed(&self) -> bool {
        matches!(self.output, Output::Image { home: Home::Registry, .. })
    }

    fn is_loaded(&self) -> bool {
        matches!(self.output, Output::Docker { target: None, .. })
    }
}

/// The names that an archive knows the image by, in full; the only one where there is none.
fn selectors(names: &[Locator]) -> Vec<Selector> {
    let names: Vec<Selector> = names.iter().filter_map(reference).map(|name| Selector::Name(tagged(&name).to_string())).collect();
    if names.is_empty() { vec![Selector::Only] } else { names }
}

async fn in_layout(opener: &Opener, target: &Target, names: &[Locator]) -> Result<Vec<Tag>, Failure> {
    let mut tags = Vec::new();
    for selector in selectors(names) {
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

fn in_archive(opener: &Opener, target: &Target, names: &[Locator]) -> Result<Vec<Tag>, Failure> {
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
    Ok(selectors(names).into_iter().map(tag).collect())
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
fn reference(name: &Locator) -> Option<Reference> {
    match name {
        Locator::Name(name) | Locator::Registry(name) | Locator::Store(name) => Some(name.clone()),
        _ => None,
    }
}

/// Calls a repository of a registry by its name alone. In the local store, a digest finds the image whatever it is called.
fn without_tag(mut tag: Tag) -> Option<Tag> {
    let Answer::Registry(name) = &tag.opened.answer else { return None };
    tag.opened.label = name.name();
    Some(tag)
}

/// Returns a name with its tag, `latest` where it has none.
fn tagged(name: &Reference) -> Reference {
    let tag = name.target_tag().unwrap_or_else(oci::Tag::latest);
    name.with(oci::Thing::Tag(tag))
}

fn digest(name: &Locator) -> Option<oci::Digest> {
    reference(name).and_then(|name| name.digest().cloned())
}

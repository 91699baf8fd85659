//! The image of a program: what is here, or what its registry has, and of it the one for this machine.

use std::sync::Arc;

use content::{Copier, Expected, Limits, Place, Source};
use engine::base::Base;
use engine::machines::Machines;
use fault::Failure;
use graph::runs_natively;
use index::{Depth, IndexError, Order, bring, decide, describe, find_image};
use oci::{Digest, Locator, Matcher, Platform, PlatformSet, RawManifest, Reference, Selector};
use store::NameOrigin;

use super::error::RunVerbError;
use crate::args::PullWord;
use crate::commands::Session;
use crate::commands::pull::{check_not_made_here, into_store};
use crate::commands::transfer::Job;
use crate::names::NameError;
use crate::open::{Answer, Opened, Opener};

/// Finds the image of a program.
pub struct Finder<'a> {
    session: &'a Session,
    opener: &'a Opener,
    machines: &'a Machines,
    /// The platform that was asked for.
    asked: Option<&'a Platform>,
    /// Nothing is said of where the image is.
    is_quiet: bool,
}

/// The image among those of a document that is run.
struct Chosen {
    root: RawManifest,
    platform: Platform,
    manifest: RawManifest,
}

impl<'a> Finder<'a> {
    /// Prepares; nothing is asked yet.
    pub fn new(session: &'a Session, opener: &'a Opener, machines: &'a Machines, asked: Option<&'a Platform>) -> Self {
        Self { session, opener, machines, asked, is_quiet: false }
    }

    /// Says nothing of where the image is.
    pub const fn quietly(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Lists the platforms that a name has images for, in their order, and says where that is.
    ///
    /// # Errors
    /// Where it is nowhere.
    pub async fn offered(&self, locator: &Locator, pull: PullWord) -> Result<Vec<String>, Failure> {
        let opened = match locator {
            Locator::Name(name) => {
                let here = if pull == PullWord::Always { None } else { self.here(name).await? };
                match here {
                    // What was pulled may be a part of what there is.
                    Some(here) if here.answer == Answer::Store || pull == PullWord::Never => here,
                    None if pull == PullWord::Never => return Err(NameError::NotHere(name.clone()).into()),
                    _ => self.opener.far_source(locator).await?,
                }
            }
            Locator::Registry(_) => self.opener.far_source(locator).await?,
            _ => self.opener.source(locator).await?,
        };
        self.announce(&opened);
        let root = opened.place.manifest(&opened.selector).await.map_err(|problem| self.opener.explain(&opened, problem))?;
        let described = describe(&*opened.place, &opened.label, &root, Depth::Document).await?;
        Ok(described.platforms.into_iter().map(|entry| entry.platform).collect())
    }

    fn announce(&self, opened: &Opened) {
        if !self.is_quiet {
            self.opener.announce(&[opened]);
        }
    }

    /// Finds it, and pulls it where that is wanted.
    ///
    /// # Errors
    /// Where it is nowhere, or for other machines.
    pub async fn find(&self, locator: &Locator, pull: PullWord) -> Result<Base, Failure> {
        match locator {
            Locator::Name(name) => self.by_name(name, pull).await,
            Locator::Registry(_) => {
                let far = self.opener.far_source(locator).await?;
                self.announce(&far);
                self.without_a_name(&far, self.choose(&far, false).await??).await
            }
            _ => {
                let opened = self.opener.source(locator).await?;
                self.announce(&opened);
                let chosen = self.choose(&opened, false).await??;
                self.base(&opened.label, opened.place, &chosen.manifest).await
            }
        }
    }

    async fn by_name(&self, name: &Reference, pull: PullWord) -> Result<Base, Failure> {
        let here = if pull == PullWord::Always { None } else { self.here(name).await? };
        if let Some(here) = here {
            match self.choose(&here, pull == PullWord::Missing && here.answer != Answer::Store).await {
                // A copy may be of another platform, and its registry have more.
                Ok(Err(_)) if pull == PullWord::Missing && here.answer != Answer::Store => {}
                chosen => {
                    self.announce(&here);
                    return self.base(&here.label, here.place, &chosen??.manifest).await;
                }
            }
        } else if pull == PullWord::Never {
            return Err(NameError::NotHere(name.clone()).into());
        }
        let far = self.opener.far_source(&Locator::Name(name.clone())).await?;
        self.announce(&far);
        let chosen = self.choose(&far, false).await??;
        match &far.answer {
            Answer::Registry(full) if full.target_tag().is_some() => self.by_its_name(&far, full, chosen).await,
            _ => self.without_a_name(&far, chosen).await,
        }
    }

    /// Finds what the local store has of a name.
    async fn here(&self, name: &Reference) -> Result<Option<Opened>, Failure> {
        let store = self.opener.store()?;
        let label = name.to_string();
        if store.resolve_made(name).await?.is_some() {
            let place = store.repository(name, NameOrigin::Made);
            return Ok(Some(Opened { label, place, selector: name.thing().into(), answer: Answer::Store }));
        }
        let full = self.opener.full_name(name).await?;
        let place = store.repository(&full, NameOrigin::Pulled);
        let selector: Selector = full.thing().into();
        match place.resolve(&selector).await {
            Ok(_) => Ok(Some(Opened { label, place, selector, answer: Answer::Pulled(full) })),
            Err(problem) if problem.is_missing() => Ok(None),
            Err(problem) => Err(problem.into()),
        }
    }

    /// Chooses the image for this machine, or else the first that runs here all the same unless only the machine's own will do, or says
    /// what there is instead.
    async fn choose(&self, opened: &Opened, only_own: bool) -> Result<Result<Chosen, RunVerbError>, Failure> {
        let explained = |problem| self.opener.explain(opened, problem);
        let root = opened.place.manifest(&opened.selector).await.map_err(explained)?;
        let (source, label): (&dyn Source, _) = (&*opened.place, &opened.label);
        let offered: Vec<String> =
            describe(source, label, &root, Depth::Document).await?.platforms.into_iter().map(|entry| entry.platform).collect();
        for platform in self.wanted(if only_own { &[] } else { &offered }) {
            if self.machines.why_not(&platform).is_some() {
                continue;
            }
            match find_image(source, label, &root, &platform).await {
                Ok(entry) => {
                    let manifest = source.manifest(&Selector::Digest(entry.digest)).await.map_err(explained)?;
                    return Ok(Ok(Chosen { root, platform: entry.platform.parse().unwrap_or(platform), manifest }));
                }
                Err(IndexError::Absent { .. }) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        let why = self.asked.and_then(|asked| self.machines.why_not(asked));
        let host = Box::new(self.machines.host().clone());
        Ok(Err(RunVerbError::NotForHere { label: label.clone(), host, asked: self.asked.cloned().map(Box::new), offered, why }))
    }

    /// The platforms that would do, best first: what this machine takes by itself, and then whatever is offered.
    fn wanted(&self, offered: &[String]) -> Vec<Platform> {
        match self.asked {
            Some(asked) => vec![asked.clone()],
            None => {
                let matcher = Matcher::only(self.machines.host());
                let own = matcher.accepted().iter().filter(|platform| runs_natively(self.machines.host(), platform)).cloned();
                let others = offered.iter().filter_map(|platform| platform.parse::<Platform>().ok());
                own.chain(others).collect()
            }
        }
    }

    /// Brings an image into the local store under its name: the one for this machine, and those that were here before.
    async fn by_its_name(&self, far: &Opened, name: &Reference, chosen: Chosen) -> Result<Base, Failure> {
        let to = into_store(self.opener, name)?;
        let job = Job::new(far.clone(), to);
        check_not_made_here(self.opener, &job).await?;
        let Job { to, .. } = job;
        let is_listed = listed(&chosen.root, chosen.manifest.digest());
        let platforms = if is_listed { kept(&to, &chosen).await? } else { PlatformSet::default() };
        let order = Order {
            label: far.label.clone(),
            source: far.place.clone(),
            selector: Selector::Digest(chosen.root.digest().clone()),
            platforms,
            target: to.place.clone(),
            to: to.selector.clone(),
            expected: Expected::Any,
            is_new: false,
        };
        let events = self.session.console.events();
        let shipment = decide(order, Limits::default()).await?;
        if !shipment.is_unchanged() {
            bring(&shipment, &Copier::new(&*to.place, Limits::default(), &events)).await?;
            index::name(&shipment).await?;
        }
        self.base(&far.label, to.place, &chosen.manifest).await
    }

    /// Brings the one image into the local store. Nothing points at it there, so that it goes when the store is tidied.
    async fn without_a_name(&self, far: &Opened, chosen: Chosen) -> Result<Base, Failure> {
        let Answer::Registry(name) = &far.answer else {
            return self.base(&far.label, far.place.clone(), &chosen.manifest).await;
        };
        let place = self.opener.store()?.repository(name, NameOrigin::Pulled);
        let events = self.session.console.events();
        content::copy(&*far.place, &*place, &chosen.manifest, Limits::default(), &events).await?;
        self.base(&far.label, place, &chosen.manifest).await
    }

    /// Reads an image, and does not believe who says for which machine it is.
    async fn base(&self, label: &str, place: Arc<dyn Place>, manifest: &RawManifest) -> Result<Base, Failure> {
        let base = Base::read(label, place, manifest).await?;
        let Some(why) = self.machines.why_not(base.platform()) else {
            return Ok(base);
        };
        let says = Box::new(base.platform().clone());
        Err(RunVerbError::Disagrees { label: label.to_owned(), says, why }.into())
    }
}

/// The platforms that are pulled: this one, and of those that were pulled before the ones that there still are.
async fn kept(to: &Opened, chosen: &Chosen) -> Result<PlatformSet, Failure> {
    let before = match to.place.manifest(&to.selector).await {
        Ok(root) => platforms(&root),
        Err(problem) if problem.is_missing() => Vec::new(),
        Err(problem) => return Err(problem.into()),
    };
    let offered = platforms(&chosen.root);
    let is_offered = |platform: &Platform| offered.iter().any(|other| other.same_as(platform));
    Ok(before.into_iter().filter(is_offered).chain([chosen.platform.clone()]).collect())
}

/// Tells whether an index names an image itself, with its platform.
fn listed(root: &RawManifest, digest: &Digest) -> bool {
    root.as_index().is_some_and(|index| index.manifests.iter().any(|entry| entry.digest == *digest && entry.platform.is_some()))
}

/// Lists the platforms of an index.
fn platforms(root: &RawManifest) -> Vec<Platform> {
    let entries = root.as_index().into_iter().flat_map(|index| &index.manifests).filter(|entry| !entry.is_attestation());
    entries.filter_map(|entry| entry.platform.clone()).filter(|platform| !platform.is_unknown()).collect()
}

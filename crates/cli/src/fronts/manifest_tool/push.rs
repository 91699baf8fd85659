//! `push`: a list of images that exist, made as `create` makes it.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use compat::manifest_tool::log::{self, Grade};
use compat::manifest_tool::{Arguments, ListType, Member, Problem, Spec, Unsupported, check_distinct, is_real, manner, wish};
use content::{Expected, Limits};
use fault::Failure;
use index::{Checked, Gathered, IndexError, Part, Target, carry_out, gather, plan};
use oci::{Locator, Reference, Selector, Tag, without_password};

use crate::commands::Session;
use crate::fronts::one_line;
use crate::open::{Opened, Opener};

use super::words::{Common, FromArguments, FromSpec};
use super::{Login, Stopped, say};

/// The most that a spec may have; a real one has some thousand bytes.
const MOST: u64 = 4 << 20;

/// Pushes what a file says.
pub async fn from_spec(session: Session, login: Login, list: &str, words: FromSpec) -> Result<(), Stopped> {
    let list = ListType::parse(list)?;
    let spec = read(&words.file.unwrap_or_default())?;
    push(session, login, &spec, list, &words.common).await.map_err(|failure| Stopped { before: "failed to push image: ", failure })
}

/// Returns what is said of required flags that are not there.
pub fn missing(words: &FromArguments) -> Option<Problem> {
    let given = |text: &Option<String>| text.is_some();
    let names = [("platforms", !words.platforms.is_empty()), ("template", given(&words.template)), ("target", given(&words.target))];
    let names: Vec<&'static str> = names.into_iter().filter(|(_, given)| !given).map(|(name, _)| name).collect();
    (!names.is_empty()).then_some(Problem::Required { names })
}

/// Pushes what arguments say.
pub async fn from_arguments(session: Session, login: Login, list: &str, words: FromArguments) -> Result<(), Stopped> {
    let list = ListType::parse(list)?;
    let trimmed = |texts: Vec<String>| texts.into_iter().map(|text| text.trim().to_owned()).collect();
    let arguments = Arguments {
        platforms: trimmed(words.platforms),
        template: words.template.unwrap_or_default(),
        target: words.target.unwrap_or_default(),
        tags: trimmed(words.tags),
        annotations: trimmed(words.annotations),
    };
    let spec = arguments.spec()?;
    push(session, login, &spec, list, &words.common).await.map_err(|failure| Stopped { before: "pushing image failed: ", failure })
}

fn read(file: &str) -> Result<Spec, Problem> {
    let unread = |cause: String| Problem::File { file: file.to_owned(), cause };
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes).map_err(|error| unread(without_number(&error.to_string())))?;
    } else if file.is_empty() {
        return Err(unread("expected a file, or - for the standard input".to_owned()));
    } else {
        let path = std::path::absolute(Path::new(file)).unwrap_or_else(|_| file.into());
        let said =
            |verb: &str, error: &std::io::Error| unread(format!("{verb} {}: {}", path.display(), without_number(&error.to_string())));
        let opened = std::fs::File::open(&path).map_err(|error| said("open", &error))?;
        opened.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| said("read", &error))?;
    }
    if bytes.len() as u64 > MOST {
        return Err(unread(format!("it has more than {MOST} bytes")));
    }
    Spec::parse(&bytes).map_err(|problem| Problem::Yaml { file: file.to_owned(), problem })
}

/// Takes Rust's number off a message of the system, and writes it as Go does.
pub fn without_number(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

async fn push(mut session: Session, login: Login, spec: &Spec, list: ListType, common: &Common) -> Result<(), Failure> {
    let wish = wish(spec, list)?;
    let (locator, name) = target(&spec.image)?;
    let names = names(spec, &name)?;
    let sources = spec.manifests.iter().map(source).collect::<Result<Vec<_>, _>>()?;
    login.give(&mut session, name.registry());
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    opener.will_write(&name);
    let place = opener.target(&locator, true).await?.place;
    let mut opened = Vec::new();
    for locator in &sources {
        opened.push(opener.far_source(locator).await?);
    }
    let pushing = Pushing { session: &session, spec, common, opened: &opened, limits: Limits::default() };
    let found = pushing.gather().await?;
    check_distinct(found.iter().flat_map(|source| &source.candidates))?;
    let plan = plan(&found, None, &wish)?;
    if let Some(expected) = name.digest().filter(|expected| *expected != plan.document.digest()) {
        return Err(IndexError::OtherDigest { expected: expected.clone(), got: plan.document.digest().clone() }.into());
    }
    for warning in &plan.warnings {
        say(&session, Grade::Warning, warning);
    }
    let outcome = carry_out(&plan, &[Target { place, names }], pushing.limits, &session.console.events()).await?;
    session.console.data(format!("Digest: {} {}", outcome.digest, plan.document.bytes().len()));
    Ok(())
}

/// Reads the target's name, which is one in a registry.
fn target(image: &str) -> Result<(Locator, Reference), Problem> {
    let wrong = |cause: String| Problem::Target { image: without_password(image).into_owned(), cause };
    let locator: Locator = image.parse().map_err(|error: oci::LocatorError| wrong(error.to_string()))?;
    match &locator {
        Locator::Name(name) | Locator::Registry(name) => {
            let name = name.clone();
            Ok((locator, name))
        }
        _ => Err(wrong("expected a name in a registry".to_owned())),
    }
}

/// Lists what will point at the list. Without a tag in the target's name nothing does, not even `latest`.
fn names(spec: &Spec, name: &Reference) -> Result<Vec<(Selector, Expected)>, Problem> {
    let further =
        spec.tags.iter().map(|text| text.parse::<Tag>().map_err(|error| Problem::Tag { tag: text.clone(), cause: error.to_string() }));
    let mut tags: Vec<Tag> = Vec::new();
    for tag in name.tag().cloned().map(Ok).into_iter().chain(further) {
        let tag = tag?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags.into_iter().map(|tag| (Selector::Name(tag.into()), Expected::Any)).collect())
}

fn source(member: &Member) -> Result<Locator, Problem> {
    member
        .image
        .parse()
        .map_err(|error: oci::LocatorError| Problem::Name { image: without_password(&member.image).into_owned(), cause: error.to_string() })
}

/// What is known while sources are read.
struct Pushing<'a> {
    session: &'a Session,
    spec: &'a Spec,
    common: &'a Common,
    opened: &'a [Opened],
    limits: Limits,
}

impl Pushing<'_> {
    /// Reads all sources, and tells which ones are not there.
    async fn gather(&self) -> Result<Vec<Gathered>, Failure> {
        let checked = if self.common.force_platform { Checked::Force } else { Checked::Compare };
        let part = |(member, opened): (&Member, &Opened)| Part {
            label: member.image.clone(),
            place: opened.place.clone(),
            selector: opened.selector.clone(),
            // What no machine is cannot be compared with a config; it is refused by name below.
            platform: member.stated().filter(|stated| is_stated_well(stated)).cloned(),
        };
        let parts = self.spec.manifests.iter().zip(self.opened).map(part).collect();
        let sources = match gather(parts, manner(checked), self.limits).await {
            Err(IndexError::Source { label, problem }) => return Err(unreadable(label, (*problem).into()).into()),
            other => other?,
        };
        let absent: Vec<&str> = sources.absent.iter().map(|absent| absent.label.as_str()).collect();
        self.tell_absent(&absent)?;
        if sources.found.is_empty() {
            return Err(Problem::AllSkipped.into());
        }
        let absent: HashSet<&str> = absent.into_iter().collect();
        let members = self.spec.manifests.iter().filter(|member| !absent.contains(member.image.as_str()));
        for (member, source) in members.zip(&sources.found) {
            check_platform(member, source)?;
        }
        Ok(sources.found)
    }

    /// Says which sources were left out, or refuses to leave any out.
    fn tell_absent(&self, absent: &[&str]) -> Result<(), Problem> {
        for image in absent {
            if !self.common.ignore_missing {
                let opened = self.spec.manifests.iter().zip(self.opened).find(|(member, _)| member.image == *image);
                let name = opened.map_or_else(|| (*image).to_owned(), |(_, opened)| opened.label.clone());
                return Err(Problem::NoSource { image: (*image).to_owned(), name });
            }
            say(self.session, Grade::Warning, &log::skipped(image));
        }
        Ok(())
    }
}

/// Tells whether a platform is one, or leaves system and architecture to the config.
fn is_stated_well(stated: &oci::Platform) -> bool {
    is_real(stated) || (stated.os.is_empty() && stated.architecture.is_empty())
}

/// Refuses an image for a platform that does not exist. What an index says of its images is its own word.
fn check_platform(member: &Member, source: &Gathered) -> Result<(), Unsupported> {
    if source.root.as_index().is_some() {
        return Ok(());
    }
    let own = source.candidates.first().and_then(|candidate| candidate.descriptor.platform.clone());
    let platform = member.stated().filter(|stated| !is_stated_well(stated)).cloned().or(own).unwrap_or_default();
    if is_real(&platform) {
        return Ok(());
    }
    Err(Unsupported { digest: source.root.digest().clone(), image: member.image.clone(), platform: Box::new(platform) })
}

fn unreadable(image: String, failure: Failure) -> Problem {
    Problem::Source { image, cause: one_line(&failure), hint: failure.fault().hint(), kind: failure.fault().kind() }
}

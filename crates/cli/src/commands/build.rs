//! `build` and `plan`: one image for every platform from a Dockerfile.

mod arrived;
mod assemble;
mod call;
mod checks;
mod deliver;
mod export;
mod finder;
mod ground;
mod log;
mod order;
mod progress;
mod provenance;
mod rawjson;
mod remotes;
mod report;
pub mod running;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use content::{Expected, Limits};
use engine::build::{Built, BuiltImage, Emulated, Plan, Request, Workshop, make, plan};
use engine::cache::Cache;
use engine::provenance::{Moments, attest};
use engine::roots::Standing;
use engine::run::Runner;
use fault::{Failure, Wishing};
use index::carry_out;
use serde_json::{Value, json};

use crate::args::{Build, BuildAnnotation, Method};
use crate::commands::create::metadata::Metadata;
use crate::commands::create::tags::{check_digests, stale, targets};
use crate::commands::{Done, Interrupted, Session};
use crate::open::Opener;

use arrived::Arrived;
use deliver::{Deliveries, STDOUT};
use finder::Finder;
use log::{BuildLog, head, outcome};
use remotes::{Fetcher, Known};
use running::Given;

/// The folder of the store in which layers lie unpacked.
pub const ROOTS: &str = "roots";
/// How many layers an image may have for Docker (moby, `maxLayerDepth`).
const MOST_LAYERS: usize = 125;

/// Runs `build`.
pub async fn run(session: &Session, arguments: Build) -> Result<Done, Failure> {
    let verb = match (arguments.call().method, arguments.dry_run) {
        (Method::Check, _) => "check",
        (Method::Outline, _) => "outline",
        (Method::Targets, _) => "list the targets",
        (Method::Build, true) => "plan",
        (Method::Build, false) => "build",
    };
    let wish = match arguments.tags.first().filter(|_| arguments.call().method == Method::Build) {
        Some(tag) => format!("{verb} {tag}"),
        None => verb.to_owned(),
    };
    arguments.check().wishing(|| wish.clone())?;
    provenance::check(&arguments).wishing(|| wish.clone())?;
    build(session, &arguments).await.wishing(|| wish)
}

async fn build(session: &Session, arguments: &Build) -> Result<Done, Failure> {
    let begun = (session.context.now)();
    let mut opener = Opener::new(session.context.clone(), session.console.clone());
    let known = Known::default();
    let order = ordered(session, arguments, &opener, &known).await?;
    let call = arguments.call();
    if call.method != Method::Build {
        let finder = Finder::new(session, &opener, arguments.pull);
        return call::run(session, call, &order.request, &finder).await;
    }
    let mut deliveries = Deliveries::decide(arguments)?;
    deliveries.announce(&mut opener);
    let finder = Finder::new(session, &opener, arguments.pull);
    let request = order.request;
    let decided = plan(&request, &finder).await?;
    checks::tell(session, &request, &decided)?;
    let attests = request.provenance.is_some() && !deliveries.are_files();
    assemble::check(request.targets.len(), &annotations_of_index(arguments), order.is_index || attests)?;
    if arguments.dry_run {
        return show(session, decided);
    }
    let mut decided = decided;
    if let Some(problem) = decided.problem() {
        return Err(problem.into());
    }
    tell_of_emulators(session, &decided.emulated(&request.machines));
    let prepare = |path: Option<&Path>, word| path.map(|path| Metadata::prepare(path, word)).transpose();
    let metadata = prepare(arguments.metadata_file.as_deref(), "--metadata-file")?;
    let iidfile = prepare(arguments.iidfile.as_deref(), "--iidfile")?;
    deliveries.open(session, &opener).await?;
    let made = Making { session, opener: &opener, request: &request, arguments, is_index: order.is_index, begun, known };
    let (built, summary) = made.run(decided, &mut deliveries).await?;
    if let Some(metadata) = metadata {
        metadata.write(&format!("{:#}\n", describe(&built, &summary)))?;
    }
    if let Some(iidfile) = iidfile {
        iidfile.write(&summary.digest)?;
    }
    Ok(Done::Well)
}

/// Says which commands an emulator runs, and what is known to go wrong with some of them, before that happens.
fn tell_of_emulators(session: &Session, emulated: &[Emulated]) {
    for Emulated { platform, by, misses_setuid, troubles } in emulated {
        session.console.say(format!("commands for {platform} run by {by}"));
        // Where one user plays all, nobody gains anything by the kernel.
        if *misses_setuid && !matches!(session.stand.standing, Ok(Standing::Single)) {
            session
                .console
                .warn(&format!("sudo and its like gain nothing for {platform}, as {by} is used here: `--binfmt private` keeps that"));
        }
        for trouble in troubles {
            session
                .console
                .warn(&format!("{trouble}; what it makes for {platform} can be made in a stage `FROM --platform=$BUILDPLATFORM`"));
        }
    }
}

/// Fetches what the build stands on and is elsewhere, then reads all of it.
async fn ordered(session: &Session, arguments: &Build, opener: &Opener, known: &Known) -> Result<order::Order, Failure> {
    let words = arguments.settled()?;
    let (own, asked) = (session.clone(), words.clone());
    let begin = move || Ok((order::begin(&own, &asked)?, running::given(&own.context, &asked.run)?));
    let (begun, given) = waiting(begin).await?;
    let fetcher = Fetcher::new(session, opener, given.clone(), known.clone());
    let arrived = Arrived::fetch(&words, begun.files(), &fetcher).await?;
    let own = session.clone();
    waiting(move || order::read(&own, &words, begun, given, arrived)).await
}

/// Works on a thread that may wait: for a pipe that never ends, until somebody interrupts it.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    // The thread ends early only where the program does.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Interrupted.into()))
}

/// Shows a plan; one that cannot be carried out ends with its problem.
fn show(session: &Session, mut decided: Plan) -> Result<Done, Failure> {
    report::plan(session, &decided);
    match decided.problem() {
        Some(problem) => Err(problem.into()),
        None => {
            session.console.say("nothing was made: this was a dry run");
            Ok(Done::Well)
        }
    }
}

fn annotations_of_index(arguments: &Build) -> Vec<index::Annotation> {
    deliver::annotations(arguments).iter().filter_map(BuildAnnotation::of_index).collect()
}

/// What was made, for files that tell of it.
struct Summary {
    digest: String,
    descriptor: Value,
    names: Vec<String>,
    moments: Moments,
}

/// Writes buildx's keys, so that scripts that read its file can read this one.
fn describe(built: &Built, summary: &Summary) -> Value {
    let mut value = json!({
        "containerimage.digest": summary.digest,
        "containerimage.descriptor": summary.descriptor,
    });
    if let [only] = built.images.as_slice() {
        value["containerimage.config.digest"] = json!(only.config);
    }
    if !summary.names.is_empty() {
        value["image.name"] = json!(summary.names.join(","));
    }
    provenance::describe(built, &summary.moments, &mut value);
    value
}

/// A build under way.
struct Making<'a> {
    session: &'a Session,
    opener: &'a Opener,
    request: &'a Request,
    arguments: &'a Build,
    /// A lone image gets an index, too.
    is_index: bool,
    /// When it began.
    begun: SystemTime,
    /// What came from elsewhere before anything was decided.
    known: Known,
}

impl Making<'_> {
    /// Makes the images and brings them where they are to be, with a log of what commands write meanwhile.
    async fn run(&self, decided: Plan, deliveries: &mut Deliveries) -> Result<(Built, Summary), Failure> {
        let session = self.session;
        let log = BuildLog::new(self.opener.store()?, &session.console, head(&session.context, self.arguments, &decided));
        let made = self.carry_out(decided, deliveries, &log).await;
        log.end(outcome(made.as_ref().map(|(_, summary)| summary.digest.as_str())));
        made
    }

    async fn carry_out(&self, decided: Plan, deliveries: &mut Deliveries, log: &BuildLog) -> Result<(Built, Summary), Failure> {
        let (session, events) = (self.session, self.session.console.events());
        let store = self.opener.store()?;
        let place = content::Library::open(store, deliveries.repository()).await?;
        let progress = progress::progress(session, log);
        let cache = Cache::new(Arc::new(store.clone()), session.context.now.clone());
        let Request { commands, keeps_attributes, .. } = self.request;
        let runner = Runner::new(session.context.store.join(ROOTS), session.stand.standing.clone(), commands.parallel, *keeps_attributes);
        let given = Given { secrets: commands.secrets.clone(), agents: commands.agents.clone() };
        let remotes = Fetcher::new(session, self.opener, given, self.known.clone());
        let workshop = Workshop {
            library: store,
            place: &*place,
            events: &events,
            progress: &progress,
            cache: &cache,
            runner: &runner,
            remotes: &remotes,
        };
        let built = make(self.request, decided, &workshop).await?;
        for image in built.images.iter().filter(|image| image.layers > MOST_LAYERS) {
            let BuiltImage { platform, layers, .. } = image;
            session.console.warn(&format!("the image for {platform} has {layers} layers, and Docker runs none of more than {MOST_LAYERS}"));
        }
        let annotations = annotations_of_index(self.arguments);
        let moments = provenance::moments(session, self.request, self.begun);
        let attested = match deliveries.are_files() {
            true => Vec::new(),
            false => attest(&built, &provenance::names(self.arguments), &moments, &*place).await?,
        };
        let document = assemble::assemble(&built, &attested, &place, &deliveries.wish(), &annotations, self.is_index)?;
        for warning in &document.warnings {
            session.console.warn(warning);
        }
        deliveries.look().await?;
        let tags = deliveries.tags();
        check_digests(tags, document.document.digest())?;
        check_digests(deliveries.untagged(), document.document.digest())?;
        export::export(session, &self.arguments.outputs(), &built, self.request.epoch, &moments).await?;
        let expected = tags.iter().map(|_| Expected::Any).collect();
        let moving = stale(tags, expected, document.document.digest());
        let moved: Vec<String> = moving.iter().map(|(tag, _)| tag.opened.label.clone()).collect();
        let mut homes = targets(&moving);
        homes.extend(deliveries.untagged().iter().map(|tag| index::Target { place: tag.opened.place.clone(), names: Vec::new() }));
        if homes.is_empty() || deliveries.loads() {
            // What nothing points at yet is whole all the same: for Docker, and for whoever names it next.
            homes.insert(0, index::Target { place: place.clone(), names: Vec::new() });
        }
        let outcome = carry_out(&document, &homes, Limits::default(), &events).await?;
        report::images(session, &built);
        if !attested.is_empty() {
            report::attested(session, attested.len());
        }
        deliveries.hand_over(session, self.opener, &place, &document).await?;
        deliveries.send(session)?;
        let descriptor = document.document.descriptor();
        let summary = Summary {
            digest: outcome.digest.to_string(),
            descriptor: json!(descriptor),
            names: deliveries.labels().filter(|label| *label != STDOUT).map(str::to_owned).collect(),
            moments,
        };
        report::outcome(session, &built, &document, deliveries, &moved);
        Ok((built, summary))
    }
}

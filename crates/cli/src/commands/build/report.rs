//! What `build` and `plan` show: bases, steps, and the images that were made.

use engine::build::{Built, BuiltImage, ImageError, Plan, PlannedBase};
use engine::truth::Started;
use fault::Fault;
use graph::Step;
use index::{Candidate, Plan as IndexPlan, Role};
use serde_json::{Value, json};

use super::deliver::{Deliveries, STDOUT};
use crate::commands::Session;
use crate::commands::create::report::{what_became_of, without_digest};
use crate::commands::create::tags::Tag;
use crate::console::{Table, bytes, counted};
use crate::open::Answer;

/// What became of a name whose registry got the image, but no tag.
const UNTAGGED: &str = "untagged";

/// Shows the bases and steps of every platform.
pub fn plan(session: &Session, plan: &Plan) {
    if session.context.global.json {
        session
            .console
            .data(format!("{:#}", json!({"polyarchPlan": 1, "platforms": plan.targets.iter().map(planned).collect::<Vec<_>>()})));
        return;
    }
    let mut table = Table::new(&["PLATFORM", "FILE", "BASE", "FOR", "DIGEST"]);
    for target in &plan.targets {
        let (platform, file) = (target.target.platform.to_string(), target.target.file.source.name());
        for base in &target.bases {
            let digest = base.found.as_ref().map_or_else(|problem| absent(problem).to_owned(), oci::Digest::short);
            table.row([platform.clone(), format!("{file}:{}", base.line), base.asked.word().to_owned(), base.platform.to_string(), digest]);
        }
        if target.bases.is_empty() {
            table.row([platform, file.to_owned(), "scratch".to_owned(), String::new(), String::new()]);
        }
    }
    session.console.table(&table);
    let mut steps = Table::new(&["PLATFORM", "LINE", "STEP"]);
    for target in &plan.targets {
        let Ok(ready) = &target.outcome else { continue };
        for stage in &ready.outline.stages {
            let Some(recipe) = ready.recipes.get(&stage.index) else { continue };
            for placed in &recipe.steps {
                let text = placed.said.trim_end_matches(" # buildkit");
                steps.row([target.target.platform.to_string(), placed.line.to_string(), text.to_owned()]);
            }
        }
    }
    if !steps.lines().is_empty() {
        session.console.data("");
        session.console.table(&steps);
    }
    left_out(session, plan);
}

/// Says why a base has no digest: it is not made for the platform, or nobody could tell.
fn absent(problem: &ImageError) -> &'static str {
    if matches!(problem, ImageError::NotOffered { .. }) { "missing" } else { "unknown" }
}

/// Names the optional platforms that a build would leave out.
fn left_out(session: &Session, plan: &Plan) {
    for target in plan.targets.iter().filter(|target| target.target.is_optional) {
        if let Err(problem) = &target.outcome {
            let reason = problem.lines().into_iter().next().unwrap_or_default();
            session.console.warn(&format!("{}, which is optional, would be left out: {reason}", target.target.platform));
        }
    }
}

fn planned(target: &engine::build::Planned) -> Value {
    let base = |base: &PlannedBase| {
        json!({
            "line": base.line,
            "name": base.asked.word(),
            "platform": base.platform.to_string(),
            "digest": base.found.as_ref().ok(),
            "problem": base.found.as_ref().err().map(ToString::to_string),
            "hint": base.found.as_ref().err().and_then(Fault::hint).map(|hint| hint.to_string()),
        })
    };
    let steps: Vec<Value> = target
        .outcome
        .iter()
        .flat_map(|ready| {
            ready.outline.stages.iter().filter_map(|stage| ready.recipes.get(&stage.index)).flat_map(|recipe| {
                recipe.steps.iter().map(|placed| {
                    let kind = match &placed.step {
                        Step::Copy(step) if step.add => "ADD",
                        Step::Copy(_) => "COPY",
                        Step::Workdir { .. } => "WORKDIR",
                        Step::Run(_) => "RUN",
                    };
                    json!({"line": placed.line, "kind": kind, "text": placed.said})
                })
            })
        })
        .collect();
    json!({
        "platform": target.target.platform.to_string(),
        "optional": target.target.is_optional,
        "file": target.target.file.source.name(),
        "bases": target.bases.iter().map(base).collect::<Vec<_>>(),
        "steps": steps,
        "problem": target.outcome.as_ref().err().map(ToString::to_string),
    })
}

/// Shows what was made.
pub fn images(session: &Session, built: &Built) {
    let mut table = Table::new(&["PLATFORM", "SIZE", "LAYERS", "ENTRYPOINT", "STEPS"]);
    for image in &built.images {
        let made = image.steps - image.cached;
        table.row([
            image.platform.to_string(),
            bytes(image.size),
            image.layers.to_string(),
            image.started.as_ref().map(started).unwrap_or_default(),
            format!("{made} done, {} cached", image.cached),
        ]);
    }
    for line in table.lines() {
        session.console.say(line);
    }
    for image in &built.images {
        notes(session, image);
    }
}

/// Says which program is started, and for which machine it is.
fn started(started: &Started) -> String {
    let path = format!("/{}", started.path);
    match started.binary.as_ref().and_then(|binary| binary.machines().first()) {
        Some(machine) => format!("{path} ({machine})"),
        None => path,
    }
}

/// Says where it is told how the images came to be.
pub fn attested(session: &Session, count: usize) {
    let images = if count == 1 { "how the image was made stands" } else { "how each image was made stands" };
    session.console.say(format!("{images} in the index, behind all images"));
}

fn notes(session: &Session, image: &BuiltImage) {
    let Some(first) = image.notes.first() else { return };
    let (files, platform) = (counted(image.notes.len() as u64, "file"), &image.platform);
    session.console.say(format!("note: {platform} holds {files} for other machines, as /{} ({})", first.path, first.found));
}

/// Prints what was done; `moved` are the labels of the tags that moved.
pub fn outcome(session: &Session, built: &Built, plan: &IndexPlan, deliveries: &Deliveries, moved: &[String]) {
    let digest = plan.document.digest();
    let (tags, untagged) = (deliveries.tags(), deliveries.untagged());
    let state = |tag: &Tag| if moved.contains(&tag.opened.label) { "moved" } else { "unchanged" };
    if deliveries.takes_stdout() {
        // The image is there; words would be part of it.
    } else if session.context.global.json {
        let tags: Vec<Value> = tags
            .iter()
            .map(|tag| (tag, state(tag)))
            .chain(untagged.iter().map(|tag| (tag, UNTAGGED)))
            .map(|(tag, state)| json!({"name": tag.opened.label, "state": state}))
            .collect();
        session.console.data(format!("{:#}", summary(built, plan, &tags)));
    } else if tags.is_empty() && untagged.is_empty() {
        session.console.data(digest.to_string());
    } else {
        for label in deliveries.labels() {
            session.console.data(format!("{}@{digest}", without_digest(label)));
        }
    }
    for tag in tags {
        session.console.say(what_became_of(tag, state(tag)));
    }
    for tag in untagged {
        session.console.say(format!("{}, and no tag points at it", what_became_of(tag, UNTAGGED)));
    }
    // Where the image is in the store, most can be done with it.
    let stored = tags.iter().find(|tag| tag.opened.answer == Answer::Store);
    match stored.or_else(|| tags.iter().find(|tag| tag.opened.label != STDOUT)) {
        Some(tag) => session.console.say(next(tag)),
        None if let Some(tag) = untagged.first() => {
            session.console.say(format!("next: polyarch inspect {}@{digest}", without_digest(&tag.opened.label)));
        }
        None if tags.is_empty() && !deliveries.loads() && !deliveries.are_files() => {
            session.console.warn("nothing points at the image, so the next `polyarch store prune` removes it: name it with --tag NAME:TAG");
        }
        None => {}
    }
}

/// Names the words to type next.
fn next(tag: &Tag) -> String {
    let name = without_digest(&tag.opened.label);
    match tag.opened.answer {
        Answer::Store => format!("next: polyarch inspect {name} | polyarch load {name} (into Docker) | polyarch push {name} {}", far(name)),
        _ => format!("next: polyarch inspect {name}"),
    }
}

/// Returns where a name could be pushed: where it says, or to one's own account.
fn far(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("ghcr.io/YOU/{name}") }
}

/// Describes what was made, as JSON.
pub fn summary(built: &Built, plan: &IndexPlan, tags: &[Value]) -> Value {
    let image = |image: &BuiltImage| {
        let mut value = json!({
            "platform": image.platform.to_string(),
            "digest": image.manifest.digest(),
            "config": image.config,
            "size": image.size,
            "layers": image.layers,
            "entrypoint": image.started.as_ref().map(|started| format!("/{}", started.path)),
            "steps": {"done": image.steps - image.cached, "cached": image.cached},
            "tests": image.tests,
            "foreign": image.notes.iter().map(|note| json!({"path": format!("/{}", note.path), "machine": note.found.to_string()})).collect::<Vec<_>>(),
        });
        let about = |entry: &&Candidate| matches!(&entry.role, Role::Attestation(subject) if subject == image.manifest.digest());
        if let Some(attestation) = plan.entries.iter().find(about) {
            value["attestation"] = json!(attestation.descriptor.digest);
        }
        value
    };
    let left_out = |(platform, problem): &(oci::Platform, engine::build::BuildError)| json!({"platform": platform.to_string(), "problem": problem.to_string()});
    let descriptor = plan.document.descriptor();
    json!({
        "polyarchBuild": 1,
        "digest": descriptor.digest,
        "mediaType": descriptor.media_type,
        "size": descriptor.size,
        "platforms": built.images.iter().map(image).collect::<Vec<_>>(),
        "leftOut": built.left_out.iter().map(left_out).collect::<Vec<_>>(),
        "tags": tags,
    })
}

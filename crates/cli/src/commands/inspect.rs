//! `inspect`: an image as a table, as JSON, by a template, or as its exact bytes.

mod referrers;

use fault::{Failure, Wishing};
use index::{Depth, DescribedEntry, Description, describe, find_image};
use oci::Platform;
use serde_json::Value;
use template::Template;

use crate::args::Inspect;
use crate::commands::{Done, Session};
use crate::console::{Console, Table, bytes, counted};
use crate::open::Opener;

/// Runs the verb.
pub async fn run(session: &Session, arguments: Inspect) -> Result<Done, Failure> {
    let wish = format!("inspect {}", arguments.name);
    inspect(session, &arguments).await.wishing(|| wish)
}

async fn inspect(session: &Session, arguments: &Inspect) -> Result<Done, Failure> {
    // docker's bare words for whole results.
    let format = arguments.format.as_deref();
    let template = format.map(|format| Template::parse(if format == "json" { "{{json .}}" } else { format })).transpose()?;
    let opener = Opener::new(session.context.clone(), session.console.clone());
    let opened = opener.source(&arguments.name).await?;
    opener.announce(&[&opened]);
    let root = opened.place.manifest(&opened.selector).await.map_err(|error| opener.explain(&opened, error))?;
    if arguments.raw && arguments.platform.is_none() {
        session.console.document(root.bytes());
        return Ok(Done::Well);
    }
    if let Some(platform) = &arguments.platform {
        return one_platform(session, arguments, &opened, &root, platform, template.as_ref()).await;
    }
    // What lies on this machine costs no request, so all that is here is shown.
    let here = opened.place.origin().is_none();
    let depth = match (arguments.full, here) {
        (true, _) => Depth::Full,
        (false, true) => Depth::Best,
        (false, false) => Depth::Document,
    };
    let mut description = describe(&*opened.place, &opened.label, &root, depth).await?;
    if arguments.referrers {
        referrers::find(session, &*opened.place, &root, &mut description).await?;
    }
    print(session, &description, template.as_ref(), |console| show(console, &description))
}

/// Shows one image of an index with its config, layers and history.
async fn one_platform(
    session: &Session,
    arguments: &Inspect,
    opened: &crate::open::Opened,
    root: &oci::RawManifest,
    platform: &Platform,
    template: Option<&Template>,
) -> Result<Done, Failure> {
    let entry = find_image(&*opened.place, &opened.label, root, platform).await?;
    let selector = oci::Selector::Digest(entry.digest.clone());
    let manifest = if entry.digest == *root.digest() { root.clone() } else { opened.place.manifest(&selector).await? };
    if arguments.raw {
        session.console.document(manifest.bytes());
        return Ok(Done::Well);
    }
    let mut image = describe(&*opened.place, &opened.label, &manifest, Depth::Full).await?;
    if let Some(shown) = image.platforms.first_mut() {
        // The index knows more of its entry than the entry's own manifest: attestations, annotations,
        // and the platform where the config has none.
        if shown.os.is_empty() {
            *shown = DescribedEntry { detail: shown.detail.take(), ..entry.clone() };
        }
        shown.attestations.clone_from(&entry.attestations);
        shown.annotations.clone_from(&entry.annotations);
    }
    if arguments.referrers {
        referrers::find(session, &*opened.place, &manifest, &mut image).await?;
    }
    print(session, &image, template, |console| show_image(console, &image))
}

/// Prints a description in the form that was asked for.
fn print(session: &Session, description: &Description, template: Option<&Template>, table: impl Fn(&Console)) -> Result<Done, Failure> {
    let console = &session.console;
    let value = || serde_json::to_value(description).unwrap_or(Value::Null);
    if let Some(template) = template {
        let text = template.render(&value())?;
        console.raw(text.as_bytes());
        if !text.ends_with('\n') {
            console.raw(b"\n");
        }
    } else if session.context.global.json {
        console.data(format!("{:#}", value()));
    } else {
        table(console);
    }
    Ok(Done::Well)
}

fn show(console: &Console, description: &Description) {
    let family = description.media_type.family().map_or_else(|| "unknown".to_owned(), |family| family.to_string());
    let platforms = description.platforms.len() as u64;
    let attestations = description.attestation_count() as u64;
    let counts = match description.kind {
        "index" => format!("  {}, {}", counted(platforms, "platform"), counted(attestations, "attestation")),
        _ => String::new(),
    };
    console.line(format!(
        "{}  {}, {family}  {}  {}{counts}",
        description.name,
        description.kind,
        description.digest,
        bytes(description.size)
    ));
    if let Some(kind) = &description.artifact_type {
        console.line(format!("artifact type: {kind}"));
    }
    if let Some(subject) = &description.subject {
        console.line(format!("refers to: {subject}"));
    }
    for (key, value) in &description.annotations {
        console.line(format!("annotation: {key}={value}"));
    }
    let mut table = Table::new(&["PLATFORM", "DIGEST", "SIZE", "LAYERS", "CREATED", "ANNOTATIONS"]);
    for entry in &description.platforms {
        table.row(cells(entry));
        for attestation in &entry.attestations {
            let empty = String::new();
            table.row(["  attestation".to_owned(), attestation.digest.to_string(), empty.clone(), empty.clone(), empty.clone(), empty]);
        }
    }
    for entry in &description.others {
        let mut cells = cells(entry);
        if let Some(first) = cells.first_mut() {
            let kind = if entry.media_type.is_index() { "index" } else { first.as_str() };
            *first = format!("({})", if entry.artifact_type.is_some() { "artifact" } else { kind });
        }
        table.row(cells);
    }
    console.table(&table);
    if let Some(evidence) = &description.referrers {
        referrers::show(console, evidence);
    }
}

fn cells(entry: &DescribedEntry) -> Vec<String> {
    let annotations: Vec<String> = entry.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let (size, layers, created) = match &entry.detail {
        Some(detail) => (bytes(detail.compressed_size), detail.layers.len().to_string(), day(detail.created.as_deref())),
        None if entry.missing => ("(missing)".to_owned(), String::new(), String::new()),
        None => (String::new(), String::new(), String::new()),
    };
    vec![entry.platform.clone(), entry.digest.to_string(), size, layers, created, annotations.join(" ")]
}

/// Returns the day of an RFC 3339 time.
fn day(created: Option<&str>) -> String {
    created.and_then(|created| created.get(..10)).unwrap_or("").to_owned()
}

fn show_image(console: &Console, image: &Description) {
    show(console, image);
    let Some(detail) = image.platforms.first().and_then(|entry| entry.detail.as_ref()) else { return };
    let config = detail.config.get("config").cloned().unwrap_or(Value::Null);
    let words = |key: &str| match config.get(key) {
        Some(Value::Array(words)) if !words.is_empty() => Value::Array(words.clone()).to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(map)) if !map.is_empty() => map.keys().cloned().collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    let mut lines = Vec::new();
    for (title, key) in [
        ("entrypoint", "Entrypoint"),
        ("command", "Cmd"),
        ("user", "User"),
        ("folder", "WorkingDir"),
        ("ports", "ExposedPorts"),
        ("volumes", "Volumes"),
    ] {
        let shown = words(key);
        if !shown.is_empty() {
            lines.push(format!("{title:<10}  {shown}"));
        }
    }
    for variable in config.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        lines.push(format!("{:<10}  {variable}", "env"));
    }
    for (key, value) in config.get("Labels").and_then(Value::as_object).into_iter().flatten() {
        lines.push(format!("{:<10}  {key}={}", "label", value.as_str().unwrap_or_default()));
    }
    if !lines.is_empty() {
        console.data("");
    }
    lines.iter().for_each(|line| console.line(line));
    if !detail.layers.is_empty() {
        console.data("");
    }
    let mut layers = Table::new(&["LAYER", "SIZE", "TYPE"]);
    for layer in &detail.layers {
        layers.row([layer.digest.to_string(), bytes(layer.size), layer.media_type.to_string()]);
    }
    console.table(&layers);
    let history = detail.config.get("history").and_then(Value::as_array).cloned().unwrap_or_default();
    if history.is_empty() {
        return;
    }
    console.data("");
    let mut table = Table::new(&["CREATED", "LAYER", "CREATED BY"]);
    for line in &history {
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let empty = line.get("empty_layer").and_then(Value::as_bool).unwrap_or(false);
        table.row([
            day(Some(&text("created"))),
            if empty { "no" } else { "yes" }.to_owned(),
            text("created_by").replace(['\n', '\t'], " "),
        ]);
    }
    console.table(&table);
}

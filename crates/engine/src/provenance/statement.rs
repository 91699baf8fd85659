//! The statement: of what it is told, and what.

use oci::{Digest, MediaType, Platform, Reference};
use serde_json::{Map, Value, json};

use super::account::Account;
use super::material::Material;
use super::moments::Moments;
use super::order::Version;
use super::package_url;

/// The type of a statement that nobody has signed.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What is told of something, as in-toto has it.
#[derive(Clone, Debug)]
pub struct Statement {
    version: Version,
    subject: Vec<Value>,
    predicate: Value,
}

impl Statement {
    /// Tells it of nothing yet.
    pub fn new(account: &Account, moments: &Moments) -> Self {
        let version = account.order.version;
        let predicate = match version {
            Version::Zero => zero(account, moments),
            Version::One => one(account, moments),
        };
        Self { version, subject: Vec::new(), predicate }
    }

    /// Tells it of an image, once under each of its names. One that has no name is the subject of the manifest around it, and of
    /// none in the statement: that is how BuildKit has it.
    #[must_use]
    pub fn of_image(mut self, digest: &Digest, names: &[Reference], platform: &Platform) -> Self {
        for name in names {
            self = self.of(&package_url::of_image(name, None, platform), digest);
        }
        self
    }

    /// Tells it of something.
    #[must_use]
    pub fn of(mut self, name: &str, digest: &Digest) -> Self {
        self.subject.push(json!({"name": name, "digest": {digest.algorithm().name(): digest.hex()}}));
        self
    }

    /// Returns what is told.
    pub const fn predicate(&self) -> &Value {
        &self.predicate
    }

    /// Returns its type.
    pub fn media_type(&self) -> MediaType {
        MediaType::from(IN_TOTO)
    }

    /// Returns the type of what is told.
    pub const fn predicate_type(&self) -> &'static str {
        self.version.predicate_type()
    }

    /// Writes it, in lines as people read them.
    pub fn text(&self) -> String {
        let mut statement = Map::new();
        statement.insert("_type".to_owned(), json!(self.version.statement_type()));
        statement.insert("predicateType".to_owned(), json!(self.predicate_type()));
        statement.insert("subject".to_owned(), json!(self.subject));
        statement.insert("predicate".to_owned(), self.predicate.clone());
        format!("{:#}", Value::Object(statement))
    }
}

/// Writes SLSA v1.
fn one(account: &Account, moments: &Moments) -> Value {
    let mut inside = Map::new();
    if let Some(definition) = &account.definition {
        inside.insert("buildConfig".to_owned(), json!({"steps": definition.steps}));
    }
    inside.insert("builderPlatform".to_owned(), json!(account.builder));
    inside.insert("polyarch".to_owned(), account.program.clone());
    let mut metadata = Map::new();
    if let Some(invocation) = &moments.invocation {
        metadata.insert("invocationID".to_owned(), json!(invocation));
    }
    metadata.insert("startedOn".to_owned(), json!(moments.begun()));
    metadata.insert("finishedOn".to_owned(), json!(moments.ended()));
    metadata.insert("buildkit_metadata".to_owned(), beside(account));
    let completeness = json!({"request": account.is_whole_request, "resolvedDependencies": account.is_whole});
    metadata.insert("buildkit_completeness".to_owned(), completeness);
    if account.is_hermetic {
        metadata.insert("buildkit_hermetic".to_owned(), json!(true));
    }
    if account.order.is_reproducible {
        metadata.insert("buildkit_reproducible".to_owned(), json!(true));
    }
    json!({
        "buildDefinition": {
            "buildType": Version::One.build_type(),
            "externalParameters": {"configSource": config_source(account, "path"), "request": account.request},
            "internalParameters": inside,
            "resolvedDependencies": account.dependencies,
        },
        "runDetails": {"builder": {"id": account.order.builder}, "metadata": metadata},
    })
}

/// Writes SLSA v0.2.
fn zero(account: &Account, moments: &Moments) -> Value {
    let mut predicate = Map::new();
    predicate.insert("builder".to_owned(), json!({"id": account.order.builder}));
    predicate.insert("buildType".to_owned(), json!(Version::Zero.build_type()));
    predicate.insert("materials".to_owned(), json!(account.dependencies));
    let invocation = json!({
        "configSource": config_source(account, "entryPoint"),
        "parameters": account.request,
        "environment": {"platform": account.builder, "polyarch": account.program},
    });
    predicate.insert("invocation".to_owned(), invocation);
    if let Some(definition) = &account.definition {
        predicate.insert("buildConfig".to_owned(), json!({"steps": definition.steps}));
    }
    let mut metadata = Map::new();
    if let Some(invocation) = &moments.invocation {
        metadata.insert("buildInvocationID".to_owned(), json!(invocation));
    }
    metadata.insert("buildStartedOn".to_owned(), json!(moments.begun()));
    metadata.insert("buildFinishedOn".to_owned(), json!(moments.ended()));
    let completeness = json!({"parameters": account.is_whole_request, "environment": true, "materials": account.is_whole});
    metadata.insert("completeness".to_owned(), completeness);
    metadata.insert("reproducible".to_owned(), json!(account.order.is_reproducible));
    if account.is_hermetic {
        metadata.insert("https://mobyproject.org/buildkit@v1#hermetic".to_owned(), json!(true));
    }
    metadata.insert("https://mobyproject.org/buildkit@v1#metadata".to_owned(), beside(account));
    predicate.insert("metadata".to_owned(), Value::Object(metadata));
    Value::Object(predicate)
}

/// Writes what was built from: where the Dockerfile came from, if from elsewhere, and its path under a key.
fn config_source(account: &Account, key: &str) -> Map<String, Value> {
    let mut source = account.file.as_ref().map(Material::described_place).unwrap_or_default();
    source.insert(key.to_owned(), json!(account.path));
    source
}

/// Writes what SLSA has no field for, where readers of BuildKit's provenance look for it.
fn beside(account: &Account) -> Value {
    match &account.definition {
        Some(definition) => json!({"source": definition.source, "layers": definition.layers}),
        None => json!({}),
    }
}

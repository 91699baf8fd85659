//! What an image says of itself while it is being made: its config, and its history.

use oci::Platform;
use serde_json::{Map, Value, json};

/// Where programs are looked for on everything but Windows (moby, `DefaultPathEnvUnix`).
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A line of an image's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// When, RFC 3339; none as long as it is not known.
    pub created: Option<String>,
    /// Which instruction.
    pub created_by: String,
    /// Who says so.
    pub comment: Option<String>,
    /// No layer is its.
    pub empty: bool,
    /// What else stood there, in a line of the base.
    pub extra: Map<String, Value>,
}

impl HistoryLine {
    /// Makes the line of an instruction.
    pub fn new(created_by: String, empty: bool) -> Self {
        let comment = Some(dockerfile::history::COMMENT.to_owned());
        Self { created: None, created_by, comment, empty, extra: Map::new() }
    }

    fn read(value: &Value) -> Self {
        let mut extra = value.as_object().cloned().unwrap_or_default();
        let mut text = |key: &str| extra.remove(key).and_then(|value| value.as_str().map(ToOwned::to_owned));
        let (created, created_by, comment) = (text("created"), text("created_by").unwrap_or_default(), text("comment"));
        let empty = extra.remove("empty_layer").is_some_and(|value| value == json!(true));
        Self { created, created_by, comment, empty, extra }
    }

    fn value(&self) -> Value {
        let mut fields = Map::new();
        let mut text = |key: &str, value: Option<&String>| {
            if let Some(value) = value {
                fields.insert(key.to_owned(), json!(value));
            }
        };
        text("created", self.created.as_ref());
        text("created_by", Some(&self.created_by));
        text("comment", self.comment.as_ref());
        if self.empty {
            fields.insert("empty_layer".to_owned(), json!(true));
        }
        fields.extend(self.extra.clone());
        Value::Object(fields)
    }
}

/// An image on its way: everything of its config but the layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// What it runs on.
    pub platform: Platform,
    /// Who made it.
    pub author: Option<String>,
    /// How it came to be.
    pub history: Vec<HistoryLine>,
    config: Map<String, Value>,
}

impl Image {
    /// Begins with nothing.
    pub fn scratch(platform: Platform) -> Self {
        let mut image = Self { platform, author: None, history: Vec::new(), config: Map::new() };
        image.add_path();
        image.set("WorkingDir", json!("/"));
        image
    }

    /// Begins with a base's config. Its fields are inherited, those that nobody here knows too; when it was
    /// made is not.
    pub fn of_base(platform: Platform, config: &Value) -> Self {
        let history = config.get("history").and_then(Value::as_array).into_iter().flatten().map(HistoryLine::read).collect();
        let author = config.get("author").and_then(Value::as_str).map(ToOwned::to_owned);
        let own = config.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut image = Self { platform, author, history, config: own };
        image.add_path();
        image
    }

    fn add_path(&mut self) {
        let mut environment: Vec<String> = self.list("Env");
        if !self.is_windows() && !environment.iter().any(|variable| variable.starts_with("PATH=")) {
            environment.push(PATH.to_owned());
            self.set("Env", json!(environment));
        }
    }

    /// Tells whether it runs on Windows.
    pub fn is_windows(&self) -> bool {
        self.platform.os == "windows"
    }

    /// Sets a field of what docker calls the config; null takes it away.
    pub fn set(&mut self, key: &str, value: Value) {
        if value.is_null() {
            self.config.shift_remove(key);
        } else {
            self.config.insert(key.to_owned(), value);
        }
    }

    /// Returns a field that is a text; empty where it is not.
    pub fn text(&self, key: &str) -> String {
        self.config.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Returns a field that is an object; empty where it is not.
    pub fn object(&self, key: &str) -> Map<String, Value> {
        self.config.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Returns a field that is a list of texts; empty where it is not.
    pub fn list(&self, key: &str) -> Vec<String> {
        let words = self.config.get(key).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }

    /// Returns the environment, name by name.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |variable: String| match variable.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (variable, String::new()),
        };
        self.list("Env").into_iter().map(pair).collect()
    }

    /// Returns the shell in front of commands that are texts.
    pub fn shell(&self) -> Vec<String> {
        let own = self.list("Shell");
        if !own.is_empty() {
            return own;
        }
        let default: &[&str] = if self.is_windows() { &["cmd", "/S", "/C"] } else { &["/bin/sh", "-c"] };
        default.iter().map(ToString::to_string).collect()
    }

    /// Returns what is to be done in images that begin with this one.
    pub fn triggers(&self) -> Vec<String> {
        self.list("OnBuild")
    }

    /// Takes the triggers away: they are done once.
    pub fn take_triggers(&mut self) -> Vec<String> {
        let triggers = self.triggers();
        self.set("OnBuild", Value::Null);
        triggers
    }

    /// Writes the config of an image with these layers, base first, by their diff IDs.
    pub fn document(&self, diff_ids: &[String], created: Option<&str>) -> Value {
        let mut document = Map::new();
        if let Ok(Value::Object(platform)) = serde_json::to_value(&self.platform) {
            document.extend(platform);
        }
        if let Some(author) = &self.author {
            document.insert("author".to_owned(), json!(author));
        }
        if let Some(created) = created {
            document.insert("created".to_owned(), json!(created));
        }
        document.insert("config".to_owned(), Value::Object(self.config.clone()));
        document.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
        document.insert("history".to_owned(), Value::Array(self.history.iter().map(HistoryLine::value).collect()));
        Value::Object(document)
    }
}

//! Finds fields of fields, and says what is wrong with a name that leads nowhere.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::{TemplateError, list, nearest};
use crate::functions::Datum;
use crate::print::kind;
use crate::shape::Shapes;
use crate::tree::{Base, Path};

/// What a missing field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// An error.
    Refused,
    /// Null, because the template asks whether it is there.
    Null,
}

/// Follows the fields of `path` from `start`; `root` is the whole tree, for the words of an error, and `shapes` knows the
/// fields that it leaves out.
///
/// # Errors
/// Names the field that is not there, and those that are.
pub(crate) fn follow<'a>(
    start: Datum<'a>,
    path: &Path,
    root: &Value,
    shapes: &Shapes,
    missing: Missing,
) -> Result<Datum<'a>, TemplateError> {
    let is_root = matches!(&start, Cow::Borrowed(value) if std::ptr::eq(*value, root));
    match start {
        Cow::Borrowed(value) => walk(value, path, is_root, shapes, missing).map(Cow::Borrowed),
        Cow::Owned(value) => walk(&value, path, is_root, shapes, missing).map(|found| Cow::Owned(found.clone())),
    }
}

fn walk<'v>(start: &'v Value, path: &Path, is_root: bool, shapes: &Shapes, missing: Missing) -> Result<&'v Value, TemplateError> {
    let mut value = start;
    let mut parent = None;
    for (depth, name) in path.fields.iter().enumerate() {
        let trail = Trail { path, depth, is_root, parent };
        let found = match value {
            Value::Object(fields) => match find(fields, name) {
                Found::One(found) if !found.is_null() => Some(found),
                Found::Several(names) => return Err(trail.ambiguous(&names)),
                found => match (shapes.field(value, name), found) {
                    (Some(known), _) | (None, Found::One(known)) => Some(known),
                    (None, _) if missing == Missing::Null => None,
                    (None, _) => return Err(trail.missing(fields, shapes.names(value))),
                },
            },
            Value::Null if missing == Missing::Null => None,
            other => return Err(trail.not_an_object(other)),
        };
        // Fields of what is not there are not there either.
        let Some(found) = found else { return Ok(&Value::Null) };
        parent = value.as_object();
        value = found;
    }
    Ok(value)
}

enum Found<'v> {
    One(&'v Value),
    Several(Vec<&'v str>),
    Nothing,
}

/// Finds a field by its exact name, else without regard to case: docker's own fields are `.Digest`, those of JSON `digest`.
fn find<'v>(fields: &'v Map<String, Value>, name: &str) -> Found<'v> {
    if let Some(value) = fields.get(name) {
        return Found::One(value);
    }
    let fitting: Vec<(&String, &Value)> = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
    match fitting.as_slice() {
        [] => Found::Nothing,
        [(_, value)] => Found::One(value),
        several => Found::Several(several.iter().map(|(key, _)| key.as_str()).collect()),
    }
}

/// How far a path was followed when it led nowhere.
struct Trail<'t> {
    path: &'t Path,
    /// Which field is not there.
    depth: usize,
    is_root: bool,
    /// The object that the thing without the field was found in.
    parent: Option<&'t Map<String, Value>>,
}

impl Trail<'_> {
    fn name(&self) -> String {
        self.path.fields.get(self.depth).cloned().unwrap_or_default()
    }

    /// Writes the first `length` fields as the template has them.
    fn written(&self, length: usize) -> String {
        let base = match &self.path.base {
            Base::Dot => String::new(),
            Base::Root => "$".to_owned(),
            Base::Variable { name, .. } => format!("${name}"),
            Base::Group(_) => "(…)".to_owned(),
        };
        let fields: String = self.path.fields.iter().take(length).map(|name| format!(".{name}")).collect();
        if base.is_empty() && fields.is_empty() { ".".to_owned() } else { format!("{base}{fields}") }
    }

    fn owner(&self) -> String {
        match (self.depth, &self.path.base) {
            (0, _) if self.is_root => "the result".to_owned(),
            (0, Base::Dot) => "this item".to_owned(),
            _ => self.written(self.depth),
        }
    }

    fn ambiguous(&self, names: &[&str]) -> TemplateError {
        let there = list(names.iter().copied());
        TemplateError::AmbiguousField { position: self.path.at, name: self.name(), owner: self.owner(), there }
    }

    fn missing(&self, fields: &Map<String, Value>, known: impl Iterator<Item = &'static str>) -> TemplateError {
        let name = self.name();
        let names = fields.keys().map(String::as_str).chain(known.map(|name| -> &str { name }));
        let close = || nearest(&name, names).map(|close| format!("did you mean .{close}"));
        let hint = self.dotted(fields, self.depth).or_else(close);
        TemplateError::MissingField {
            position: self.path.at,
            owner: self.owner(),
            there: list(fields.keys().map(String::as_str)),
            hint,
            name,
        }
    }

    fn not_an_object(&self, value: &Value) -> TemplateError {
        let name = self.name();
        let before = self.depth.checked_sub(1);
        let dotted = self.parent.zip(before).and_then(|(parent, before)| self.dotted(parent, before));
        let owner = self.written(self.depth);
        let hint = dotted.or_else(|| match value {
            Value::Null => Some(format!("ask first whether it is there: {{{{with {owner}}}}}{{{{.{name}}}}}{{{{end}}}}")),
            Value::Array(_) => {
                Some(format!("{{{{range {owner}}}}}{{{{.{name}}}}}{{{{end}}}} for every item, (index {owner} 0).{name} for the first"))
            }
            _ => None,
        });
        TemplateError::NotAnObject { position: self.path.at, owner: self.owner(), got: kind(value), hint, name }
    }

    /// Finds the field that was meant where its name has dots, such as `os.version` or the key of an annotation.
    fn dotted(&self, fields: &Map<String, Value>, from: usize) -> Option<String> {
        let rest = self.path.fields.get(from..)?;
        // Nobody writes longer keys, and the joined names of a long path would take long to make.
        let lengths = (2..=rest.len().min(12)).rev();
        let key = lengths.filter_map(|length| rest.get(..length)).map(|names| names.join(".")).find(|key| fields.contains_key(key))?;
        Some(format!("a name with dots needs index: index {} \"{key}\"", self.written(from)))
    }
}

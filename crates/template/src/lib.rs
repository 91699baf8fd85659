//! Renders the part of Go's `text/template` that people type after `--format`, over a JSON tree.
//!
//! A template is read once and refused with a position when it makes no sense; rendering it never
//! changes the tree. This room never reads a file, a clock or the environment, and it never guesses:
//! where Go prints `<no value>` for a misspelt field, it names the fields that exist. Nesting, output
//! and work are bounded. Start at [`Template::parse`]; the language is described there.

mod error;
mod evaluate;
mod field;
mod functions;
mod lex;
mod parse;
mod print;
mod printf;
mod shape;
mod tree;

pub use error::{Position, TemplateError};
pub use shape::{Field, Shape};

use serde_json::Value;

/// How a template renders where tools differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Makes `json` write as `docker buildx imagetools inspect` does: indented by two spaces, with `<`, `>` and `&`
    /// escaped. Without it `json` writes one line and escapes none of them, as docker's other commands do.
    pub json_indent: bool,
}

/// A template that was read and makes sense.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<tree::Node>,
    options: Options,
}

impl Template {
    /// Reads a template, with `json` on one line.
    ///
    /// The language is Go's (<https://pkg.go.dev/text/template>) with docker's functions:
    ///
    /// - text, `{{ }}` with the trim markers `{{- -}}`, comments `{{/* */}}`;
    /// - `.`, `.a.b`, `$`, variables (`:=`, `=`), pipelines, parentheses, strings, numbers, `true`, `false`, `nil`;
    /// - `if`, `else if`, `else`, `with`, `else with`, `range` over lists and objects (keys in order), `end`;
    /// - `and or not`, `eq ne lt le gt ge`, `len index`, `print println printf` (`%s %d %v %q %t %x`, width, `-`),
    ///   `json join split lower upper title pad truncate`.
    ///
    /// It differs from Go in four things. Where Go writes `<no value>` or `%!d(string=x)`, there is an error. A field is
    /// found by its exact name, else without regard to case when only one fits. A missing field is null, and thus
    /// false, in the head of `if` and `with` and in the arguments of `and`, `or`, `not`, `eq` and `ne`; everywhere else
    /// it is an error. Numbers compare by value, whole or not.
    ///
    /// `index` follows Go: a key that an object does not have gives null, which prints as `<no value>`.
    ///
    /// ```
    /// use serde_json::json;
    /// use template::Template;
    ///
    /// let image = json!({"digest": "sha256:ab", "platforms": ["linux/amd64", "linux/arm64"]});
    /// let template = Template::parse(r#"{{.Digest}} {{join .platforms ","}}"#)?;
    /// assert_eq!(template.render(&image)?, "sha256:ab linux/amd64,linux/arm64");
    /// # Ok::<(), template::TemplateError>(())
    /// ```
    ///
    /// # Errors
    /// Says what was expected and what was got, and where.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        Self::parse_with(source, Options::default())
    }

    /// Reads a template that renders by `options`.
    ///
    /// ```
    /// use template::{Options, Template};
    ///
    /// let template = Template::parse_with("{{json .}}", Options { json_indent: true })?;
    /// assert_eq!(template.render(&serde_json::json!(["a"]))?, "[\n  \"a\"\n]");
    /// # Ok::<(), template::TemplateError>(())
    /// ```
    ///
    /// # Errors
    /// Says what was expected and what was got, and where.
    pub fn parse_with(source: &str, options: Options) -> Result<Self, TemplateError> {
        Ok(Self { nodes: parse::parse(source)?, options })
    }

    /// Renders the template over `value`, which is `.` and `$`.
    ///
    /// ```
    /// use fault::Fault;
    /// use template::Template;
    ///
    /// let error = Template::parse("{{.digst}}")?.render(&serde_json::json!({"digest": 1, "name": 2})).unwrap_err();
    /// assert_eq!(error.to_string(), "no field .digst in the result: there are digest, name");
    /// assert_eq!(error.hint().unwrap().to_string(), "did you mean .digest");
    /// # Ok::<(), template::TemplateError>(())
    /// ```
    ///
    /// # Errors
    /// Names a field that does not exist, a function's argument that does not fit, or the limit that was passed
    /// (16 MiB of output).
    pub fn render(&self, value: &Value) -> Result<String, TemplateError> {
        evaluate::render(&self.nodes, value, &shape::Shapes::default(), self.options)
    }

    /// Renders as [`Template::render`] does, over a tree that was a Go value: fields have their names in Go too, and one
    /// that is left out of the JSON because it is empty is what it is in Go. So is what `index` finds behind a key that a
    /// map does not have.
    ///
    /// ```
    /// use serde_json::json;
    /// use template::{Shape, Template};
    ///
    /// let user = Shape::Struct(&[("Name", "name", Shape::Text), ("Groups", "groups", Shape::List(&Shape::Text))]);
    /// let template = Template::parse("{{.Name}}{{.Groups}}{{json .Groups}}")?;
    /// assert_eq!(template.render_shaped(&json!({}), &user)?, "[]null");
    /// # Ok::<(), template::TemplateError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Template::render`]; of a pointer to nothing there are no fields.
    pub fn render_shaped(&self, value: &Value, shape: &Shape) -> Result<String, TemplateError> {
        evaluate::render(&self.nodes, value, &shape::Shapes::of(value, shape), self.options)
    }
}

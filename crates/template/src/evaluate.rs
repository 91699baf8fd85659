//! Renders a tree of nodes over a JSON tree.

use std::borrow::Cow;

use serde_json::Value;

use crate::Options;
use crate::error::TemplateError;
use crate::field::{self, Missing};
use crate::functions::{self, Datum, Function, Site, is_true};
use crate::print::{Output, Style, kind, sorted};
use crate::shape::{self, Shapes};
use crate::tree::{Base, Binding, Call, DotIn, Expression, Loop, Node, Path, Pipeline};

/// How many nodes and calls a template may come to: a few for each of 100,000 entries is fine, a `range` in a `range`
/// in a `range` over them is not.
const MAX_STEPS: u32 = 20_000_000;

/// Renders the nodes; `shapes` knows the fields that the tree leaves out.
///
/// # Errors
/// Names the field, the argument or the limit that stopped it.
pub(crate) fn render(nodes: &[Node], root: &Value, shapes: &Shapes, options: Options) -> Result<String, TemplateError> {
    let mut rendering = Rendering { root, shapes, options, variables: Vec::new(), output: Output::default(), steps: 0 };
    rendering.nodes(nodes, &Cow::Borrowed(root))?;
    Ok(rendering.output.into_text())
}

struct Rendering<'a> {
    root: &'a Value,
    shapes: &'a Shapes,
    options: Options,
    /// The values of the variables that can be seen, in the order `parse` counted them.
    variables: Vec<Datum<'a>>,
    output: Output,
    steps: u32,
}

impl<'a> Rendering<'a> {
    fn step(&mut self) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err(TemplateError::TooMuch { limit: "20 million steps" }) } else { Ok(()) }
    }

    /// Renders nodes; the variables they make end with them.
    fn nodes(&mut self, nodes: &'a [Node], dot: &Datum<'a>) -> Result<(), TemplateError> {
        let outside = self.variables.len();
        for node in nodes {
            self.step()?;
            self.node(node, dot)?;
        }
        self.variables.truncate(outside);
        Ok(())
    }

    fn node(&mut self, node: &'a Node, dot: &Datum<'a>) -> Result<(), TemplateError> {
        match node {
            Node::Text(text) => self.output.push(text),
            Node::Action(pipeline) => {
                let value = self.pipeline(pipeline, dot, Missing::Refused)?;
                if pipeline.binding == Binding::Nothing { self.write(&value, pipeline) } else { Ok(()) }
            }
            Node::Choice { dot: inside, arms, otherwise } => {
                let outside = self.variables.len();
                self.choice(*inside, arms, otherwise, dot)?;
                self.variables.truncate(outside);
                Ok(())
            }
            Node::Range { names, over, body, otherwise, at } => {
                let over = self.pipeline(over, dot, Missing::Refused)?;
                let items = items(over).map_err(|got| Site { function: "range", at: *at }.refuse("a list or an object", got, None))?;
                if items.is_empty() {
                    return self.nodes(otherwise, dot);
                }
                let outside = self.variables.len();
                for (key, item) in items {
                    self.step()?;
                    if *names == Loop::KeyAndItem {
                        self.variables.push(Cow::Owned(key));
                    }
                    if *names != Loop::Nothing {
                        self.variables.push(item.clone());
                    }
                    self.nodes(body, &item)?;
                    self.variables.truncate(outside);
                }
                Ok(())
            }
        }
    }

    fn write(&mut self, value: &Value, pipeline: &Pipeline) -> Result<(), TemplateError> {
        match value {
            Value::Null if !shape::is_nil(value) => self.output.push("<no value>"),
            Value::String(text) => self.output.push(text),
            _ => {
                let at = match &pipeline.first {
                    Expression::Path(path) => path.at,
                    Expression::Call(call) => call.at,
                    Expression::Literal(_) => crate::Position::START,
                };
                self.output.value(value, Style::PLAIN, Site { function: "print", at })
            }
        }
    }

    fn choice(
        &mut self,
        inside: DotIn,
        arms: &'a [(Pipeline, Vec<Node>)],
        otherwise: &'a [Node],
        dot: &Datum<'a>,
    ) -> Result<(), TemplateError> {
        for (head, body) in arms {
            self.step()?;
            let value = self.pipeline(head, dot, Missing::Null)?;
            if is_true(&value) {
                return self.nodes(body, if inside == DotIn::Head { &value } else { dot });
            }
        }
        self.nodes(otherwise, dot)
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Datum<'a>, missing: Missing) -> Result<Datum<'a>, TemplateError> {
        // `.a | not` asks the same as `not .a`.
        let asked = pipeline.then.first().is_some_and(|call| call.function.forgives());
        let mut value = self.expression(&pipeline.first, dot, if asked { Missing::Null } else { missing })?;
        for call in &pipeline.then {
            value = self.call(call, Some(value), dot, missing)?;
        }
        match pipeline.binding {
            Binding::Nothing => {}
            Binding::Declare => self.variables.push(value.clone()),
            Binding::Assign(slot) => {
                if let Some(variable) = self.variables.get_mut(slot) {
                    *variable = value.clone();
                }
            }
        }
        Ok(value)
    }

    fn expression(&mut self, expression: &'a Expression, dot: &Datum<'a>, missing: Missing) -> Result<Datum<'a>, TemplateError> {
        match expression {
            Expression::Literal(value) => Ok(Cow::Borrowed(value)),
            Expression::Call(call) => self.call(call, None, dot, missing),
            Expression::Path(path) => self.path(path, dot, missing),
        }
    }

    fn path(&mut self, path: &'a Path, dot: &Datum<'a>, missing: Missing) -> Result<Datum<'a>, TemplateError> {
        let start = match &path.base {
            Base::Dot => dot.clone(),
            Base::Root => Cow::Borrowed(self.root),
            Base::Variable { slot, .. } => {
                let value = self.variables.get(*slot).cloned();
                debug_assert!(value.is_some(), "`parse` lets no variable pass that is not set here");
                value.unwrap_or_default()
            }
            Base::Group(pipeline) => self.pipeline(pipeline, dot, missing)?,
        };
        field::follow(start, path, self.root, self.shapes, missing)
    }

    /// Calls a function; `last` is what the pipeline gives it after its own arguments.
    fn call(&mut self, call: &'a Call, last: Option<Datum<'a>>, dot: &Datum<'a>, missing: Missing) -> Result<Datum<'a>, TemplateError> {
        self.step()?;
        let missing = if call.function.forgives() { Missing::Null } else { missing };
        let mut values = Vec::with_capacity(call.arguments.len() + 1);
        for argument in &call.arguments {
            let value = self.expression(argument, dot, missing)?;
            let decided = match call.function {
                Function::And => !is_true(&value),
                Function::Or => is_true(&value),
                _ => false,
            };
            if decided {
                return Ok(value);
            }
            values.push(value);
        }
        values.extend(last);
        let given = functions::apply(call.function, &values, call.at, self.options)?;
        let absent = match values.as_slice() {
            [map, _] if call.function == Function::Index && given.is_null() => self.shapes.absent(map),
            _ => None,
        };
        Ok(absent.map_or(given, Cow::Borrowed))
    }
}

/// Returns the keys and items of what `range` goes over; null is Go's empty list.
fn items(over: Datum<'_>) -> Result<Vec<(Value, Datum<'_>)>, &'static str> {
    match over {
        Cow::Borrowed(Value::Array(items)) => {
            Ok(items.iter().enumerate().map(|(place, item)| (place.into(), Cow::Borrowed(item))).collect())
        }
        Cow::Owned(Value::Array(items)) => {
            Ok(items.into_iter().enumerate().map(|(place, item)| (place.into(), Cow::Owned(item))).collect())
        }
        Cow::Borrowed(Value::Object(fields)) => {
            Ok(sorted(fields).into_iter().map(|(key, item)| (key.as_str().into(), Cow::Borrowed(item))).collect())
        }
        Cow::Owned(Value::Object(fields)) => {
            Ok(sorted(&fields).into_iter().map(|(key, item)| (key.as_str().into(), Cow::Owned(item.clone()))).collect())
        }
        other if other.is_null() => Ok(Vec::new()),
        other => Err(kind(&other)),
    }
}

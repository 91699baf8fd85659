//! A template as a tree. Only `parse` makes one, so every slot of a variable is right.

use serde_json::Value;

use crate::error::Position;
use crate::functions::Function;

/// One thing a template does.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// Writes text as it is.
    Text(String),
    /// Writes a value, or only sets a variable where the pipeline says so.
    Action(Pipeline),
    /// `if` and `with`: the first arm whose head is true, else the rest.
    Choice { dot: DotIn, arms: Vec<(Pipeline, Vec<Node>)>, otherwise: Vec<Node> },
    /// `range`: the body for every item, or `otherwise` when there is none.
    Range { names: Loop, over: Pipeline, body: Vec<Node>, otherwise: Vec<Node>, at: Position },
}

/// What `.` is inside the arms of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DotIn {
    /// `if`: as outside.
    Unchanged,
    /// `with`: the value of the head.
    Head,
}

/// The variables a `range` sets for every item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loop {
    /// None.
    Nothing,
    /// `$item`.
    Item,
    /// `$key, $item`.
    KeyAndItem,
}

/// A value that flows through functions.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub binding: Binding,
    pub first: Expression,
    /// Each gets the value before it as its last argument.
    pub then: Vec<Call>,
}

/// What a pipeline does with its value besides giving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Nothing.
    Nothing,
    /// `$x :=`: makes the next variable.
    Declare,
    /// `$x =`: sets the variable of this slot, counted from the first.
    Assign(usize),
}

/// Something that has a value.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Literal(Value),
    Path(Path),
    Call(Call),
}

/// Fields of fields of something, such as `.platform.os`; without fields it is the thing itself.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub base: Base,
    pub fields: Vec<String>,
    pub at: Position,
}

/// Where a path starts.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    Dot,
    Root,
    Variable { slot: usize, name: String },
    Group(Box<Pipeline>),
}

/// A function with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub function: Function,
    pub arguments: Vec<Expression>,
    pub at: Position,
}

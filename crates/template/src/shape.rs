//! What Go's types know beyond the JSON: names of fields, and what a field is that JSON leaves out because it is empty.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// A Go type, as far as a template sees more of it than JSON shows. See [`crate::Template::render_shaped`].
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string; where it is left out, no text.
    Text,
    /// A number; else 0.
    Number,
    /// A bool; else false.
    Truth,
    /// An interface; else nil, which prints as `<no value>`.
    Any,
    /// A pointer; else nil, which prints as `<nil>` and has no fields.
    Pointer(&'static Shape),
    /// A list; else an empty one, which is `null` as JSON.
    List(&'static Shape),
    /// A map, whose keys are not known; else an empty one, which is `null` as JSON.
    Map(&'static Shape),
    /// A struct, which JSON always writes.
    Struct(&'static [Field]),
}

/// A field of a struct: its name in Go, its key in JSON, and what it is.
pub type Field = (&'static str, &'static str, Shape);

static NO_TEXT: Value = Value::String(String::new());
static NO_VALUE: Value = Value::Null;
static FALSE: Value = Value::Bool(false);
static ZERO: LazyLock<Value> = LazyLock::new(|| Value::from(0));
// Apart from others, because they are not written as others are.
static NIL: Value = Value::Null;
static NO_LIST: Value = Value::Array(Vec::new());
static NO_MAP: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
// A map of strings has no text behind a key that it does not have, be it made or not.
static NO_TEXTS: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

impl Shape {
    fn zero(&self) -> Option<&'static Value> {
        match self {
            Self::Text => Some(&NO_TEXT),
            Self::Number => Some(&ZERO),
            Self::Truth => Some(&FALSE),
            Self::Any => Some(&NO_VALUE),
            Self::Pointer(_) => Some(&NIL),
            Self::List(_) => Some(&NO_LIST),
            Self::Map(Self::Text) => Some(&NO_TEXTS),
            Self::Map(_) => Some(&NO_MAP),
            Self::Struct(_) => None,
        }
    }
}

/// Tells whether a value is a pointer to nothing: `<nil>`, where other nulls are `<no value>`.
pub(crate) fn is_nil(value: &Value) -> bool {
    std::ptr::eq(value, &raw const NIL)
}

/// Tells whether a value is a list or a map that was never made: `null` as JSON, where other empty ones are `[]` and `{}`.
pub(crate) fn was_never_made(value: &Value) -> bool {
    std::ptr::eq(value, &raw const NO_LIST) || [&*NO_MAP, &*NO_TEXTS].iter().any(|map| std::ptr::eq(value, *map))
}

/// Which objects of a tree have a struct's fields, or a map's items. Values are told apart by where they are: they are borrowed from the
/// tree for as long as it is rendered.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    structs: HashMap<*const Value, &'static [Field]>,
    maps: HashMap<*const Value, &'static Shape>,
    /// Structs without anything in them, for maps to have behind keys that they do not have.
    empty: Vec<(&'static [Field], Box<Value>)>,
}

impl Shapes {
    /// Finds the structs of a tree.
    pub fn of(tree: &Value, shape: &Shape) -> Self {
        let mut shapes = Self::default();
        shapes.collect(tree, shape);
        shapes
    }

    /// Goes as deep as the shape, which is written by hand.
    fn collect(&mut self, value: &Value, shape: &Shape) {
        match (shape, value) {
            (Shape::Pointer(inner), _) => self.collect(value, inner),
            (Shape::List(inner), Value::Array(items)) => items.iter().for_each(|item| self.collect(item, inner)),
            (Shape::Map(inner), Value::Object(items)) => {
                self.maps.insert(std::ptr::from_ref(value), inner);
                if let Shape::Struct(fields) = inner {
                    let empty = Box::new(Value::Object(Map::new()));
                    self.structs.insert(std::ptr::from_ref(&*empty), fields);
                    self.empty.push((fields, empty));
                }
                items.values().for_each(|item| self.collect(item, inner));
            }
            (Shape::Struct(fields), Value::Object(there)) => {
                self.structs.insert(std::ptr::from_ref(value), fields);
                for (_, key, shape) in *fields {
                    if let Some(value) = there.get(*key) {
                        self.collect(value, shape);
                    }
                }
            }
            _ => {}
        }
    }

    fn fields(&self, owner: &Value) -> &'static [Field] {
        self.structs.get(&std::ptr::from_ref(owner)).copied().unwrap_or_default()
    }

    /// Finds a field that the type of `owner` has, by either of its names.
    pub fn field<'v>(&self, owner: &'v Value, name: &str) -> Option<&'v Value> {
        let is_meant = |field: &&Field| field.0.eq_ignore_ascii_case(name) || field.1.eq_ignore_ascii_case(name);
        let (_, key, shape) = self.fields(owner).iter().find(is_meant)?;
        owner.get(*key).filter(|value| !value.is_null()).or_else(|| shape.zero())
    }

    /// Returns what `index` gives for a key that a map does not have, where it is known what the map holds.
    pub fn absent(&self, map: &Value) -> Option<&Value> {
        match self.maps.get(&std::ptr::from_ref(map)).copied() {
            None if std::ptr::eq(map, &raw const *NO_TEXTS) => Shape::Text.zero(),
            None => None,
            Some(Shape::Struct(fields)) => self.empty.iter().find(|(own, _)| std::ptr::eq(*own, *fields)).map(|(_, empty)| &**empty),
            Some(shape) => shape.zero(),
        }
    }

    /// Lists the names of all fields that the type of `owner` has.
    pub fn names(&self, owner: &Value) -> impl Iterator<Item = &'static str> {
        self.fields(owner).iter().map(|(name, ..)| *name)
    }
}

//! Whatever is typed, there is an answer: text or an error with a place inside the template.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use template::Template;

/// Pieces that make sense alone, so that their sequences get far into the parser and the renderer.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "{{if ",
    "{{else}}",
    "{{else if ",
    "{{end}}",
    "{{range ",
    "{{with ",
    "{{range $k, $v := ",
    "{{$x := ",
    "$x",
    "$",
    ".",
    ".a",
    ".b",
    ".a.b",
    ".c",
    "(",
    ")",
    "|",
    "| json",
    "json ",
    "index ",
    "eq ",
    "and ",
    "or ",
    "not ",
    "len ",
    "print ",
    "printf ",
    "join ",
    "split ",
    "title ",
    "truncate ",
    "pad ",
    "\"%5v|%-3s\"",
    "`raw`",
    "\"a\\u00e9\"",
    "0",
    "-1",
    "2.5",
    "1e300",
    "true",
    "nil",
    ",",
    "/*",
    "*/",
    "é",
    "text",
    "%",
];

fn values() -> impl Strategy<Value = Value> {
    values_with(any::<f64>())
}

fn values_with(fractions: impl Strategy<Value = f64> + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        fractions.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[abAB]|.{0,3}", inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn answers(source: &str, tree: &Value) -> Result<(), TestCaseError> {
    if let Err(error) = Template::parse(source).and_then(|template| template.render(tree)) {
        prop_assert!(error.position().is_none_or(|position| source.is_char_boundary(position.offset)), "{error}");
        prop_assert!(!error.to_string().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_an_answer(source in ".{0,60}", inside in "[-.$()|`\"\\\\a-c0-9 :=,{}é]{0,40}") {
        answers(&source, &json!({"a": {"b": 1}}))?;
        answers(&format!("{{{{{inside}}}}}"), &json!({"a": {"b": 1}}))?;
    }

    #[test]
    fn any_pieces_have_an_answer(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24), tree in values()) {
        answers(&pieces.concat(), &tree)?;
    }

    #[test]
    fn any_call_has_an_answer(
        function in prop::sample::select(&["and", "or", "eq", "ne", "lt", "ge", "len", "index", "print", "printf", "join", "split", "pad", "truncate", "title", "json"][..]),
        arguments in prop::collection::vec(values(), 1..4),
    ) {
        let names: String = (0..arguments.len()).map(|place| format!(" (index . {place})")).collect();
        answers(&format!("{{{{{function}{names}}}}}"), &Value::from(arguments))?;
    }

    #[test]
    // Eighths, because serde_json reads only some fractions to the last bit.
    fn json_gives_the_tree_back(tree in values_with(any::<i32>().prop_map(|eighths| f64::from(eighths) / 8.0))) {
        for options in [template::Options { json_indent: false }, template::Options { json_indent: true }] {
            let text = Template::parse_with("{{json .}}", options).unwrap().render(&tree).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap().to_string(), tree.to_string());
        }
    }

    #[test]
    fn text_without_actions_stays(source in "[^{]{0,60}") {
        prop_assume!(!source.trim_start().starts_with("table"));
        prop_assert_eq!(Template::parse(&source).unwrap().render(&Value::Null).unwrap(), source);
    }

    #[test]
    fn quoting_gives_the_string_back(text in ".{0,40}") {
        let quoted = Template::parse("{{printf `%q` .}}").unwrap().render(&Value::from(text.as_str())).unwrap();
        let again = Template::parse(&format!("{{{{{quoted}}}}}")).unwrap().render(&Value::Null).unwrap();
        prop_assert_eq!(again, text);
    }
}

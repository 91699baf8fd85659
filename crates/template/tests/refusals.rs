//! What is refused, and in which words.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use fault::{Fault, Kind};
use serde_json::{Value, json};
use template::{Template, TemplateError};

fn image() -> Value {
    json!({
        "digest": "sha256:ab", "name": "app", "size": 3, "nothing": null,
        "platform": {"os": "windows", "os.version": "10.0"},
        "manifests": [{"digest": "sha256:01"}],
        "annotations": {"org.opencontainers.image.title": "x"},
        "Twice": 1, "tWice": 2,
    })
}

fn refusal(template: &str) -> TemplateError {
    match Template::parse(template).and_then(|parsed| parsed.render(&image())) {
        Ok(text) => panic!("{template} gave {text}"),
        Err(error) => error,
    }
}

/// Each case: a template, its message, and its hint, empty where it has none.
fn all(cases: &[(&str, &str, &str)]) {
    for (template, message, hint) in cases {
        let error = refusal(template);
        assert_eq!(error.to_string(), *message, "{template}");
        assert_eq!(error.hint().map(|hint| hint.to_string()).unwrap_or_default(), *hint, "{template}");
        assert_eq!(error.kind(), Kind::Usage);
    }
}

#[test]
fn fields() {
    let there = "digest, name, size, nothing, platform, manifests, annotations, Twice, tWice";
    all(&[
        ("{{.digst}}", &format!("no field .digst in the result: there are {there}"), "did you mean .digest"),
        ("{{$.zzz}}", &format!("no field .zzz in the result: there are {there}"), ""),
        ("{{range .manifests}}{{.dgiest}}{{end}}", "no field .dgiest in this item: there are digest", "did you mean .digest"),
        ("{{range $m := .manifests}}{{$m.x}}{{end}}", "no field .x in $m: there are digest", ""),
        ("{{(index .manifests 0).x}}", "no field .x in (…): there are digest", ""),
        (
            "{{.platform.os.version}}",
            "no field .version in .platform.os: expected an object, got a string",
            "a name with dots needs index: index .platform \"os.version\"",
        ),
        (
            "{{.annotations.org.opencontainers.image.title}}",
            "no field .org in .annotations: there are org.opencontainers.image.title",
            "a name with dots needs index: index .annotations \"org.opencontainers.image.title\"",
        ),
        (
            "{{.nothing.x}}",
            "no field .x in .nothing: expected an object, got null",
            "ask first whether it is there: {{with .nothing}}{{.x}}{{end}}",
        ),
        (
            "{{.manifests.digest}}",
            "no field .digest in .manifests: expected an object, got a list",
            "{{range .manifests}}{{.digest}}{{end}} for every item, (index .manifests 0).digest for the first",
        ),
        ("{{.twice}}", "field .twice of the result may be one of several: Twice, tWice", "write the name exactly as it is listed"),
    ]);
}

#[test]
fn syntax() {
    all(&[
        ("{{.a", "template, column 1: {{ is never closed", "close it with }}"),
        ("é\n {{range .a}}x", "template, line 2, column 2: {{range}} is never closed", "close it with {{end}}"),
        ("{{if .a}}{{else}}", "template, column 1: {{if}} is never closed", "close it with {{end}}"),
        ("{{/* x", "template, column 1: the comment is never closed", "close it with */}}"),
        ("{{/* x */ .a}}", "template, column 11: expected }} right after a comment, got .a", ""),
        ("{{\"x}}", "template, column 3: \" is never closed", "close it with \""),
        ("{{`x}}", "template, column 3: ` is never closed", "close it with `"),
        ("x{{end}}", "template, column 2: expected a block before its end, got {{end}}", "remove it, or open a block"),
        ("{{else}}", "template, column 1: expected an if, with or range before it, got {{else}}", ""),
        ("{{if 1}}{{else}}{{else}}{{end}}", "template, column 17: expected {{end}} after the last {{else}}, got {{else}}", ""),
        ("{{if 1}}{{else with 1}}{{end}}", "template, column 16: expected }} or if after else, got with", ""),
        ("{{}}", "template, column 3: expected a value, such as .name, got }}", ""),
        ("{{if}}{{end}}", "template, column 5: expected a value, such as .name, got }}", ""),
        ("{{.a .b}}", "template, column 6: expected | or }} after a value, got .b", "only a function takes arguments: {{print .a .b}}"),
        ("{{.a | .b}}", "template, column 8: expected a function after |, got .b", ""),
        ("{{(.a}}", "template, column 6: expected | or ), got }}", ""),
        ("{{len len .a}}", "template, column 7: expected a value, got len", "put a function and its arguments in parentheses: (len .a)"),
        ("{{eq .a\"b\"}}", "template, column 8: expected a space before the next argument, got \"b\"", ""),
        (
            "{{'x'}}",
            "template, column 3: expected a value, a function or }}, got '",
            "a string stands between \" and \", or between ` and `",
        ),
        (
            "{{if .a == 1}}{{end}}",
            "template, column 9: expected a value, a function or }}, got =",
            "compare with functions: eq .a .b, ne, lt, le, gt, ge, and, or, not",
        ),
        ("{{.a-}}", "template, column 5: expected a value, a function or }}, got -", "write a space before -}}"),
        (
            "{{.a-b}}",
            "template, column 5: expected a value, a function or }}, got -",
            "names with other signs than letters, digits and _ need index: {{index .annotations \"com.example/my-key\"}}",
        ),
        ("{{012}}", "template, column 3: expected a decimal number, got 012", ""),
        ("{{1x}}", "template, column 3: expected a decimal number, got 1x", ""),
        (
            "{{\"\\d\"}}",
            "template, column 4: expected one of \\n \\t \\r \\a \\b \\f \\v \\\" \\\\ \\xHH \\uHHHH \\UHHHHHHHH, got \\d",
            "write a backslash itself as \\\\, or the string between ` and `",
        ),
        ("{{$x}}", "template, column 3: no variable $x here", "set it first: {{$x := .}}"),
        ("{{range $x := .a}}{{else}}{{$x}}{{end}}", "template, column 29: no variable $x here", "set it first: {{$x := .}}"),
        ("{{if true}}{{$x := 1}}{{end}}{{$x}}", "template, column 32: no variable $x here", "set it first: {{$x := .}}"),
        ("{{range $x = .a}}{{end}}", "template, column 12: expected :=, got =", "range always makes new variables"),
        (
            "table {{.name}}",
            "template, column 1: table is not supported",
            "write a line per item: {{range .}}{{.name}}{{\"\\t\"}}{{.digest}}{{println}}{{end}}",
        ),
        ("{{template \"x\"}}", "template, column 1: {{template}} is not supported", "there are if, with, range, else and end"),
    ]);
}

#[test]
fn functions() {
    let there =
        "and, or, not, eq, ne, lt, le, gt, ge, len, index, print, println, printf, json, join, split, lower, upper, title, pad, truncate";
    all(&[
        ("{{jsno .}}", &format!("template, column 3: no function jsno: there are {there}"), "did you mean json"),
        ("{{urlquery .}}", &format!("template, column 3: no function urlquery: there are {there}"), ""),
        ("{{len}}", "template, column 3: len takes 1 argument, got 0", ""),
        ("{{.name | len .name}}", "template, column 11: len takes 1 argument, got 2", ""),
        ("{{eq 1}}", "template, column 3: eq takes at least 2 arguments, got 1", ""),
        ("{{len .size}}", "template, column 3: len: expected a string, a list or an object, got a number", ""),
        ("{{range .size}}{{end}}", "template, column 1: range: expected a list or an object, got a number", ""),
        ("{{index .manifests 1}}", "template, column 3: index: expected 0 to 0, got 1", ""),
        ("{{index .manifests `a`}}", "template, column 3: index: expected a number for a list, got a string", ""),
        ("{{eq .size `3`}}", "template, column 3: eq: expected a number to compare with, got a string", ""),
        ("{{lt .nothing 1}}", "template, column 3: lt: expected a string or a number, got null", ""),
        (
            "{{eq .manifests 1}}",
            "template, column 3: eq: expected a string, a number or a bool, got a list",
            "compare their json: eq (json .a) (json .b)",
        ),
        ("{{join `,` .manifests}}", "template, column 3: join: expected a string, got a list", "write join LIST SEPARATOR"),
        ("{{upper .size}}", "template, column 3: upper: expected a string, got a number", "make a string of it first: (print .a)"),
        ("{{printf `%d` `x`}}", "template, column 3: printf: expected a whole number for %d, got a string", "%v writes any value"),
        ("{{printf `%-5s`}}", "template, column 3: printf: expected a value for %-5s, got none", ""),
        ("{{printf `x` 1 2}}", "template, column 3: printf: expected as many values as the format has verbs, got 2 more", ""),
        ("{{printf `%f` 1}}", "template, column 3: printf: expected %s, %d, %v, %q, %t, %x or %%, with - and a width, got %f", ""),
        (
            "{{printf `%` 1}}",
            "template, column 3: printf: expected %s, %d, %v, %q, %t, %x or %%, with - and a width, got the end of the format",
            "",
        ),
        ("{{printf `%9999999999d` 1}}", "template, column 3: printf: expected a width of 1 to 1000, got 9999999999", ""),
    ]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize, open: &str, middle: &str, close: &str| format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
    for (open, middle, close) in [("{{if 1}}", "x", "{{end}}"), ("{{with 1}}", "x", "{{end}}")] {
        assert_eq!(Template::parse(&nested(100, open, middle, close)).unwrap().render(&Value::Null).unwrap(), "x");
        assert!(matches!(refusal(&nested(101, open, middle, close)), TemplateError::TooDeep { limit: 100, .. }));
        assert!(matches!(refusal(&nested(100_000, open, middle, close)), TemplateError::TooDeep { .. }));
    }
    assert_eq!(Template::parse(&format!("{{{{{}}}}}", nested(100, "(", "1", ")"))).unwrap().render(&Value::Null).unwrap(), "1");
    assert!(matches!(refusal(&format!("{{{{{}}}}}", nested(100_000, "(", "1", ")"))), TemplateError::TooDeep { .. }));
}

#[test]
fn long_but_flat_templates_are_fine() {
    let pipeline = format!("{{{{1{}}}}}", " | print".repeat(50_000));
    assert_eq!(Template::parse(&pipeline).unwrap().render(&Value::Null).unwrap(), "1");
    let arms = format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(50_000));
    assert_eq!(Template::parse(&arms).unwrap().render(&Value::Null).unwrap(), "");
    let path = format!("{{{{if {}}}}}{{{{else}}}}no{{{{end}}}}", ".a".repeat(50_000));
    assert_eq!(Template::parse(&path).unwrap().render(&json!({"a": {}})).unwrap(), "no");
    assert!(matches!(refusal(&format!("{{{{{}}}}}", ".a".repeat(50_000))), TemplateError::MissingField { .. }));
}

#[test]
fn output_and_work_are_bounded() {
    let doubling = format!("{{{{$x := `0123456789`}}}}{}", "{{$x = print $x $x}}".repeat(30));
    assert_eq!(refusal(&doubling).to_string(), "the template makes more than 16 MiB of text");
    let tree = json!((0..2000).collect::<Vec<_>>());
    let text = Template::parse(&format!("{{{{range .}}}}{}{{{{end}}}}", "x".repeat(10_000))).unwrap().render(&tree);
    assert_eq!(text, Err(TemplateError::TooMuch { limit: "16 MiB of text" }));
    let work = Template::parse("{{range .}}{{range $}}{{range $}}{{end}}{{end}}{{end}}").unwrap().render(&tree);
    assert_eq!(work, Err(TemplateError::TooMuch { limit: "20 million steps" }));
    let width = "{{range .}}{{printf `%1000d%1000d%1000d%1000d%1000d%1000d%1000d%1000d%1000d` . . . . . . . . .}}{{end}}";
    assert_eq!(Template::parse(width).unwrap().render(&tree), Err(TemplateError::TooMuch { limit: "16 MiB of text" }));
}

//! The language, as Go's documentation of `text/template` and `fmt` describes it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use template::{Options, Template};

fn image() -> Value {
    json!({
        "name": "acme/api:1.4",
        "digest": "sha256:ab12",
        "size": 1024,
        "ratio": 0.5,
        "push": true,
        "nothing": null,
        "empty": "",
        "none": [],
        "manifests": [
            {"digest": "sha256:01", "platform": {"os": "linux", "architecture": "amd64"}},
            {"digest": "sha256:02", "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        ],
        "annotations": {"org.opencontainers.image.title": "api <&>", "b": "2", "a": "1"},
    })
}

fn render(template: &str) -> String {
    match Template::parse(template).and_then(|parsed| parsed.render(&image())) {
        Ok(text) => text,
        Err(error) => panic!("{template}: {error}"),
    }
}

fn all(cases: &[(&str, &str)]) {
    for (template, expected) in cases {
        assert_eq!(render(template), *expected, "{template}");
    }
}

#[test]
fn text_comments_and_trimming() {
    all(&[
        ("", ""),
        ("plain } text { }}", "plain } text { }}"),
        ("a {{- .digest -}} b", "asha256:ab12b"),
        ("a\n\t{{- 1}} b", "a1 b"),
        ("a {{1 -}}\r\n b", "a 1b"),
        ("a {{-1}}", "a -1"),
        ("a{{/* no {{ matter */}}b", "ab"),
        ("a {{- /* trimmed */ -}} b", "ab"),
        ("{{\n  .size\n}}", "1024"),
        ("tables {{.size}}", "tables 1024"),
    ]);
}

#[test]
fn fields_and_literals() {
    all(&[
        ("{{.digest}} {{.Digest}} {{$.DIGEST}}", "sha256:ab12 sha256:ab12 sha256:ab12"),
        ("{{(index .manifests 1).platform.variant}}", "v7"),
        (r#"{{"a\n\t\"\\\u00e9\x41\U0001F600"}}"#, "a\n\t\"\\éA😀"),
        (r#"{{`raw \n "x"`}}"#, r#"raw \n "x""#),
        ("{{1}} {{-2}} {{+3}} {{1.50}} {{true}} {{false}} {{18446744073709551615}}", "1 -2 3 1.5 true false 18446744073709551615"),
        ("{{nil}} {{.nothing}}", "<no value> <no value>"),
    ]);
}

#[test]
fn an_exact_name_comes_before_another_case() {
    let tree = json!({"id": 1, "ID": 2});
    assert_eq!(Template::parse("{{.id}}{{.ID}}").unwrap().render(&tree).unwrap(), "12");
}

#[test]
fn values_print_as_in_go() {
    let tree = json!({"z": [1, "b", null, [true]], "a": {"y": 1.0, "x": 1e21}, "m": 0.00001, "n": 123456789.5, "o": -0.25, "p": []});
    let rendered = Template::parse("{{.}}").unwrap().render(&tree).unwrap();
    assert_eq!(rendered, "map[a:map[x:1e+21 y:1] m:1e-05 n:123456789.5 o:-0.25 p:[] z:[1 b <nil> [true]]]");
}

#[test]
fn choices() {
    all(&[
        ("{{if .push}}yes{{else}}no{{end}}", "yes"),
        ("{{if .empty}}a{{else if .none}}b{{else if .size}}c{{else}}d{{end}}", "c"),
        ("{{if .nothing}}a{{end}}|", "|"),
        ("{{if 0}}a{{else}}b{{end}}{{if 0.0}}a{{else}}b{{end}}{{if .annotations}}c{{end}}", "bbc"),
        ("{{with .manifests}}{{len .}}{{end}}", "2"),
        ("{{with .empty}}a{{else}}{{.digest}}{{end}}", "sha256:ab12"),
        ("{{with .empty}}a{{else with .size}}{{.}}{{end}}", "1024"),
        ("{{with $x := .size}}{{$x}} {{$.name}}{{end}}", "1024 acme/api:1.4"),
        ("{{if $x := .empty}}a{{else}}[{{$x}}]{{end}}", "[]"),
    ]);
}

#[test]
fn a_missing_field_is_false_where_it_is_asked_for() {
    all(&[
        ("{{if .variant}}a{{else}}b{{end}}", "b"),
        ("{{if .variant.deep.er}}a{{else}}b{{end}}", "b"),
        ("{{with .variant}}a{{else}}b{{end}}", "b"),
        ("{{if ne .variant `v7`}}a{{end}}", "a"),
        ("{{range .manifests}}{{or .platform.variant `none`}} {{end}}", "none v7 "),
        ("{{.variant | not}} {{.variant | eq `v7`}}", "true false"),
        ("{{not .variant}} {{eq .variant nil}} {{and .push .variant}}", "true true <no value>"),
        ("{{json (or .variant .size)}}", "1024"),
    ]);
}

#[test]
fn ranges() {
    all(&[
        ("{{range .manifests}}{{.digest}}\n{{end}}", "sha256:01\nsha256:02\n"),
        ("{{range $i, $m := .manifests}}{{$i}}={{$m.platform.architecture}}{{or .platform.variant ``}} {{end}}", "0=amd64 1=armv7 "),
        ("{{range $key, $text := .annotations}}{{$key}}={{$text}};{{end}}", "a=1;b=2;org.opencontainers.image.title=api <&>;"),
        ("{{range $m := .manifests}}{{$m.digest}} {{end}}", "sha256:01 sha256:02 "),
        ("{{range .none}}a{{else}}b{{end}}{{range .nothing}}a{{else}}c{{end}}", "bc"),
        ("{{range split `a,b` `,`}}<{{.}}>{{end}}", "<a><b>"),
    ]);
}

#[test]
fn variables_live_to_the_end_of_their_block() {
    all(&[
        ("{{$x := .size}}{{$x}}{{$x = 2}}{{$x}}", "10242"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
        ("{{$x := 1}}{{range .manifests}}{{$x = print $x `.`}}{{end}}{{$x}}", "1.."),
        (
            "{{$a := 1}}{{range $b := .manifests}}{{$c := $b.digest}}{{with $d := 3}}{{$a}}{{$c}}{{$d}} {{end}}{{end}}",
            "1sha256:013 1sha256:023 ",
        ),
        ("{{$x := 1}}{{$x := print $x $x}}{{$x}}", "1 1"),
        ("{{with $x := 1}}{{end}}{{range $y := .manifests}}{{end}}{{$z := 5}}{{$z}}", "5"),
    ]);
}

#[test]
fn comparisons_and_logic() {
    all(&[
        ("{{eq .size 1024}} {{eq .name `a` `b` `acme/api:1.4`}} {{eq 1 1.0}} {{ne 1 2}}", "true true true true"),
        ("{{lt 1 2}} {{le 2 2}} {{gt `b` `a`}} {{ge 1 1.5}} {{lt -1 18446744073709551615}}", "true true true false true"),
        ("{{and 1 0 (index .none 5)}} {{or 0 `x` (index .none 5)}} {{and 1 2}} {{or 0 ``}}|", "0 x 2 |"),
        ("{{not .push}} {{eq .nothing nil}} {{eq .manifests nil}}", "false true false"),
    ]);
}

#[test]
fn functions() {
    all(&[
        ("{{len .manifests}} {{len .annotations}} {{len `é`}}", "2 3 2"),
        (r#"{{index .annotations "org.opencontainers.image.title"}}"#, "api <&>"),
        ("{{index .manifests 1 `platform` `os`}} {{index .annotations `no`}} {{index .nothing `no`}}", "linux <no value> <no value>"),
        ("{{.annotations | json}}", r#"{"org.opencontainers.image.title":"api <&>","b":"2","a":"1"}"#),
        ("{{json .name}}{{json `\u{2028}`}}", "\"acme/api:1.4\"\"\\u2028\""),
        ("{{join (split .name `/`) `, `}} {{split `ab` ``}}", "acme, api:1.4 [a b]"),
        ("{{lower `ÀB`}} {{upper `éß`}} {{title `linux/arm-v7 x_y é`}}", "àb Éß Linux/Arm-V7 X_y É"),
        ("{{pad .name 1 2}}|{{pad `` 3 3}}|{{truncate .digest 8}}|{{truncate `éé` 3}}", " acme/api:1.4  ||sha256:a|é"),
        ("{{print 1 2 `a` `b` 3 nil}}|{{println 1 `a`}}|{{println}}", "1 2ab3 <nil>|1 a\n|\n"),
        ("{{.digest | printf `%s=%v` .name | upper}}", "ACME/API:1.4=SHA256:AB12"),
    ]);
}

#[test]
fn printf_verbs() {
    all(&[
        ("{{printf `%d|%5d|%-5d|%x|%x` 7 7 7 255 -255}}", "7|    7|7    |ff|-ff"),
        ("{{printf `%s|%6s|%-6s|%q|%x` `é` `é` `é` `a\"\n` `az`}}", "é|     é|é     |\"a\\\"\\n\"|617a"),
        ("{{printf `%t|%6t|%v|%v|%%` true false nil .push}}", "true| false|<nil>|true|%"),
        ("{{printf `%3v|%q` .none (split `a b` ` `)}}", "[]|[\"a\" \"b\"]"),
        ("{{printf `%-12s%s\n` `a` `b`}}", "a           b\n"),
        ("{{printf \"%v\" .annotations}}", "map[a:1 b:2 org.opencontainers.image.title:api <&>]"),
    ]);
}

#[test]
fn json_indents_as_imagetools_does() {
    let template = Template::parse_with("{{json .annotations}}", Options { json_indent: true }).unwrap();
    let expected = "{\n  \"org.opencontainers.image.title\": \"api \\u003c\\u0026\\u003e\",\n  \"b\": \"2\",\n  \"a\": \"1\"\n}";
    assert_eq!(template.render(&image()).unwrap(), expected);
}

#[test]
fn one_template_renders_many_trees() {
    let template = Template::parse("{{.a}}").unwrap();
    assert_eq!(template.render(&json!({"a": 1})).unwrap(), "1");
    assert_eq!(template.render(&json!({"A": "x"})).unwrap(), "x");
}

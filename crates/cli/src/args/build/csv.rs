//! One line of CSV, as Go's `encoding/csv` reads it.

/// Splits a line at its commas. A field that begins with `"` ends with one, and may hold commas, and `""` for `"`.
///
/// # Errors
/// What Go's reader says of quotes that do not fit.
pub fn fields(line: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let field;
        (field, rest) = if let Some(quoted) = rest.strip_prefix('"') { self::quoted(quoted)? } else { plain(rest)? };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(fields),
            None => return Err("extraneous or missing \" in quoted-field"),
        }
    }
}

fn plain(text: &str) -> Result<(String, &str), &'static str> {
    let (field, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
    if field.contains('"') { Err("bare \" in non-quoted-field") } else { Ok((field.to_owned(), rest)) }
}

/// Reads a field behind its first quote.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or("extraneous or missing \" in quoted-field")?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_split_as_go_splits_it() {
        for (line, expected) in [
            ("", &[""][..]),
            ("a", &["a"]),
            ("a,b=c,", &["a", "b=c", ""]),
            (r#"a,"x,y",z"#, &["a", "x,y", "z"]),
            (r#""q""q","""""#, &["q\"q", "\""]),
            (" a , b", &[" a ", " b"]),
        ] {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
        for line in [r#"a"b"#, r#"a,b""#, r#""a"#, r#""a"b"#, "\"", r#""a"" "#] {
            assert!(fields(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(written in prop::collection::vec(r#"[a=,"ä ]{0,6}"#, 1..6)) {
            let line: Vec<String> = written.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            prop_assert_eq!(fields(&line.join(",")).unwrap(), written);
        }

        #[test]
        fn without_quotes_every_comma_splits(line in "[a=, ]{0,12}") {
            prop_assert_eq!(fields(&line).unwrap(), line.split(',').collect::<Vec<_>>());
        }
    }
}

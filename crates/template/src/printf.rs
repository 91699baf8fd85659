//! The format of `printf`.

use crate::error::TemplateError;
use crate::functions::{Datum, Site};
use crate::print::{Align, Output, Style, Verb};

/// The widest column `printf` makes.
const MAX_WIDTH: usize = 1000;

/// Writes the values by the format.
///
/// # Errors
/// Names a verb that does not exist, a value that does not fit, one too many or one too few. Go writes
/// such problems into the output (`%!d(string=x)`), where a script would take them for the answer.
pub(crate) fn printf(format: &str, values: &[Datum<'_>], site: Site) -> Result<String, TemplateError> {
    let mut output = Output::default();
    let mut values = values.iter();
    let mut rest = format;
    while let Some((text, directive)) = rest.split_once('%') {
        output.push(text)?;
        if let Some(after) = directive.strip_prefix('%') {
            output.push("%")?;
            rest = after;
            continue;
        }
        let (style, after) = style(directive, site)?;
        let Some(value) = values.next() else {
            let written = directive.get(..directive.len() - after.len()).unwrap_or_default();
            return Err(site.refuse(&format!("a value for %{written}"), "none", None));
        };
        output.value(value, style, site)?;
        rest = after;
    }
    output.push(rest)?;
    match values.count() {
        0 => Ok(output.into_text()),
        more => Err(site.refuse("as many values as the format has verbs", &format!("{more} more"), None)),
    }
}

/// Reads what follows a percent sign: a minus sign, a width, a verb.
fn style(directive: &str, site: Site) -> Result<(Style, &str), TemplateError> {
    let minus = directive.trim_start_matches('-');
    let align = if minus.len() < directive.len() { Align::Left } else { Align::Right };
    let verb = minus.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let digits = minus.strip_suffix(verb).unwrap_or_default();
    let width = match digits {
        "" => Some(0),
        // A leading zero would be the flag that fills with zeros.
        _ if digits.starts_with('0') => None,
        _ => digits.parse().ok().filter(|width| *width <= MAX_WIDTH),
    };
    let Some(width) = width else {
        return Err(site.refuse("a width of 1 to 1000", &digits.chars().take(20).collect::<String>(), None));
    };
    let mut letters = verb.chars();
    let kind = match letters.next() {
        Some('v') => Verb::Value,
        Some('s') => Verb::Text,
        Some('d') => Verb::Decimal,
        Some('q') => Verb::Quoted,
        Some('t') => Verb::Truth,
        Some('x') => Verb::Hexadecimal,
        other => {
            let got = other.map_or_else(|| "the end of the format".to_owned(), |letter| format!("%{letter}"));
            return Err(site.refuse("%s, %d, %v, %q, %t, %x or %%, with - and a width", &got, None));
        }
    };
    Ok((Style { verb: kind, width, align }, letters.as_str()))
}

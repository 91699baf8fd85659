//! `HEALTHCHECK`.

use super::flags::{Flags, Takes};
use super::{Context, Parts};
use crate::duration::parse_duration;
use crate::instruction::{CommandLine, Healthcheck};
use crate::problem::Reason;

/// docker's shortest duration: a millisecond.
const SHORTEST: i64 = 1_000_000;

impl Context<'_> {
    pub(super) fn healthcheck(&mut self, parts: &Parts<'_>) -> Option<Healthcheck> {
        let known = ["interval", "timeout", "start-period", "start-interval", "retries"];
        let flags = self.flags(&parts.flags, &known.map(|name| (name, Takes::Text)));
        let text = parts.rest.text();
        let length = text.find(char::is_whitespace).unwrap_or(text.len());
        let kind = parts.rest.part(0, length).word();
        let rest = parts.rest.from(length).trim();
        match kind.text.to_uppercase().as_str() {
            "" => self.report(parts.place(), Reason::AtLeastOne("HEALTHCHECK")),
            "NONE" if rest.text().is_empty() => return Some(Healthcheck::None),
            "NONE" => self.report(rest.span(), Reason::HealthcheckNone),
            "CMD" => {
                let command = self.command(rest)?;
                let empty = match &command {
                    CommandLine::Shell(text) => text.text.is_empty(),
                    CommandLine::Exec(words) => words.is_empty(),
                };
                if empty {
                    self.report(kind.span, Reason::HealthcheckCommand);
                    return None;
                }
                return Some(Healthcheck::Command {
                    command,
                    interval: self.duration(&flags, "interval"),
                    timeout: self.duration(&flags, "timeout"),
                    start_period: self.duration(&flags, "start-period"),
                    start_interval: self.duration(&flags, "start-interval"),
                    retries: self.retries(&flags),
                });
            }
            other => self.report(kind.span, Reason::HealthcheckType(other.to_owned())),
        }
        None
    }

    /// Reads a duration: 0, or a millisecond at least.
    fn duration(&mut self, flags: &Flags, name: &str) -> i64 {
        let Some(value) = flags.text(name).filter(|value| !value.text.is_empty()) else { return 0 };
        match parse_duration(&value.text) {
            Ok(duration) if duration == 0 || duration >= SHORTEST => return duration,
            Ok(_) => self.report(value.span, Reason::Duration(format!("Interval \"{name}\" cannot be less than 1ms"))),
            Err(reason) => self.report(value.span, Reason::Duration(reason)),
        }
        0
    }

    fn retries(&mut self, flags: &Flags) -> u32 {
        let Some(value) = flags.text("retries").filter(|value| !value.text.is_empty()) else { return 0 };
        let number = value.text.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
        number.unwrap_or_else(|| {
            self.report(value.span, Reason::Retries(value.text.clone()));
            0
        })
    }
}

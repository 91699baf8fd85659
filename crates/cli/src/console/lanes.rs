//! The picture of a build under way: a line for each platform, with the step that runs and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::picture::TICK;
use super::visible;

/// The time first, as a narrow terminal cuts off what can be missed.
const TEMPLATE: &str = "{elapsed:>5}  {prefix}  {wide_msg}";

/// The lines of a build, by platform.
#[derive(Default)]
pub struct Lanes(Mutex<BTreeMap<String, Lane>>);

struct Lane {
    line: ProgressBar,
    /// What runs, in the order in which it began, and the last that it has written.
    running: Vec<(String, String)>,
}

impl Lanes {
    /// Shows that something begins for a platform.
    pub fn begin(&self, screen: &MultiProgress, platform: &str, what: &str) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(platform.to_owned()).or_insert_with(|| Lane::new(screen, platform));
        lane.running.push((what.to_owned(), String::new()));
        lane.line.reset_elapsed();
        lane.show();
    }

    /// Shows what something has written.
    pub fn tail(&self, platform: &str, what: &str, text: &str) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(platform) else { return };
        if let Some((_, tail)) = lane.running.iter_mut().find(|(running, _)| running == what) {
            text.clone_into(tail);
            lane.show();
        }
    }

    /// Shows that it is done; a platform for which nothing runs has no line.
    pub fn end(&self, screen: &MultiProgress, platform: &str, what: &str) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(platform) else { return };
        if let Some(at) = lane.running.iter().position(|(running, _)| running == what) {
            lane.running.remove(at);
        }
        if !lane.running.is_empty() {
            lane.show();
        } else if let Some(lane) = lanes.remove(platform) {
            lane.line.finish_and_clear();
            screen.remove(&lane.line);
        }
    }

    /// Takes every line away.
    pub fn clear(&self, screen: &MultiProgress) {
        for lane in std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_values() {
            lane.line.finish_and_clear();
            screen.remove(&lane.line);
        }
    }
}

impl Lane {
    fn new(screen: &MultiProgress, platform: &str) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
        let line = screen.add(line.with_prefix(visible(platform).into_owned()));
        line.enable_steady_tick(TICK);
        Self { line, running: Vec::new() }
    }

    fn show(&self) {
        let last = match self.running.last() {
            Some((what, tail)) if !tail.is_empty() => format!("{what} | {tail}"),
            Some((what, _)) => what.clone(),
            None => String::new(),
        };
        let more = match self.running.len() {
            0 | 1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        self.line.set_message(visible(&format!("{last}{more}")).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    #[test]
    fn a_platform_has_a_line_while_something_runs_for_it() {
        let terminal = InMemoryTerm::new(10, 80);
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        let lanes = Lanes::default();
        let shown = || {
            lanes.0.lock().unwrap().values().for_each(|lane| lane.line.force_draw());
            let text = terminal.contents();
            text.lines().map(|line| line.get(7..).unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        lanes.begin(&screen, "linux/amd64", "1/2 COPY a /");
        lanes.begin(&screen, "linux/arm64", "1/2 COPY \u{1b}[31m /");
        lanes.begin(&screen, "linux/amd64", "2/2 COPY b /");
        let lines = shown();
        assert!(lines.contains(&"linux/amd64  2/2 COPY b / (and 1 more)".to_owned()), "{lines:?}");
        assert!(!terminal.contents().contains('\u{1b}'), "what comes from a Dockerfile steers no terminal");
        lanes.tail("linux/amd64", "2/2 COPY b /", "compiling \u{1b}[2J");
        assert!(shown().iter().any(|line| line.starts_with("linux/amd64  2/2 COPY b / | compiling \\u{1b}[2J")), "{:?}", shown());
        lanes.end(&screen, "linux/amd64", "2/2 COPY b /");
        assert!(shown().contains(&"linux/amd64  1/2 COPY a /".to_owned()));
        lanes.end(&screen, "linux/amd64", "1/2 COPY a /");
        lanes.clear(&screen);
        assert_eq!(terminal.contents(), "");
    }
}

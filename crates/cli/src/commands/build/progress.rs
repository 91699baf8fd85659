//! What is shown of a build while it is at work: a lane for each platform on a terminal, a line for each step elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use engine::build::{Happening, Lack, Progress, StepName};

use super::log::BuildLog;
use super::rawjson::Statuses;
use crate::commands::Session;
use crate::machines::unfollowed;

/// Returns a listener that shows steps, and has them kept in a log.
pub fn progress(session: &Session, log: &BuildLog) -> Progress {
    let console = session.console.clone();
    let hear = log.listener();
    let begun = Begun::default();
    let statuses = Statuses::new(session.context.now.clone());
    Progress::to(move |happening| {
        hear(&happening);
        if let Some(status) = statuses.of(&happening) {
            console.status(&status);
        }
        match happening {
            Happening::Begun(step) => {
                begun.add(&step);
                console.begin_step(&step.platform.to_string(), &in_lane(&step));
            }
            Happening::Runs(_) => {}
            Happening::Wrote { step, stream: _, line } => {
                console.tail_step(&step.platform.to_string(), &in_lane(&step), &line, |line| format!("{} {line}", step.in_short()));
            }
            Happening::Done { step, cached } => {
                let became = if cached { "cached".to_owned() } else { begun.took(&step) };
                console.end_step(&step.platform.to_string(), &in_lane(&step), || format!("{} ({became})", in_full(&step)));
            }
            Happening::Failed { step, problem: _ } => {
                let became = format!("failed after {}", begun.took(&step));
                console.end_step(&step.platform.to_string(), &in_lane(&step), || format!("{} ({became})", in_full(&step)));
            }
            Happening::Reading { platform, base } => {
                console.end_step(&platform.to_string(), "", || format!("[{platform}] looking into {base}"));
            }
            Happening::NotTested { platform, reason } => {
                console.warn(&format!("not tested: the image for {platform}, since {reason}"));
            }
            Happening::Limited { lacks: Lack::Overlays, reason } => console.warn(&format!(
                "every command runs on a copy of the layers below it, which takes longer: {reason}; `polyarch doctor` tells what to change"
            )),
            Happening::Limited { lacks: Lack::Following, reason } => console.warn(&unfollowed(reason)),
            Happening::LeftOut { platform, reason } => console.warn(&format!("left out {platform}, which is optional: {reason}")),
        }
    })
}

/// When steps began.
#[derive(Default)]
struct Begun(Mutex<HashMap<String, Instant>>);

impl Begun {
    fn add(&self, step: &StepName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(in_full(step), Instant::now());
    }

    /// Says how long a step took.
    fn took(&self, step: &StepName) -> String {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&in_full(step));
        format!("{:.1} s", since.map_or(0.0, |since| since.elapsed().as_secs_f64()))
    }
}

fn in_lane(step: &StepName) -> String {
    let stage = step.stage.as_ref().map(|stage| format!("{stage} ")).unwrap_or_default();
    format!("{stage}{}/{} {}", step.number, step.of, step.text)
}

fn in_full(step: &StepName) -> String {
    format!("{} {}", step.in_short(), step.text)
}

//! What happens in a build as BuildKit's statuses (`client.SolveStatus`): what `docker buildx build --progress rawjson` prints.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use engine::build::{Happening, StepName};
use engine::run::Stream;
use oci::Digest;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Makes statuses of what happens.
pub struct Statuses {
    now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// When steps began.
    begun: Mutex<HashMap<Digest, String>>,
}

impl Statuses {
    /// Begins, with a clock.
    pub fn new(now: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Self {
        Self { now, begun: Mutex::default() }
    }

    /// Returns what is said of something that happens, if anything.
    pub fn of(&self, happening: &Happening) -> Option<Value> {
        let now = moment((self.now)());
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let mut vertex = |step: &StepName, more: Value| {
            let digest = digest_of(step);
            let name = format!("{} {}", step.in_short(), step.text);
            let mut vertex = json!({"digest": digest, "name": name, "started": begun.entry(digest.clone()).or_insert_with(|| now.clone())});
            if let (Some(vertex), Value::Object(more)) = (vertex.as_object_mut(), more) {
                vertex.extend(more);
            }
            json!({"vertexes": [vertex]})
        };
        Some(match happening {
            Happening::Begun(step) => vertex(step, json!({})),
            Happening::Wrote { step, stream, line } => {
                let stream = if *stream == Stream::Output { 1 } else { 2 };
                let data = BASE64_STANDARD.encode(format!("{line}\n"));
                json!({"logs": [{"vertex": digest_of(step), "stream": stream, "data": data, "timestamp": now}]})
            }
            Happening::Done { step, cached: true } => vertex(step, json!({"completed": now.clone(), "cached": true})),
            Happening::Done { step, cached: false } => vertex(step, json!({"completed": now.clone()})),
            Happening::Failed { step, problem } => vertex(step, json!({"completed": now.clone(), "error": problem})),
            Happening::Runs(_)
            | Happening::Limited { .. }
            | Happening::Reading { .. }
            | Happening::NotTested { .. }
            | Happening::LeftOut { .. } => return None,
        })
    }
}

/// Returns what tells a step from all others of a build.
fn digest_of(step: &StepName) -> Digest {
    Digest::of(format!("{} {}", step.in_short(), step.text).as_bytes())
}

fn moment(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_step_is_a_vertex_and_its_lines_are_logs() {
        let statuses = Statuses::new(Arc::new(|| SystemTime::UNIX_EPOCH + Duration::from_millis(1500)));
        let platform = "linux/arm64".parse().unwrap();
        let step = StepName { platform, stage: None, number: 1, of: 2, text: "RUN true".to_owned() };
        let digest = Digest::of(b"[linux/arm64 1/2] RUN true");
        let started = "1970-01-01T00:00:01.5Z";
        let vertex = |more: Value| {
            let mut vertex = json!({"digest": digest, "name": "[linux/arm64 1/2] RUN true", "started": started});
            vertex.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Some(json!({"vertexes": [vertex]}))
        };
        assert_eq!(statuses.of(&Happening::Begun(step.clone())), vertex(json!({})));
        let wrote = Happening::Wrote { step: step.clone(), stream: Stream::Error, line: "hi".to_owned() };
        let log = json!({"logs": [{"vertex": digest, "stream": 2, "data": "aGkK", "timestamp": started}]});
        assert_eq!(statuses.of(&wrote), Some(log));
        let done = |cached| Happening::Done { step: step.clone(), cached };
        assert_eq!(statuses.of(&done(true)), vertex(json!({"completed": started, "cached": true})));
        assert_eq!(statuses.of(&done(false)), vertex(json!({"completed": started})));
        let failed = Happening::Failed { step, problem: "why".to_owned() };
        assert_eq!(statuses.of(&failed), vertex(json!({"completed": started, "error": "why"})));
    }
}

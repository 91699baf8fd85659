//! What a person sees while `create` pushes.

use std::time::Instant;

use compat::imagetools::{Copying, Display, ImagetoolsError, Vertex, shown};
use content::{Event, Events};
use index::Plan;
use oci::Locator;

use crate::console::Console;

/// The work on every repository.
pub struct Pushing {
    console: Console,
    display: Display,
    /// The repositories, each with its tags.
    vertices: Vec<(Vertex, Vec<String>)>,
    since: Instant,
}

impl Pushing {
    /// Prepares; nothing is said yet.
    pub fn new(console: &Console, display: Display, tags: &[Locator]) -> Self {
        let mut vertices: Vec<(Vertex, Vec<String>)> = Vec::new();
        for names in tags.iter().map(shown) {
            match vertices.iter_mut().find(|(vertex, _)| vertex.repository() == names.repository) {
                Some((_, tags)) => tags.push(names.whole),
                None => vertices.push((Vertex::new(vertices.len() + 1, names.repository), vec![names.whole])),
            }
        }
        Self { console: console.clone(), display, vertices, since: Instant::now() }
    }

    /// Returns a listener that tells warnings and requests, and leaves the progress to these lines.
    pub fn events(&self) -> Events {
        let told = self.console.events();
        Events::to(move |event| match event {
            Event::Planned { .. } | Event::Passed { .. } | Event::Blob { .. } | Event::Manifest { .. } => {}
            other => told.tell(other),
        })
    }

    /// Says what will be copied where.
    pub fn begin(&self, plan: &Plan) {
        let copying = |entry: &index::Candidate| Copying { digest: entry.descriptor.digest.clone(), from: entry.label.clone() };
        let entries: Vec<Copying> = plan.entries.iter().map(copying).collect();
        for (vertex, _) in &self.vertices {
            self.say(vertex.begin(&entries));
        }
    }

    /// Says what was named.
    pub fn done(&self, plan: &Plan) {
        for (vertex, tags) in &self.vertices {
            let after = self.since.elapsed();
            self.say(tags.iter().map(|tag| vertex.pushed(plan.document.digest(), tag, after)));
            self.say([vertex.done(after)]);
        }
    }

    /// Says what stopped it. Names move last, one repository after the other; which of them moved stands in the problem.
    pub fn failed(&self, problem: &ImagetoolsError) {
        for (vertex, _) in &self.vertices {
            self.say([vertex.failed(&problem.to_string())]);
        }
    }

    fn say(&self, lines: impl IntoIterator<Item = String>) {
        if self.display == Display::Lines {
            lines.into_iter().for_each(|line| self.console.say(line));
        }
    }
}

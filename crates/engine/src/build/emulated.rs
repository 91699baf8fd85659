//! Commands of a build that an emulator runs, and what they are likely to meet.

use emulate::Trouble;
use graph::Step;
use oci::Platform;

use super::plan::Plan;
use crate::machines::Machines;

/// Programs that count on set-user-ID.
const SETUID: [&str; 3] = ["sudo", "su", "doas"];

/// Commands of a platform that an emulator runs.
pub struct Emulated {
    /// Whose they are.
    pub platform: Platform,
    /// What runs them.
    pub by: String,
    /// Programs with set-user-ID gain nothing by it, and some command counts on one.
    pub misses_setuid: bool,
    /// What some of them are likely to meet.
    pub troubles: Vec<&'static Trouble>,
}

impl Plan {
    /// Lists the platforms whose commands an emulator runs, each once.
    pub fn emulated(&self, machines: &Machines) -> Vec<Emulated> {
        let commands = self.commands();
        let emulated = commands.iter().filter_map(|(platform, commands)| {
            let (means, by) = (machines.means(platform).ok()?, machines.emulator(platform)?);
            let has = |words: &[&str]| commands.iter().any(|command| command.split([' ', ';', '&', '|']).any(|word| words.contains(&word)));
            let concerns = |trouble: &&Trouble| commands.iter().any(|command| trouble.concerns(command));
            Some(Emulated {
                platform: (*platform).clone(),
                by,
                misses_setuid: means.loses_setuid() && has(&SETUID),
                troubles: means.troubles(platform).into_iter().filter(concerns).collect(),
            })
        });
        emulated.collect()
    }

    /// Lists the commands of each platform.
    fn commands(&self) -> Vec<(&Platform, Vec<String>)> {
        let mut all: Vec<(&Platform, Vec<String>)> = Vec::new();
        for ready in self.targets.iter().filter_map(|planned| planned.outcome.as_ref().ok()) {
            for stage in &ready.outline.stages {
                let steps = ready.recipes.get(&stage.index).into_iter().flat_map(|recipe| &recipe.steps);
                for placed in steps {
                    let Step::Run(step) = &placed.step else { continue };
                    let command = step.words.join(" ");
                    match all.iter_mut().find(|(platform, _)| **platform == stage.platform) {
                        Some((_, commands)) => commands.push(command),
                        None => all.push((&stage.platform, vec![command])),
                    }
                }
            }
        }
        all
    }
}

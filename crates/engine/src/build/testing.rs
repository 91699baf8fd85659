//! `--test`: commands that must succeed in a finished image. What they write is thrown away.

use std::sync::Arc;

use dockerfile::{Network, Security};
use emulate::Means;
use fault::Fault;
use graph::{Image, RunStep};
use oci::Platform;

use super::error::BuildError;
use super::evaluate::{Below, Evaluated, Evaluation};
use super::layering::Layer;
use super::progress::{Happening, StepName};
use crate::run::{Job, RunError};

/// What stands where steps have the name of their stage. No stage can be called so.
const STAGE: &str = "--test";

impl Evaluation<'_> {
    /// Runs every test in the image that a stage becomes, one after the other, each over what the image holds. Returns how many
    /// that were: none where the image is for another machine and those are not wanted, which is told.
    ///
    /// # Errors
    /// The first test that cannot be run, or does not succeed.
    pub(super) async fn test(&self, image: &Image, stage: &Evaluated, layers: &[Layer]) -> Result<usize, BuildError> {
        let (tests, progress) = (&self.request.tests, &self.layering.workshop.progress);
        if tests.is_empty() {
            return Ok(0);
        }
        let platform = &self.target.platform;
        if let Some(reason) = self.not_tested(&image.platform) {
            progress.tell(Happening::NotTested { platform: platform.clone(), reason });
            return Ok(0);
        }
        let below = Below { base: stage.base.as_ref(), survey: &stage.survey, chain: &stage.chain };
        for (number, text) in tests.iter().enumerate() {
            let stage_name = Some(STAGE.to_owned());
            let (platform, of) = (platform.clone(), tests.len());
            let name = StepName { platform, stage: stage_name, number: number + 1, of, text: text.clone() };
            let step = step_of(image, text);
            if let Err(problem) = self.try_out(&name, step, stage, &below, layers).await {
                let failed = BuildError::Test { step: Box::new(name.clone()), problem: Arc::new(problem) };
                let problem = failed.lines().into_iter().next().unwrap_or_default();
                progress.tell(Happening::Failed { step: name, problem });
                return Err(failed);
            }
            progress.tell(Happening::Done { step: name, cached: false });
        }
        Ok(tests.len())
    }

    /// Says why no test is run in an image for a platform, if so. Where all are wanted, that one of this system's can run was found
    /// out before.
    fn not_tested(&self, platform: &Platform) -> Option<String> {
        let means = self.request.machines.means(platform);
        if self.request.tests_all {
            return means.err().map(|why| why.reason);
        }
        (!matches!(means, Ok(Means::Native))).then(|| "this machine does not run it by itself: --test-all does".to_owned())
    }

    async fn try_out(
        &self,
        name: &StepName,
        step: RunStep,
        stage: &Evaluated,
        below: &Below<'_>,
        layers: &[Layer],
    ) -> Result<(), RunError> {
        let workshop = self.layering.workshop;
        let ground = workshop.runner.ground().await?;
        let login = stage.root.login(&step.user);
        let login = login.map_err(|problem| RunError::User { user: step.user.clone(), problem: Box::new(problem) })?;
        let (stack, root) = self.stack(&ground.roots, below, layers).await?;
        let settings = self.request.commands.clone();
        let proxies = self.ready.outline.globals.proxies();
        let carrier = self.request.machines.carrier(&self.target.platform);
        let job =
            Job { step, login, stack, carrier, access: settings.network, is_privileged: false, mounts: Vec::new(), proxies, settings };
        let (progress, told) = (workshop.progress.clone(), name.clone());
        let listener = Arc::new(move |stream, line: &str| {
            progress.tell(Happening::Wrote { step: told.clone(), stream, line: line.to_owned() });
        });
        let begins = || {
            workshop.progress.tell(Happening::Begun(name.clone()));
            workshop.progress.tell(Happening::Runs(name.clone()));
        };
        workshop.runner.try_out(job, root, listener, begins).await
    }
}

/// Decides what a test runs: words where they are written as a JSON list, as in `CMD`, and else a text for the image's shell.
fn step_of(image: &Image, text: &str) -> RunStep {
    let words = serde_json::from_str::<Vec<String>>(text).ok().filter(|words| !words.is_empty());
    let folder = image.text("WorkingDir");
    RunStep {
        words: words.unwrap_or_else(|| image.shell().into_iter().chain([text.to_owned()]).collect()),
        inline: None,
        mounts: Vec::new(),
        network: Network::Default,
        security: Security::Sandbox,
        environment: image.environment(),
        working: if folder.starts_with('/') { folder } else { format!("/{folder}") },
        user: image.text("User"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_run_as_it_is_and_a_text_by_the_shell() {
        let mut image = Image::scratch("linux/amd64".parse().unwrap());
        let words = |image: &Image, text: &str| step_of(image, text).words;
        assert_eq!(words(&image, "server --version"), ["/bin/sh", "-c", "server --version"]);
        assert_eq!(words(&image, r#" ["/server", "--version"] "#), ["/server", "--version"]);
        for text in ["[ -e /server ]", "[]", r#"["/server", 1]"#, "[\"a\"] && true"] {
            assert_eq!(words(&image, text), ["/bin/sh", "-c", text]);
        }
        image.set("Shell", json!(["/bin/ash", "-ec"]));
        image.set("WorkingDir", json!("srv"));
        image.set("User", json!("www"));
        let step = step_of(&image, "true");
        assert_eq!((step.words.join(" ").as_str(), step.working.as_str(), step.user.as_str()), ("/bin/ash -ec true", "/srv", "www"));
        image.set("WorkingDir", json!(""));
        assert_eq!(step_of(&image, "true").working, "/");
    }
}

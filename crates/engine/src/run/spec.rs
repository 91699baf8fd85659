//! A command of a build, as a process that is to run.

use std::ffi::OsString;

use graph::RunStep;
use layer::index::Login;
use sandbox::{Bounds, Network, Streams};

use super::mounts::{Mounted, Mounts};
use super::settings::{Access, Settings};
use crate::ground::{Bound, Confinement, Task};
use crate::machines::Carrier;
use crate::roots::Stack;

/// The name of a machine that a build runs on, where nobody says another (BuildKit's).
const HOSTNAME: &str = "buildkitsandbox";

/// All that is known of a command before it runs.
pub(crate) struct Job {
    /// What runs.
    pub step: RunStep,
    /// Whom it runs as.
    pub login: Login,
    /// The layers below it.
    pub stack: Stack,
    /// What it takes so that this machine runs it.
    pub carrier: Carrier,
    /// What of the network it sees.
    pub access: Access,
    /// It has all rights that the builder has.
    pub is_privileged: bool,
    /// What is mounted.
    pub mounts: Vec<Mounted>,
    /// Variables of proxies, which no key knows.
    pub proxies: Vec<(String, String)>,
    /// What holds for all commands.
    pub settings: Settings,
}

impl Job {
    /// Returns the words as errors show them.
    pub fn command(&self) -> String {
        self.step.words.join(" ")
    }

    /// Says what runs, with what is mounted for it.
    pub(super) fn task(&self, mounts: &Mounts) -> Task {
        let Self { step, settings, .. } = self;
        let script =
            |(name, content): &(String, String)| Bound { target: format!("/dev/pipes/{name}"), content: content.clone(), runs: true };
        Task {
            words: step.words.iter().map(OsString::from).collect(),
            environment: self.environment(mounts),
            working: step.working.clone(),
            login: self.login.clone(),
            carrier: self.carrier.clone(),
            read_only: false,
            network: match self.access {
                Access::Host => Network::Host,
                Access::None => Network::None,
            },
            hostname: settings.hostname.clone().unwrap_or_else(|| HOSTNAME.to_owned()),
            hosts: settings.hosts.clone(),
            shared_memory: settings.shared_memory,
            limits: settings.limits.clone(),
            bounds: Bounds::USUAL,
            confinement: if self.is_privileged { Confinement::NONE } else { Confinement::USUAL },
            files: step.inline.iter().map(script).collect(),
            mounts: mounts.mounts.clone(),
            owners: mounts.owners.clone(),
            streams: Streams::PIPED,
        }
    }

    /// The variables in their order.
    fn environment(&self, mounts: &Mounts) -> Vec<(OsString, OsString)> {
        let mut all = self.step.environment.clone();
        // What the Dockerfile says of a proxy counts.
        let is_new = |(name, _): &&(String, String)| !self.step.environment.iter().any(|(known, _)| known == name);
        let proxies = self.settings.proxies.iter().chain(&self.proxies).filter(is_new);
        for (name, value) in proxies.chain(&mounts.environment) {
            match all.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => old.clone_from(value),
                None => all.push((name.clone(), value.clone())),
            }
        }
        all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

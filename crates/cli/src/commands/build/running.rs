//! From the words of `build` to what every `RUN` of it sees. Files and variables are read here, once.

mod agents;
mod error;
mod proxies;
mod secrets;

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::build::Target;
use engine::run::{Access, Rights, Secret, Settings};

use crate::args::{HostnameWord, LimitWord, NetworkWord, Right, RunWords};
use crate::context::Context;

pub use error::RunningError;
pub use proxies::DockerProxies;

/// BuildKit's argument for the name of the machine.
const HOSTNAME: &str = "BUILDKIT_SANDBOX_HOSTNAME";

/// BuildKit's argument for what the ids of cache mounts are told apart by.
const CACHE_NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// What somebody gave the build that is in no image: read once, as it may come by a pipe.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Secrets, by their ids.
    pub secrets: BTreeMap<String, Secret>,
    /// Sockets of SSH agents, by their ids.
    pub agents: BTreeMap<String, PathBuf>,
}

/// Reads what was given.
///
/// # Errors
/// A secret or an agent that is not there.
pub fn given(context: &Context, words: &RunWords) -> Result<Given, RunningError> {
    let secrets = secrets::read(&words.secrets, &context.variables)?;
    Ok(Given { secrets, agents: agents::find(&words.agents, &context.variables)? })
}

/// Returns what every command of a build sees. `docker` has the proxies of docker's file.
///
/// # Errors
/// An argument for the whole build that differs by platform.
pub fn settings(words: &RunWords, targets: &[Target], docker: &DockerProxies, given: Given) -> Result<Settings, RunningError> {
    let arguments: Vec<_> = targets.iter().map(|target| &target.arguments).collect();
    let usual = Settings::default();
    Ok(Settings {
        network: if words.network == NetworkWord::None { Access::None } else { Access::Host },
        rights: Rights {
            // As in buildx: who gives all the network of this machine allows to ask for it.
            network_host: words.network == NetworkWord::Host || words.allow.contains(&Right::HostNetwork),
            insecure: words.allow.contains(&Right::Insecure),
        },
        hosts: words.hosts.iter().flat_map(|host| host.addresses.iter().map(|address| (host.name.clone(), *address))).collect(),
        shared_memory: words.shared_memory.map(|size| size.0).filter(|size| *size > 0).unwrap_or(usual.shared_memory),
        limits: LimitWord::settle(&words.limits),
        secrets: given.secrets,
        agents: given.agents,
        proxies: docker.variables(&arguments)?,
        hostname: hostname(&arguments)?,
        cache_namespace: agreed(&arguments, CACHE_NAMESPACE)?.unwrap_or_default().to_owned(),
        parallel: words.parallel.map_or(usual.parallel, std::num::NonZeroUsize::get),
    })
}

/// Returns the value of an argument that is about the whole build.
fn agreed<'a>(arguments: &[&'a BTreeMap<String, String>], key: &'static str) -> Result<Option<&'a str>, RunningError> {
    let of = |arguments: &&'a BTreeMap<String, String>| arguments.get(key).map(String::as_str);
    same(arguments.iter().map(of), key)
}

/// Returns the one value of all platforms.
fn same<'a>(mut values: impl Iterator<Item = Option<&'a str>>, key: &'static str) -> Result<Option<&'a str>, RunningError> {
    let first = values.next().flatten();
    if values.all(|other| other == first) { Ok(first) } else { Err(RunningError::Differs(key)) }
}

fn hostname(arguments: &[&BTreeMap<String, String>]) -> Result<Option<String>, RunningError> {
    let Some(name) = agreed(arguments, HOSTNAME)?.filter(|name| !name.is_empty()) else { return Ok(None) };
    match name.parse::<HostnameWord>() {
        Ok(HostnameWord(name)) => Ok(Some(name)),
        Err(_) => Err(RunningError::Hostname(name.to_owned())),
    }
}

#[cfg(test)]
mod tests;

//! Files of a repository, through the program git: which commit is meant, and its files as a tar that is a blob.
//!
//! Git is told nothing by the environment but what is written here, runs no hook and no program that a repository names, asks
//! nobody, and gets no word of an address where it takes options.

mod account;
mod pack;
mod program;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::{Keep, Library, Source};
use dockerfile::{GitAddress, GitTimes};
use oci::{Descriptor, MediaType};
use remote::{RemoteError, Web, WebRequest};
use url::Url;

use crate::credentials::Secrets;
use crate::error::FetchError;
use crate::record::{CheckoutRecord, Of};
use account::Account;
use pack::{Times, beneath, pack};
use program::{Git, Patience};
use settings::Configuration;

pub use settings::GitSettings;

/// Where blobs are asked for: any repository will do.
const REPOSITORY: &str = "fetched";
/// What the commit that is wanted is called in our copy.
const WANTED: &str = "refs/build/wanted";
/// What a smart and a plain server both have, behind the address of a repository.
const REFERENCES: &str = "/info/refs";
/// The file that names the repositories in one.
const MODULES: &str = ".gitmodules";
/// The folder of the copy. What else is needed lies beside it.
const TREE: &str = "tree";
/// How many repositories may be in each other.
const DEEPEST: usize = 10;

/// Fetches files of repositories into a library.
pub struct Repositories {
    /// What asks where a repository is.
    pub web: Web,
    /// Where files are kept.
    pub library: Arc<dyn Library>,
    /// What is remembered of them.
    pub keep: Arc<dyn Keep>,
    /// What hosts are shown.
    pub secrets: Secrets,
    /// What git is told of this machine.
    pub settings: GitSettings,
    /// Where it works.
    pub scratch: PathBuf,
    /// The most bytes of a repository.
    pub limit: u64,
}

/// What is wanted of a repository, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckoutWish {
    /// What the commit begins with.
    pub checksum: Option<String>,
    /// `.git` stays there.
    pub keeps_git: bool,
}

/// Files of a repository.
#[derive(Clone)]
pub struct Checkout {
    /// A tar of them.
    pub blob: Descriptor,
    /// Where that is.
    pub source: Arc<dyn Source>,
    /// The commit.
    pub commit: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// It was here before.
    pub is_known: bool,
}

/// A reference of a repository, and the commit that it is.
struct Found {
    /// Its whole name, or the commit itself.
    name: String,
    commit: String,
    /// What the name points at, where that is a tag with a text of its own.
    tag: Option<String>,
}

impl Repositories {
    /// Fetches the files, if those of this commit are not here. A whole commit that is here needs no server.
    ///
    /// # Errors
    /// Where they cannot be had, or are of another commit than was meant. Nothing of them is kept then.
    pub async fn get(&self, address: &GitAddress, wish: &CheckoutWish) -> Result<Checkout, FetchError> {
        let keeps_git = wish.keeps_git || address.keep_git_dir == Some(true);
        let fetching = Fetching { all: self, address, shown: address.shown(), keeps_git };
        let expected: Vec<&str> = [&wish.checksum, &address.commit].into_iter().flatten().map(String::as_str).collect();
        if let Some(commit) = address.whole_commit() {
            fetching.check(&expected, commit, None)?;
            if let Some(known) = fetching.known(commit).await? {
                return Ok(known);
            }
        }
        let folder = tempfile::Builder::new().prefix("polyarch-git-").tempdir_in(&self.scratch).map_err(FetchError::Scratch)?;
        let git = fetching.git(folder.path()).await?;
        let found = match address.whole_commit() {
            Some(commit) => Found { name: commit.to_owned(), commit: commit.to_owned(), tag: None },
            None => fetching.ask(&git).await?,
        };
        fetching.check(&expected, &found.commit, found.tag.as_deref())?;
        if let Some(known) = fetching.known(&found.commit).await? {
            return Ok(known);
        }
        fetching.fetch(&git, &found, &expected).await
    }
}

/// One repository on its way.
struct Fetching<'a> {
    all: &'a Repositories,
    address: &'a GitAddress,
    shown: String,
    keeps_git: bool,
}

impl Fetching<'_> {
    fn check(&self, expected: &[&str], commit: &str, tag: Option<&str>) -> Result<(), FetchError> {
        let is_meant = |expected: &&&str| !commit.starts_with(**expected) && !tag.is_some_and(|tag| tag.starts_with(**expected));
        match expected.iter().find(is_meant) {
            Some(expected) => {
                Err(FetchError::Commit { address: self.shown.clone(), expected: (*expected).to_owned(), got: commit.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Says what is remembered of a commit: by everything else that decides what is in the tar, too.
    fn record(&self, commit: &str) -> Of {
        let GitAddress { remote, folder, submodules, times, .. } = self.address;
        Of::checkout(&format!("{remote} {folder:?} {submodules:?} {times:?} {}", self.keeps_git), commit)
    }

    async fn known(&self, commit: &str) -> Result<Option<Checkout>, FetchError> {
        let Some(record) = self.record(commit).read::<CheckoutRecord>(&*self.all.keep) else { return Ok(None) };
        let source: Arc<dyn Source> = self.all.library.open(REPOSITORY).await?;
        if source.blob_size(&record.digest).await? != Some(record.size) {
            return Ok(None);
        }
        Ok(Some(checkout(&record, commit, source, true)))
    }

    /// Prepares git below a folder, for where the repository is in truth.
    async fn git(&self, folder: &Path) -> Result<Git, FetchError> {
        let tree = folder.join(TREE);
        fs::create_dir(&tree).map_err(FetchError::Scratch)?;
        let account = Account::of(self.address, &self.all.secrets);
        let remote = self.place(&account).await?;
        let mut configuration = Configuration::new(&self.all.settings, folder).map_err(FetchError::Scratch)?;
        account.tell(&self.address.remote, &remote, &mut configuration);
        let program = self.all.settings.program().ok_or_else(|| FetchError::NoGit(self.shown.clone()))?;
        Ok(Git {
            program,
            folder: tree,
            variables: configuration.variables(),
            secrets: account.hidden(),
            remote,
            address: self.shown.clone(),
            limit: self.all.limit,
        })
    }

    /// Finds where a repository is: redirects are followed here, and not by git, which would follow them anywhere.
    async fn place(&self, account: &Account) -> Result<String, FetchError> {
        let remote = &self.address.remote;
        let Some(scheme) = remote.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| scheme.starts_with("http")) else {
            self.all.web.check_host(host(remote)).await.map_err(|problem| FetchError::remote(&self.shown, problem))?;
            return Ok(remote.clone());
        };
        let mut url: Url = remote.parse().map_err(|_| FetchError::Address(self.shown.clone()))?;
        let path = format!("{}{REFERENCES}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_query(Some("service=git-upload-pack"));
        let mut request = WebRequest::new(url);
        request.authorization = account.for_http();
        match self.all.web.get(&request).await {
            Ok(answer) => {
                let mut place = answer.url.clone();
                let path = place.path().strip_suffix(REFERENCES).map(ToOwned::to_owned);
                let Some(path) = path else { return Err(FetchError::NoRepository { address: self.shown.clone(), leads: answer.shown }) };
                place.set_path(&path);
                place.set_query(None);
                // Where nothing has moved, git is told what was written.
                Ok(if place.as_str().trim_end_matches('/') == remote.trim_end_matches('/') { remote.clone() } else { place.into() })
            }
            Err(RemoteError::Status { status: status @ (401 | 403), .. }) => {
                Err(FetchError::Closed { address: self.shown.clone(), host: host(remote).to_owned(), scheme: scheme.to_owned(), status })
            }
            Err(RemoteError::Status { status: 404 | 410, .. }) => {
                Err(FetchError::NoRepository { address: self.shown.clone(), leads: remote.clone() })
            }
            Err(problem) => Err(FetchError::remote(&self.shown, problem)),
        }
    }

    /// Asks which commit a reference is.
    async fn ask(&self, git: &Git) -> Result<Found, FetchError> {
        let reference = self.address.reference.as_deref().unwrap_or("HEAD");
        let peeled = format!("{reference}^{{}}");
        let said = git.run(&["ls-remote", "--", &git.remote, reference, &peeled], Patience::Network).await?;
        let lines: Vec<(&str, &str)> = said.output.lines().filter_map(|line| line.split_once('\t')).collect();
        let commit_of = |name: &str| lines.iter().find(|(_, line)| *line == name).map(|(commit, _)| (*commit).to_owned());
        // As git reads a short name: a tag before a branch.
        let names =
            [reference.to_owned(), format!("refs/{reference}"), format!("refs/tags/{reference}"), format!("refs/heads/{reference}")];
        let found = names.into_iter().find_map(|name| {
            let own = commit_of(&name)?;
            Some(match commit_of(&format!("{name}^{{}}")) {
                Some(commit) => Found { name, commit, tag: Some(own) },
                None => Found { name, commit: own, tag: None },
            })
        });
        found.ok_or_else(|| match self.address.reference {
            Some(_) => FetchError::NoReference { address: self.shown.clone(), reference: reference.to_owned() },
            None => FetchError::NoCommit(self.shown.clone()),
        })
    }

    async fn fetch(&self, git: &Git, found: &Found, expected: &[&str]) -> Result<Checkout, FetchError> {
        git.run(&["init", "--quiet", "--template="], Patience::Disk).await?;
        // What is in it may be named by a way from here.
        git.run(&["config", "--local", "remote.origin.url", &git.remote], Patience::Disk).await?;
        let wanted = if self.address.fetch_by_commit { &found.commit } else { &found.name };
        self.receive(git, wanted, found).await?;
        let commit = git.line(&["rev-parse", "--verify", "--quiet", &format!("{WANTED}^{{commit}}")]).await?;
        // A branch may have moved since it was asked for; what came is what counts.
        self.check(expected, &commit, found.tag.as_deref())?;
        git.run(&["checkout", "--quiet", "--force", "--detach", &commit], Patience::Disk).await?;
        let time = git.line(&["log", "-1", "--format=%ct", &commit]).await?.parse().unwrap_or(0);
        if self.address.submodules != Some(false) && git.folder.join(MODULES).exists() {
            self.receive_inner(git).await?;
        }
        if self.keeps_git {
            // What is left of the fetching is no part of the repository.
            git.run(&["update-ref", "-d", WANTED], Patience::Disk).await?;
            let origin = &self.address.remote;
            git.run(&["config", "--local", "remote.origin.url", origin], Patience::Disk).await?;
        }
        let times = if self.address.times == Some(GitTimes::Checkout) { Times::Own } else { Times::All(time) };
        let packed = pack(&*self.all.library, &git.folder, self.address.folder.as_deref(), self.keeps_git, times, self.all.limit).await;
        let (digest, size) = packed.map_err(|problem| problem.told(&self.shown))?;
        let record = CheckoutRecord { digest, size, time };
        self.record(&commit).write(&*self.all.keep, &record);
        let source: Arc<dyn Source> = self.all.library.open(REPOSITORY).await?;
        Ok(checkout(&record, &commit, source, false))
    }

    /// Fetches one commit, and no history where the server can do that.
    async fn receive(&self, git: &Git, wanted: &str, found: &Found) -> Result<(), FetchError> {
        let one = format!("+{wanted}:{WANTED}");
        let shallow = ["fetch", "--progress", "--no-tags", "--depth=1", "--", &git.remote, &one];
        let whole = ["fetch", "--progress", "--no-tags", "--", &git.remote, &one];
        let first = match git.run(&shallow, Patience::Network).await {
            Err(problem @ FetchError::Git { .. }) => problem,
            other => return other.map(drop),
        };
        // Plain servers know no depth.
        if git.run(&whole, Patience::Network).await.is_ok() {
            return Ok(());
        }
        if wanted != found.commit {
            return Err(first);
        }
        // And some give no commit by its name; then it is among all that they have, or nowhere.
        let (branches, tags) = ("+refs/heads/*:refs/build/heads/*", "+refs/tags/*:refs/build/tags/*");
        let all = ["fetch", "--progress", "--no-tags", "--", &git.remote, branches, tags];
        if git.run(&all, Patience::Network).await.is_err() {
            return Err(first);
        }
        git.run(&["update-ref", WANTED, wanted], Patience::Disk)
            .await
            .map(drop)
            .map_err(|_| FetchError::NoReference { address: self.shown.clone(), reference: wanted.to_owned() })
    }

    /// Fetches the repositories that are in it, and those that are in them; before each level it is looked where they are.
    async fn receive_inner(&self, git: &Git) -> Result<(), FetchError> {
        let mut ahead = vec![(git.folder.clone(), 0)];
        while let Some((folder, depth)) = ahead.pop() {
            // A link could lead to a repository of this machine.
            if !fs::symlink_metadata(folder.join(MODULES)).is_ok_and(|found| found.is_file()) {
                continue;
            }
            if depth == DEEPEST {
                return Err(FetchError::TooDeep { address: self.shown.clone(), depth });
            }
            let listed = git.run_in(&folder, &["config", "--file", MODULES, "--null", "--list"], Patience::Disk).await?;
            let values = |key: &'static str| listed.output.split('\0').filter_map(move |pair| inner_value(pair, key));
            for url in values("url").filter(|url| !url.starts_with('.')) {
                self.all.web.check_host(host(url)).await.map_err(|problem| FetchError::remote(&self.shown, problem))?;
            }
            let shallow = ["submodule", "update", "--init", "--progress", "--depth=1"];
            if let Err(first) = git.run_in(&folder, &shallow, Patience::Network).await {
                // Plain servers know no depth.
                let FetchError::Git { .. } = first else { return Err(first) };
                let whole = ["submodule", "update", "--init", "--progress"];
                git.run_in(&folder, &whole, Patience::Network).await.map_err(|_| first)?;
            }
            let inner = values("path").filter_map(|path| beneath(&folder, path)).filter(|inner| inner.join(".git").exists());
            ahead.extend(inner.map(|inner| (inner, depth + 1)));
        }
        Ok(())
    }
}

/// Reads the value of `submodule.NAME.KEY`.
fn inner_value<'a>(pair: &'a str, key: &str) -> Option<&'a str> {
    let (name, value) = pair.split_once('\n')?;
    let is_wanted = name.starts_with("submodule.") && name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case(key));
    is_wanted.then_some(value)
}

fn checkout(record: &CheckoutRecord, commit: &str, source: Arc<dyn Source>, is_known: bool) -> Checkout {
    let blob = Descriptor::new(MediaType::OciLayer, record.digest.clone(), record.size);
    Checkout { blob, source, commit: commit.to_owned(), time: record.time, is_known }
}

/// Returns the host of a repository, without user and port.
fn host(remote: &str) -> &str {
    let rest = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => rest.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_is_found_in_every_form() {
        for (remote, expected) in [
            ("git@host:a/b", "host"),
            ("ssh://git@host:22/a", "host"),
            ("git://host/a", "host"),
            ("https://host:8443/a.git", "host"),
            ("ssh://git@[fe80::1]:22/a", "fe80::1"),
        ] {
            assert_eq!(host(remote), expected, "{remote}");
        }
    }
}

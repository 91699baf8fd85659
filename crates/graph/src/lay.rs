//! What a step of a stage lays over a root: from an expanded step to the entries of its layer.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::{Chmod, IncludeList, Inclusion, Location, PatternList, has_wildcard, nearest_name, parents_pivot, wildcard_match};
use layer::index::PathIndex;
use layer::tar::{Entry, EntryKind};

use crate::copy::{Archives, Changes, Copying, Destination, Far, Fars, Owner, Picked, Times, copy, copy_or_unpack, make_directories, near};
use crate::error::CopyError;
use crate::link::follow;
use crate::path::TreePath;
use crate::stage::CopyStep;
use crate::tree::Tree;

/// The mode of a file whose content stands in the Dockerfile.
const INLINE_MODE: u32 = 0o644;

/// Where the bytes of an entry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It has none.
    Nothing,
    /// It has none: a folder on the way that was in the root before, with the time it had there.
    Root,
    /// At this path of the tree that was copied from.
    Source(TreePath),
    /// Here: they stood in the Dockerfile.
    Inline(Vec<u8>),
    /// It has none: it is the whiteout of the path that it is laid at, [`Entry::whiteout`].
    Whiteout,
}

/// An entry of a layer, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// The entry.
    pub entry: Entry,
    /// Its bytes.
    pub content: Content,
}

/// The entries of a layer, in its order.
pub type Lay = BTreeMap<TreePath, Laid>;

/// What files are copied from.
pub struct From<'a> {
    /// The files.
    pub tree: &'a Tree,
    /// They keep their owners, as what comes from a stage or an image; what comes from a context is root's.
    pub keeps_owners: bool,
    /// Tells whether an ignore file hides a path that is not there.
    pub hides: &'a dyn Fn(&TreePath) -> bool,
}

/// Lays a `COPY` over a root, or an `ADD` that unpacks nothing.
///
/// # Errors
/// Says which source is not there, or which path cannot be written.
pub fn lay_copy(step: &CopyStep, root: &mut PathIndex, from: &From<'_>, times: Times) -> Result<Lay, CopyError> {
    lay_add(step, root, from, &Fars::new(), &Archives::new(), times)
}

/// Lists the files, by their real paths, that an `ADD` unpacks where they are archives. What an address leads to is none of them.
///
/// # Errors
/// Says which source is not there.
pub fn find_added(step: &CopyStep, from: &From<'_>) -> Result<BTreeSet<TreePath>, CopyError> {
    let mut found = BTreeSet::new();
    if step.add && step.unpack != Some(false) {
        for named in pick_near(step, from)? {
            let real = follow(from.tree, &named)?;
            let is_file =
                from.tree.get(&real).is_some_and(|entry| matches!(entry.kind, EntryKind::File { .. } | EntryKind::Hardlink { .. }));
            found.extend(is_file.then_some(real));
        }
    }
    Ok(found)
}

/// Lays a `COPY` or `ADD` over a root. Of the sources, addresses are what `far` says, and those that are `archives` are unpacked into
/// the destination: of what is in them, [`Content::Source`] is the path in the archive below the path of the archive.
///
/// # Errors
/// As [`lay_copy`].
pub fn lay_add(
    step: &CopyStep,
    root: &mut PathIndex,
    from: &From<'_>,
    far: &Fars<'_>,
    archives: &Archives<'_>,
    times: Times,
) -> Result<Lay, CopyError> {
    let owner = match (&step.chown, from.keeps_owners) {
        (Some(text), _) if !text.is_empty() => {
            let owner = root.owner(text).map_err(|problem| CopyError::Target(Box::new(problem)))?;
            Owner::Is { uid: owner.uid, gid: owner.gid }
        }
        (_, true) => Owner::Kept,
        (_, false) => Owner::Root,
    };
    let excluded = PatternList::new(step.exclude.iter().map(String::as_str)).map_err(CopyError::Pattern)?;
    let exclude = |path: &[u8], _: bool| excluded.matches(&String::from_utf8_lossy(path));
    let change = |mode: u32, directory: bool| step.chmod.as_ref().map_or(mode, |chmod| chmod.apply(mode, directory));
    let how = Copying {
        owner,
        mode: step.chmod.is_some().then_some(&change as &dyn Fn(u32, bool) -> u32),
        made_mode: match step.chmod {
            Some(Chmod::Octal(bits)) => Some(bits),
            _ => None,
        },
        excluded: (!excluded.is_empty()).then_some(&exclude as &dyn Fn(&[u8], bool) -> bool),
        times,
    };
    let to = Destination::read(step.destination.as_bytes(), &TreePath::from(step.working.as_str()));
    // A layer of --link knows nothing of what is below it.
    let mut alone = PathIndex::new();
    let target = if step.stands_alone() { &mut alone } else { &mut *root };
    let mut lay = if step.parents {
        copy_with_parents(step, target, from, &to, &how)?
    } else {
        let sources = pick(step, from, far)?;
        sourced(copy_or_unpack(target, archives, &sources, &to, &how)?)
    };
    lay_inline(step, target, &to, &how, &mut lay)?;
    if step.stands_alone() {
        root.begin_layer();
        for laid in lay.values() {
            root.insert(&laid.entry).map_err(|problem| CopyError::Target(Box::new(problem)))?;
        }
    }
    Ok(lay)
}

/// Lays a `WORKDIR` over a root.
///
/// # Errors
/// Where something else is in the way, or the user is unknown.
pub fn lay_workdir(path: &str, user: &str, root: &mut PathIndex, times: Times) -> Result<Lay, CopyError> {
    let owner = match user {
        "" => Owner::Root,
        user => {
            let owner = root.owner(user).map_err(|problem| CopyError::Target(Box::new(problem)))?;
            Owner::Is { uid: owner.uid, gid: if user.contains(':') { owner.gid } else { primary(root, user, owner.gid) } }
        }
    };
    Ok(sourced(make_directories(root, &TreePath::from(path), owner, times)?))
}

/// A number without a group is of the group that its line in /etc/passwd says, else of root's.
fn primary(root: &PathIndex, user: &str, gid: u64) -> u64 {
    if user.bytes().all(|byte| byte.is_ascii_digit()) { root.group_of(user).unwrap_or(0) } else { gid }
}

pub(crate) fn sourced(changes: Changes) -> Lay {
    let laid = |(path, change): (TreePath, crate::copy::Change)| {
        let none = if change.was_there { Content::Root } else { Content::Nothing };
        let content = change.source.map_or(none, Content::Source);
        (path, Laid { entry: change.entry, content })
    };
    changes.into_iter().map(laid).collect()
}

/// Adds what one step laid later. What came before it in this step stays, where this only passes by.
fn add(lay: &mut Lay, later: Lay) {
    for (path, laid) in later {
        if laid.content != Content::Root || !lay.contains_key(&path) {
            keep_links(lay, &path);
            lay.insert(path, laid);
        }
    }
}

/// Finds the sources: paths as they are, what patterns match, and what addresses lead to.
fn pick<'a>(step: &CopyStep, from: &From<'a>, far: &Fars<'a>) -> Result<Vec<Far<'a>>, CopyError> {
    let mut picked = Vec::new();
    for source in &step.sources {
        match far.get(source) {
            Some(found) => picked.push(found.clone()),
            None => picked.extend(pick_one(source, from)?.into_iter().map(|named| near(from.tree, named))),
        }
    }
    Ok(picked)
}

/// Finds those of the sources that are no addresses.
fn pick_near(step: &CopyStep, from: &From<'_>) -> Result<Vec<TreePath>, CopyError> {
    let near = step.sources.iter().filter(|source| Location::of(source) == Location::Context);
    let picked = near.map(|source| pick_one(source, from)).collect::<Result<Vec<_>, _>>()?;
    Ok(picked.into_iter().flatten().collect())
}

fn pick_one(source: &str, from: &From<'_>) -> Result<Vec<TreePath>, CopyError> {
    if has_wildcard(source) {
        // A pattern that matches nothing is no error, as little as the only one.
        return Ok(matches(source, from.tree)?.into_iter().collect());
    }
    let named = TreePath::clean(source.as_bytes());
    check_there(&named, from)?;
    Ok(vec![named])
}

pub(crate) fn check_there(named: &TreePath, from: &From<'_>) -> Result<(), CopyError> {
    let real = follow(from.tree, named)?;
    if from.tree.is_directory(&real) || from.tree.get(&real).is_some() {
        return Ok(());
    }
    let nearest = nearest(named, from.tree);
    Err(CopyError::NotFound { path: named.clone(), nearest, ignored: (from.hides)(named) })
}

/// Finds a path beside the one that is not there, whose name differs by little, or by its case alone.
fn nearest(named: &TreePath, tree: &Tree) -> Option<TreePath> {
    let folder = follow(tree, &named.parent()).ok()?;
    let beside = tree.below(&folder).filter(|(path, _)| path.parent() == folder && **path != folder);
    let names: BTreeMap<String, &TreePath> = beside.map(|(path, _)| (String::from_utf8_lossy(path.name()).to_lowercase(), path)).collect();
    let wanted = String::from_utf8_lossy(named.name()).to_lowercase();
    let near = || nearest_name(&wanted, names.keys().map(String::as_str)).and_then(|name| names.get(name));
    names.get(&wanted).or_else(near).map(|path| (*path).clone())
}

/// Lists the paths that a pattern matches, in order. Links in front of the first wildcard are followed.
fn matches(pattern: &str, tree: &Tree) -> Result<Vec<TreePath>, CopyError> {
    let clean = dockerfile::clean(&format!("/{pattern}"));
    let parts: Vec<&str> = clean.split('/').filter(|part| !part.is_empty()).collect();
    let plain = parts.iter().take_while(|part| !has_wildcard(part)).count();
    let prefix = TreePath::clean(parts.get(..plain).unwrap_or_default().join("/").as_bytes());
    let rest = parts.get(plain..).unwrap_or_default().join("/");
    let folder = follow(tree, &prefix)?;
    if wildcard_match(&rest, "").is_none() {
        return Err(CopyError::Wildcard(pattern.to_owned()));
    }
    let depth = parts.len() - plain;
    let mut found = Vec::new();
    for (path, _) in tree.below(&folder) {
        let Some(below) = path.below(&folder).filter(|below| !below.is_empty()) else { continue };
        if below.split(|byte| *byte == b'/').count() == depth && wildcard_match(&rest, &String::from_utf8_lossy(below)) == Some(true) {
            found.push(prefix.join(below));
        }
    }
    Ok(found)
}

/// Copies with the folders above each source, from its pivot down.
fn copy_with_parents(
    step: &CopyStep,
    target: &mut PathIndex,
    from: &From<'_>,
    to: &Destination,
    how: &Copying<'_>,
) -> Result<Lay, CopyError> {
    let mut lay = Lay::new();
    for source in &step.sources {
        let (folder, pattern) = parents_pivot(source);
        let pivot = follow(from.tree, &TreePath::from(folder.as_str()))?;
        if !has_wildcard(&pattern) {
            check_there(&pivot.join(pattern.as_bytes()), from)?;
        }
        let list = IncludeList::new([pattern.as_str()]).map_err(CopyError::Pattern)?;
        let outside = |path: &[u8], directory: bool| {
            let taken = list.decide(&String::from_utf8_lossy(path)) == Inclusion::Included;
            !taken || how.excluded.is_some_and(|excluded| excluded(path, directory))
        };
        let how = Copying { excluded: Some(&outside), owner: how.owner, mode: how.mode, made_mode: how.made_mode, times: how.times };
        let whole = Destination { path: to.path.clone(), is_folder: true };
        add(&mut lay, sourced(copy(target, from.tree, &[Picked { named: pivot }], &whole, &how)?));
    }
    Ok(lay)
}

/// Writes the files whose content stands in the Dockerfile.
fn lay_inline(step: &CopyStep, target: &mut PathIndex, to: &Destination, how: &Copying<'_>, lay: &mut Lay) -> Result<(), CopyError> {
    if step.inline.is_empty() {
        return Ok(());
    }
    let file =
        |(name, content): &(String, String)| Entry::file(name.as_bytes(), content.len() as u64).mode(INLINE_MODE).mtime(how.times.made);
    let tree: Tree = step.inline.iter().map(file).collect();
    let names: Vec<Picked> = step.inline.iter().map(|(name, _)| Picked { named: TreePath::from(name.as_str()) }).collect();
    let mut written = sourced(copy(target, &tree, &names, to, how)?);
    for laid in written.values_mut() {
        if let Content::Source(source) = &laid.content {
            let content = step.inline.iter().find(|(name, _)| TreePath::from(name.as_str()) == *source);
            laid.content = Content::Inline(content.map(|(_, content)| content.clone().into_bytes()).unwrap_or_default());
        }
    }
    add(lay, written);
    Ok(())
}

/// Makes the other names of a file one that is none of it, before it is overwritten.
fn keep_links(lay: &mut Lay, path: &TreePath) {
    let Some(Laid { entry: Entry { kind: kind @ EntryKind::File { .. }, .. }, content }) = lay.get(path).cloned() else { return };
    let link = EntryKind::Hardlink { target: path.bytes().to_vec() };
    let mut names = lay.iter_mut().filter(|(_, laid)| laid.entry.kind == link);
    let Some((first, laid)) = names.next() else { return };
    (laid.entry.kind, laid.content) = (kind, content);
    names.for_each(|(_, laid)| laid.entry.kind = EntryKind::Hardlink { target: first.bytes().to_vec() });
}

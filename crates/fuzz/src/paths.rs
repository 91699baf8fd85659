//! What clients of our registry ask for: paths, and pages of lists.

use std::collections::BTreeSet;

use crate::names::is_plain_path;
use crate::text;

/// A path that asks for something is the same when everybody's spelling of it is read, and no name of
/// a repository leads anywhere.
pub fn route(bytes: &[u8]) {
    let Some(path) = text(bytes) else { return };
    let Some((written, repository)) = serve::fuzz::route(path) else { return };
    assert_eq!(serve::fuzz::route(&written), Some((written.clone(), repository.clone())), "{path:?}");
    if let Some(repository) = repository {
        assert!(repository.len() <= 255 && is_plain_path(&repository), "{path:?}: {repository:?}");
    }
}

/// Whoever follows the pages sees every entry once, in order, and comes to an end. The first line is
/// the query; each of the others is an entry.
pub fn page(bytes: &[u8]) {
    let Some(input) = text(bytes) else { return };
    let mut lines = input.split('\n');
    let query = lines.next().unwrap_or_default();
    let entries: BTreeSet<String> = lines.take(200).map(str::to_owned).collect();
    let all: Vec<String> = entries.iter().cloned().collect();
    let path = "/v2/a/tags/list";
    let Some((first, mut link)) = serve::fuzz::page(path, query, all.clone()) else { return };
    let Some(begin) = first.first() else { return };
    let expected: Vec<String> = all.iter().filter(|entry| *entry >= begin).cloned().collect();
    let mut seen = first;
    while let Some(next) = link {
        let address = next.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
        let (page, after) =
            serve::fuzz::page(path, address.strip_prefix(path).and_then(|rest| rest.strip_prefix('?')).unwrap(), all.clone()).unwrap();
        assert!(!page.is_empty(), "{query:?}: {next} leads nowhere");
        seen.extend(page);
        link = after;
        assert!(seen.len() <= all.len(), "{query:?}: {next} leads round");
    }
    // Without `n` and with one, what begins at the same entry ends at the same.
    assert_eq!(seen, expected, "{query:?}");
}

//! Names in a tar: one form, and none that leads out.

use crate::error::Problem;

/// Brings a name to the one form: no slash at either end, no empty part, no part `.`.
///
/// `./` and `.` become empty: the root.
///
/// # Errors
/// Returns [`Problem::Empty`] for nothing at all, [`Problem::Nul`], [`Problem::Climbs`] for any part `..`, even one that
/// stays inside, since a link may stand before it, and [`Problem::Absolute`] for a leading slash.
pub fn clean(name: &[u8]) -> Result<Vec<u8>, Problem> {
    if name.first() == Some(&b'/') {
        return Err(Problem::Absolute);
    }
    clean_relative(name)
}

/// The same for a name whose leading slashes mean nothing.
pub(crate) fn clean_relative(name: &[u8]) -> Result<Vec<u8>, Problem> {
    if name.is_empty() {
        return Err(Problem::Empty);
    }
    if name.contains(&0) {
        return Err(Problem::Nul);
    }
    let mut path = Vec::with_capacity(name.len());
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => return Err(Problem::Climbs),
            _ => {}
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    Ok(path)
}

/// Tells whether a symbolic link at `path` leads above the root by its text alone.
///
/// An absolute target starts at the root. Whoever follows links inside a root stops there, so such a link is odd, not
/// dangerous; it is dangerous for those who follow it on the host.
pub fn leads_outside(path: &[u8], target: &[u8]) -> bool {
    let mut depth = if target.first() == Some(&b'/') { 0 } else { path.iter().filter(|byte| **byte == b'/').count() };
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (name, want) in [("a", "a"), ("./a//b/", "a/b"), ("a/./b", "a/b"), (".", ""), ("./", ""), ("..a/b..", "..a/b..")] {
            assert_eq!(clean(name.as_bytes()), Ok(want.as_bytes().to_vec()), "{name}");
        }
        for (name, want) in [
            ("", Problem::Empty),
            ("/", Problem::Absolute),
            ("/etc", Problem::Absolute),
            ("../a", Problem::Climbs),
            ("a/../b", Problem::Climbs),
            ("a/..", Problem::Climbs),
            ("a\0b", Problem::Nul),
        ] {
            assert_eq!(clean(name.as_bytes()), Err(want), "{name:?}");
        }
    }

    #[test]
    fn links_are_judged_by_where_they_stand() {
        for (path, target, outside) in [
            ("a", "b", false),
            ("a", "../b", true),
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("a/b", "/etc", false),
            ("a/b", "/../etc", true),
            ("a/b", "c/../../..", true),
            ("a/b", "c/../..", false),
        ] {
            assert_eq!(leads_outside(path.as_bytes(), target.as_bytes()), outside, "{path} -> {target}");
        }
    }
}

//! `--chmod`: octal, or symbolic as of chmod(1).

use fault::{Fault, Hint, Kind};

/// A mode to set, or changes to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chmod {
    /// The twelve bits themselves.
    Octal(u32),
    /// Changes, one after the other.
    Symbolic(Vec<Change>),
}

/// One change of a symbolic mode, such as the `go=rX` of `u+w,go=rX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    user: bool,
    group: bool,
    others: bool,
    action: Action,
    permissions: Permissions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Add,
    Remove,
    Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permissions {
    Named {
        bits: u32,
        x_where_one_is: bool,
        set_id: bool,
        sticky: bool,
    },
    /// Those that the user, the group or the others have: how far their bits are shifted.
    Copied(u32),
}

/// A mode that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")]
pub struct ChmodError {
    /// The text.
    pub text: String,
}

impl Fault for ChmodError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("write a mode such as 755 or u=rwX,go=rX"))
    }
}

impl Chmod {
    /// Reads an octal or a symbolic mode. Without `ugoa` a change is for all three, whatever the umask.
    ///
    /// ```
    /// use dockerfile::Chmod;
    ///
    /// assert_eq!(Chmod::parse("4755")?.apply(0o600, false), 0o4755);
    /// assert_eq!(Chmod::parse("u=rwX,go=rX")?.apply(0o600, true), 0o755);
    /// assert_eq!(Chmod::parse("u=rwX,go=rX")?.apply(0o600, false), 0o644);
    /// # Ok::<(), dockerfile::ChmodError>(())
    /// ```
    ///
    /// # Errors
    /// Names the text.
    pub fn parse(text: &str) -> Result<Self, ChmodError> {
        let bad = || ChmodError { text: text.to_owned() };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777);
            return bits.map(Self::Octal).ok_or_else(bad);
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            read_clause(clause, &mut changes).ok_or_else(bad)?;
        }
        Ok(Self::Symbolic(changes))
    }

    /// Returns the mode that a file of this mode gets; only the twelve lowest bits count.
    pub fn apply(&self, mode: u32, directory: bool) -> u32 {
        match self {
            Self::Octal(bits) => *bits,
            Self::Symbolic(changes) => changes.iter().fold(mode & 0o7777, |mode, change| change.apply(mode, directory)),
        }
    }
}

/// Reads `who` and one or more actions, such as `u+w-x`.
fn read_clause(clause: &str, changes: &mut Vec<Change>) -> Option<()> {
    let length = clause.find(|letter| !matches!(letter, 'u' | 'g' | 'o' | 'a')).unwrap_or(clause.len());
    let (who, mut rest) = clause.split_at(length);
    let all = who.is_empty() || who.contains('a');
    let of = |letter| all || who.contains(letter);
    if rest.is_empty() {
        return None;
    }
    while let Some(sign) = rest.chars().next() {
        let action = match sign {
            '+' => Action::Add,
            '-' => Action::Remove,
            '=' => Action::Set,
            _ => return None,
        };
        let after = rest.get(1..)?;
        let length = after.find(['+', '-', '=']).unwrap_or(after.len());
        let (letters, next) = after.split_at(length);
        let permissions = read_permissions(letters)?;
        changes.push(Change { user: of('u'), group: of('g'), others: of('o'), action, permissions });
        rest = next;
    }
    Some(())
}

fn read_permissions(letters: &str) -> Option<Permissions> {
    match letters {
        "u" => return Some(Permissions::Copied(6)),
        "g" => return Some(Permissions::Copied(3)),
        "o" => return Some(Permissions::Copied(0)),
        _ => {}
    }
    let (mut bits, mut x_where_one_is, mut set_id, mut sticky) = (0, false, false, false);
    for letter in letters.chars() {
        match letter {
            'r' => bits |= 4,
            'w' => bits |= 2,
            'x' => bits |= 1,
            'X' => x_where_one_is = true,
            's' => set_id = true,
            't' => sticky = true,
            _ => return None,
        }
    }
    Some(Permissions::Named { bits, x_where_one_is, set_id, sticky })
}

impl Change {
    fn apply(self, mode: u32, directory: bool) -> u32 {
        let (bits, set_id, sticky) = match self.permissions {
            Permissions::Copied(shift) => ((mode >> shift) & 7, false, false),
            Permissions::Named { bits, x_where_one_is, set_id, sticky } => {
                let x = x_where_one_is && (directory || mode & 0o111 != 0);
                (bits | u32::from(x), set_id, sticky)
            }
        };
        let (mut value, mut mask) = (0, 0);
        for (given, shift, special) in [(self.user, 6, 0o4000), (self.group, 3, 0o2000), (self.others, 0, 0)] {
            if given {
                value |= bits << shift | if set_id { special } else { 0 };
                mask |= 7 << shift | special;
            }
        }
        if self.others {
            value |= if sticky { 0o1000 } else { 0 };
            mask |= 0o1000;
        }
        match self.action {
            Action::Add => mode | value,
            Action::Remove => mode & !value,
            Action::Set => mode & !mask | value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_53_modes() {
        for (text, mode, directory, expected) in [
            ("644", 0o777, false, 0o644),
            ("0", 0o777, false, 0),
            ("07777", 0, false, 0o7777),
            ("+x", 0o644, false, 0o755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("a-w", 0o666, false, 0o444),
            ("g=u,o=", 0o751, false, 0o770),
            ("u+s,+t", 0o755, true, 0o5755),
            ("g+s-x", 0o755, false, 0o2745),
            ("a=", 0o7777, false, 0),
        ] {
            assert_eq!(Chmod::parse(text).unwrap().apply(mode, directory), expected, "{text}");
        }
        for text in ["99", "17777", "", "rw", "u", "z+x", "u+q", "u+x,", "-1755", "8"] {
            let error = Chmod::parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"));
        }
    }
}

//! `--chown` and `USER`: a user and a group, by number or by name.

use crate::suggest;

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// By number.
    Number(u32),
    /// By name, to be looked up in the image's `/etc/passwd` or `/etc/group`.
    Name(String),
}

/// Whom the copied files belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chown {
    /// The user.
    pub user: Principal,
    /// The group; nothing means the one that `/etc/passwd` says of the user.
    pub group: Option<Principal>,
}

impl Chown {
    /// Reads `user`, `user:group`, `user:` or `:group`.
    ///
    /// What is left out is 0, except that a number alone is the number of the group too, and that a name alone has the
    /// group of its user. Nothing is refused: what is no number is a name.
    ///
    /// ```
    /// use dockerfile::{Chown, Principal};
    ///
    /// assert_eq!(Chown::parse("5"), Chown { user: Principal::Number(5), group: Some(Principal::Number(5)) });
    /// assert_eq!(Chown::parse("lp:").group, Some(Principal::Number(0)));
    /// assert_eq!(Chown::parse("lp").group, None);
    /// assert_eq!(Chown::parse(":lp").user, Principal::Number(0));
    /// ```
    pub fn parse(text: &str) -> Self {
        let principal = |text: &str| match text {
            "" => Principal::Number(0),
            _ => number(text).map_or_else(|| Principal::Name(text.to_owned()), Principal::Number),
        };
        match text.split_once(':') {
            Some((user, group)) => Self { user: principal(user), group: Some(principal(group)) },
            None => {
                let user = principal(text);
                let group = matches!(user, Principal::Number(_)).then(|| user.clone());
                Self { user, group }
            }
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Returns the name that is spelt almost so, for one that does not exist: of a user in `/etc/passwd`, of a file in a
/// context.
pub fn nearest_name<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    suggest::nearest(name, names)
}

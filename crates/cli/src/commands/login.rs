//! `login` and `logout`: passwords, to where docker keeps them and away from there.

use fault::{Failure, Fault, Hint, Kind, Wishing};
use remote::{Account, Keeper, Secret};

use crate::args::{Login, Logout};
use crate::commands::{Done, Session};
use crate::console::{Keyboard, KeyboardError};
use crate::open::Opener;

/// What was given is no name or no password.
#[derive(Debug, thiserror::Error)]
enum WordError {
    #[error("expected a {0}, got none")]
    Empty(&'static str),
    /// What stands behind the colon is a password, as a rule (`curl -u NAME:PASSWORD`): it is not repeated.
    #[error("expected a user name without a colon, got one with a colon")]
    Colon,
}

impl Fault for WordError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Empty(_) => Some(Hint::new("`--username NAME --password-stdin < FILE`")),
            // RFC 7617, section 2.
            Self::Colon => {
                Some(Hint::new("name and password are sent with a colon between them; give them apart: `-u NAME --password-stdin`"))
            }
        }
    }
}

/// Runs `login`.
pub async fn log_in(session: &Session, arguments: Login) -> Result<Done, Failure> {
    let account = arguments.account.clone().unwrap_or_else(Account::hub);
    keep(session, &account, arguments).await.wishing(|| format!("log in to {account}"))
}

async fn keep(session: &Session, account: &Account, arguments: Login) -> Result<Done, Failure> {
    let console = &session.console;
    let (user, password) = words(session, account, arguments).await?;
    let opener = Opener::new(session.context.clone(), console.clone());
    let kept = opener.client()?.log_in(account, &user, Secret::new(password)).await?;
    if !kept.tried {
        console.warn(&format!("{account} lets everybody in, so the password was not looked at"));
    }
    if let Keeper::File(path) = &kept.keeper {
        console.warn(&format!("the password is kept unencrypted in {}; a credential helper (credsStore) would hide it", path.display()));
    }
    console.say(format!("logged in to {account} as {user}, kept by {}", kept.keeper));
    Ok(Done::Well)
}

/// Finds out who wants to log in: from the words, and from the keyboard what is missing.
async fn words(session: &Session, account: &Account, arguments: Login) -> Result<(String, String), Failure> {
    if arguments.password.is_some() {
        session.console.warn("--password is seen by everybody on this machine; use --password-stdin");
    }
    let keyboard = Keyboard::new(session.context.keyboard);
    let user = match arguments.username {
        Some(user) => user,
        None => keyboard.line(&format!("User name for {account}: ")).await?,
    };
    if user.is_empty() {
        return Err(WordError::Empty("user name").into());
    }
    if user.contains(':') {
        return Err(WordError::Colon.into());
    }
    let password = match arguments.password {
        Some(password) => password,
        None if arguments.password_stdin => Keyboard::all().await?,
        None => keyboard.secret("Password: ").await?,
    };
    if password.is_empty() {
        return Err(WordError::Empty("password").into());
    }
    Ok((user, password))
}

/// Runs `logout`.
pub async fn log_out(session: &Session, arguments: Logout) -> Result<Done, Failure> {
    let opener = Opener::new(session.context.clone(), session.console.clone());
    if arguments.all {
        return forget_all(session, &opener).await.wishing(|| "log out everywhere".to_owned());
    }
    let account = arguments.account.unwrap_or_else(Account::hub);
    forget(session, &opener, &account).await.wishing(|| format!("log out of {account}"))
}

async fn forget(session: &Session, opener: &Opener, account: &Account) -> Result<Done, Failure> {
    let forgotten = opener.client()?.log_out(account).await?;
    let by: Vec<String> = forgotten.by.iter().map(ToString::to_string).collect();
    session.console.say(if by.is_empty() {
        format!("not logged in to {account}")
    } else {
        format!("logged out of {account}, forgotten by {}", by.join(", "))
    });
    for path in &forgotten.left {
        session.console.warn(&format!("{} holds credentials for {account} too; `podman logout {account}` removes them", path.display()));
    }
    Ok(Done::Well)
}

async fn forget_all(session: &Session, opener: &Opener) -> Result<Done, Failure> {
    let forgotten = opener.client()?.log_out_everywhere().await?;
    session.console.say(if forgotten.is_empty() {
        "not logged in anywhere".to_owned()
    } else {
        format!("logged out of {}", forgotten.join(", "))
    });
    Ok(Done::Well)
}

impl Fault for KeyboardError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoTerminal(_) | Self::NoText | Self::TooLong(_) => Kind::Usage,
            Self::Broken(_) => Kind::Place,
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoTerminal(_) => Some(Hint::new("`--username NAME --password-stdin < FILE`")),
            _ => None,
        }
    }
}

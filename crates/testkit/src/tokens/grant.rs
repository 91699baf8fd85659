//! Who may do what: scopes, tokens, and the record of both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use base64::Engine;
use serde_json::{Value, json};

use super::{Challenge, TokenOptions, User};
use crate::wire::Head;

/// Resource (`repository:app`) -> actions.
pub(super) type Scopes = BTreeMap<String, BTreeSet<String>>;

/// Why a request does not pass.
pub(super) enum Refusal {
    NoToken,
    BadToken,
    TooLittle,
}

struct Token {
    scopes: Scopes,
    end: Instant,
    left: Option<u32>,
}

#[derive(Default)]
struct Books {
    tokens: BTreeMap<String, Token>,
    issued: u64,
    asked: Vec<String>,
    requests: Vec<String>,
}

/// Hands out tokens and checks them.
pub(super) struct Desk {
    options: TokenOptions,
    books: Mutex<Books>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The options hold passwords.
        formatter.write_str("Desk")
    }
}

impl Desk {
    pub(super) fn new(options: TokenOptions) -> Self {
        Self { options, books: Mutex::default() }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.books.lock().unwrap().asked.clone()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.books.lock().unwrap().requests.clone()
    }

    pub(super) fn clear_log(&self) {
        let mut books = self.books.lock().unwrap();
        books.asked.clear();
        books.requests.clear();
    }

    pub(super) fn revoke(&self) {
        self.books.lock().unwrap().tokens.clear();
    }

    pub(super) fn log(&self, head: &Head, status: u16) {
        self.books.lock().unwrap().requests.push(format!("{} {} {status}", head.method(), head.target()));
    }

    /// Makes a token for what was asked, as far as the asker may; or says no to wrong credentials.
    pub(super) fn hand_out(&self, head: &Head, form: &[(String, String)]) -> Result<Value, Value> {
        let asked = head.query().into_iter().chain(form.iter().cloned()).filter(|(key, _)| key == "scope").map(|(_, scope)| scope);
        let asked: Vec<String> = asked.flat_map(|scope| scope.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
        let mut books = self.books.lock().unwrap();
        books.asked.push(asked.join(" "));
        let no = || json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "incorrect username or password" }] });
        let may = self.may(head, form).ok_or_else(no)?;
        let mut scopes = Scopes::new();
        for (resource, actions) in asked.iter().filter_map(|scope| scope.rsplit_once(':')) {
            let granted = actions.split(',').filter(|action| may.contains(action)).map(str::to_owned);
            scopes.entry(resource.to_owned()).or_default().extend(granted);
        }
        books.issued += 1;
        let token = format!("token-{}", books.issued);
        let end = Instant::now() + self.options.lifetime;
        books.tokens.insert(token.clone(), Token { scopes, end, left: self.options.uses });
        let mut answer = json!({ "token": token, "access_token": token });
        if let Some(seconds) = self.options.expires_in {
            answer["expires_in"] = json!(seconds);
        }
        // Docker asks so when it logs in (distribution, token.md, `offline_token`).
        if head.query().contains(&("offline_token".to_owned(), "true".to_owned()))
            && let Some(refresh) = self.asker(head, form).and_then(|user| user.identity_token.as_deref())
        {
            answer["refresh_token"] = json!(refresh);
        }
        Ok(answer)
    }

    /// Returns what the asker may do; `None` for credentials that are nobody's.
    fn may(&self, head: &Head, form: &[(String, String)]) -> Option<&[&'static str]> {
        let nobody = head.header("authorization").is_none() && !form.iter().any(|(key, _)| key == "grant_type");
        if nobody { Some(&self.options.anonymous) } else { self.asker(head, form).map(|user| user.actions.as_slice()) }
    }

    /// Finds whose credentials came along.
    fn asker(&self, head: &Head, form: &[(String, String)]) -> Option<&User> {
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let find = |fits: &dyn Fn(&User) -> bool| self.options.users.iter().find(|user| fits(user));
        match (head.header("authorization"), field("grant_type")) {
            (_, Some("refresh_token")) => {
                find(&|user| user.identity_token.is_some() && user.identity_token.as_deref() == field("refresh_token"))
            }
            (_, Some("password")) => {
                find(&|user| Some(user.name.as_str()) == field("username") && Some(user.password.as_str()) == field("password"))
            }
            (Some(given), _) => find(&|user| {
                let expected = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", user.name, user.password));
                given.strip_prefix("Basic ") == Some(expected.as_str())
            }),
            (None, _) => None,
        }
    }

    /// Checks the token of a request, and uses it up by one.
    pub(super) fn check(&self, authorization: Option<&str>, needed: &Scopes) -> Result<(), Refusal> {
        let given = authorization.and_then(|given| given.strip_prefix("Bearer ")).ok_or(Refusal::NoToken)?;
        let mut books = self.books.lock().unwrap();
        let token = books.tokens.get_mut(given).ok_or(Refusal::BadToken)?;
        if token.end <= Instant::now() || token.left == Some(0) {
            return Err(Refusal::BadToken);
        }
        if !needed.iter().all(|(resource, actions)| token.scopes.get(resource).is_some_and(|granted| actions.is_subset(granted))) {
            return Err(Refusal::TooLittle);
        }
        token.left = token.left.map(|left| left - 1);
        Ok(())
    }

    /// Returns what the challenge says is needed.
    pub(super) fn scope_of_challenge(&self, needed: &Scopes) -> Option<String> {
        let join = |actions: &BTreeSet<String>| actions.iter().cloned().collect::<Vec<_>>().join(",");
        match &self.options.challenge {
            Challenge::Placeholder(text) => Some(text.clone()),
            Challenge::Exact if !needed.is_empty() => {
                Some(needed.iter().map(|(resource, actions)| format!("{resource}:{}", join(actions))).collect::<Vec<_>>().join(" "))
            }
            Challenge::Exact | Challenge::Silent => None,
        }
    }
}

/// Returns the scopes that a request needs, as distribution asks for them (registry/handlers/app.go,
/// `appendAccessRecords`): a mount needs to pull from where it mounts.
pub(super) fn needs(head: &Head) -> Scopes {
    let mut needed = Scopes::new();
    let mut need = |resource: String, actions: &[&str]| {
        needed.entry(resource).or_default().extend(actions.iter().map(|action| (*action).to_owned()));
    };
    let parts: Vec<&str> = head.path().trim_start_matches("/v2").trim_start_matches('/').split('/').collect();
    if parts == ["_catalog"] {
        need("registry:catalog".to_owned(), &["*"]);
        return needed;
    }
    // From the right, because a repository's path may hold these words too; never the last part,
    // because a tag may be one of them.
    let verb =
        (1..parts.len().saturating_sub(1)).rev().find(|position| matches!(parts[*position], "manifests" | "blobs" | "tags" | "referrers"));
    let Some(verb) = verb else { return needed };
    let actions: &[&str] = match head.method() {
        "GET" | "HEAD" => &["pull"],
        "DELETE" => &["delete"],
        _ => &["pull", "push"],
    };
    need(format!("repository:{}", parts[..verb].join("/")), actions);
    for (_, from) in head.query().into_iter().filter(|(key, _)| key == "from") {
        need(format!("repository:{from}"), &["pull"]);
    }
    needed
}

//! Who may do what: the one place between the network and the routes where that is decided.
//!
//! Passwords come by HTTP Basic (RFC 7617). Where everybody may read, tokens come beside it.

mod htpasswd;
mod passwords;
mod token;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac::{HMAC_SHA256, Key};
use aws_lc_rs::rand::SystemRandom;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::json;

use self::passwords::{Passwords, Verdict};
use self::token::{Bearer, LIFE, Tokens};
use crate::error::PasswordsError;
use crate::intake::Intake;
use crate::refusal::{Code, Refusal};
use crate::respond::{API_VERSION, json, with};
use crate::routes::{self, Route};

/// What clients call this registry, beside its address.
const NAME: &str = "polyarch";
/// Where tokens are to be had, where there are any.
const TOKEN_PATH: &str = "/token";
/// Seconds after which fewer are waiting for their bcrypt.
const RETRY_AFTER: &str = "1";
/// Some clients leave the padding out.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What who has no password may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing.
    Nothing,
    /// Read everything.
    Pull,
}

/// Asks clients for a password.
#[derive(Debug)]
pub struct Guard {
    passwords: Passwords,
    /// Where everybody may read.
    tokens: Option<Tokens>,
}

/// Who asks.
enum Asker {
    /// Nobody that we know.
    Nobody,
    /// Somebody with a token for those that we do not know.
    Guest,
    /// A user.
    User,
}

impl Guard {
    /// Reads a password file as `htpasswd -B` makes it, and reads it again when it changes. Blocks.
    ///
    /// # Errors
    /// Names the line that is no user with a bcrypt hash.
    pub fn read(path: PathBuf, anonymous: Anonymous) -> Result<Self, PasswordsError> {
        let key = || {
            let random = SystemRandom::new();
            Key::generate(HMAC_SHA256, &random).map_err(|_| PasswordsError::Unreadable {
                path: path.clone(),
                source: std::io::Error::other("the system has no random numbers"),
            })
        };
        let tokens = match anonymous {
            Anonymous::Nothing => None,
            Anonymous::Pull => Some(Tokens::new(key()?)),
        };
        Ok(Self { passwords: Passwords::read(path.clone(), key()?)?, tokens })
    }

    async fn judge(&self, request: &Parts) -> Result<(), Refusal> {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        match self.who(&request.headers).await? {
            Asker::User => Ok(()),
            Asker::Guest if reads => Ok(()),
            // `/v2/` is where clients learn what is demanded; told nothing, they never show a password.
            Asker::Nobody if reads && self.tokens.is_some() && !is_root(request) => Ok(()),
            Asker::Guest | Asker::Nobody => Err(unauthorized("a password is needed here")),
        }
    }

    async fn who(&self, headers: &HeaderMap) -> Result<Asker, Refusal> {
        match (Shown::read(headers), &self.tokens) {
            (Shown::Nothing, _) => Ok(Asker::Nobody),
            (Shown::Password { name, password }, _) => self.check(&name, &password).await.map(|_| Asker::User),
            (Shown::Token(text), Some(tokens)) => {
                let claim = Tokens::read(&text).ok_or_else(wrong)?;
                let user = match &claim.bearer {
                    Bearer::Nobody => None,
                    Bearer::User(name) => Some(self.passwords.find(name).await.map_err(broken)?.ok_or_else(wrong)?),
                };
                let asker = if user.is_some() { Asker::User } else { Asker::Guest };
                if tokens.holds(&claim, user.as_ref()) { Ok(asker) } else { Err(wrong()) }
            }
            (Shown::Token(_) | Shown::Strange, _) => Err(wrong()),
        }
    }

    async fn check(&self, name: &str, password: &[u8]) -> Result<passwords::Known, Refusal> {
        match self.passwords.verify(name, password).await.map_err(broken)? {
            Verdict::Right(known) => Ok(known),
            Verdict::Wrong => Err(wrong()),
            Verdict::Busy => {
                Err(Refusal::new(Code::TooManyRequests, "too many passwords to look at").header(header::RETRY_AFTER, RETRY_AFTER))
            }
        }
    }

    /// Answers who asks for a token: everybody gets one to read, users one to write.
    async fn give_token(&self, tokens: &Tokens, request: &Parts) -> Result<Response, Refusal> {
        if request.method != Method::GET {
            return Err(Refusal::new(Code::Unsupported, "tokens are had by GET").header(header::ALLOW, "GET"));
        }
        let user = match Shown::read(&request.headers) {
            Shown::Nothing => None,
            Shown::Password { name, password } => Some(self.check(&name, &password).await?),
            Shown::Token(_) | Shown::Strange => return Err(wrong()),
        };
        let token = tokens.make(user.as_ref());
        let answer = json!({ "token": token, "access_token": token, "expires_in": LIFE.as_secs() });
        Ok(with(json(StatusCode::OK, &answer), header::CACHE_CONTROL, "no-store"))
    }

    /// Says what is demanded, in the words of the client's next request.
    fn demand(&self, request: &Parts, scheme: &str) -> String {
        let address = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
        let (Some(_), Some(address)) = (&self.tokens, address) else { return format!("Basic realm=\"{NAME}\"") };
        let scope = match routes::parse(request.uri.path()) {
            Ok(Route::Manifest(name, _) | Route::Blob(name, _) | Route::Uploads(name) | Route::Upload(name, _)) => {
                format!(",scope=\"repository:{name}:pull,push\"")
            }
            _ => String::new(),
        };
        format!("Bearer realm=\"{scheme}://{address}{TOKEN_PATH}\",service=\"{NAME}\"{scope}")
    }
}

/// How requests are judged on their way.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) guard: Arc<Guard>,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// How long the bytes of a refused request may take.
    pub(crate) idle: Duration,
}

/// Lets a request pass, or answers it.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Gate { guard, scheme, idle } = gate;
    let (request, body) = request.into_parts();
    let judged = match &guard.tokens {
        Some(tokens) if request.uri.path() == TOKEN_PATH => guard.give_token(tokens, &request).await.map(Some),
        _ => guard.judge(&request).await.map(|()| None),
    };
    let refusal = match judged {
        Ok(None) => return next.run(Request::from_parts(request, body)).await,
        Ok(Some(response)) => return with(response, API_VERSION, "registry/2.0"),
        Err(refusal) => refusal,
    };
    let demand = guard.demand(&request, scheme);
    let waits = request.headers.contains_key(header::EXPECT);
    let mut response = with(refusal.into_response(), API_VERSION, "registry/2.0");
    if response.status() == StatusCode::UNAUTHORIZED {
        response = with(response, header::WWW_AUTHENTICATE, &demand);
    }
    // Who waits for "100 Continue" has sent nothing, and need not.
    if !waits {
        Intake::new(body, idle).drain().await;
    }
    response
}

fn is_root(request: &Parts) -> bool {
    routes::parse(request.uri.path()).is_ok_and(|route| route == Route::Root)
}

/// A client says where it found us; the words come back to it inside quotes.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}

/// What a request shows of who sends it. It has no `Debug`, as it holds what is secret.
enum Shown {
    Nothing,
    Password {
        name: String,
        password: Vec<u8>,
    },
    Token(String),
    /// Something else, or nothing that can be read.
    Strange,
}

impl Shown {
    fn read(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::Nothing };
        let Some((scheme, rest)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else { return Self::Strange };
        if scheme.eq_ignore_ascii_case("bearer") {
            return Self::Token(rest.trim().to_owned());
        }
        let pair = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(rest.trim()).ok()).flatten();
        let Some((name, password)) = pair.as_deref().and_then(split) else { return Self::Strange };
        // Clients without a password send an empty one where they are told Basic.
        if name.is_empty() && password.is_empty() {
            return Self::Nothing;
        }
        Self::Password { name: name.to_owned(), password: password.to_owned() }
    }
}

/// Splits at the first colon: names have none (RFC 7617, section 2).
fn split(pair: &[u8]) -> Option<(&str, &[u8])> {
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some((std::str::from_utf8(pair.get(..colon)?).ok()?, pair.get(colon + 1..)?))
}

fn wrong() -> Refusal {
    unauthorized("that is no name and password of this registry")
}

fn unauthorized(message: &str) -> Refusal {
    Refusal::new(Code::Unauthorized, message)
}

/// A password file that broke while the server runs lets nobody in; its owner reads why.
fn broken(error: PasswordsError) -> Refusal {
    let problem = crate::error::Cause::of(&error).to_string();
    Refusal::new(Code::Unknown, "this registry cannot read its passwords").problem(problem)
}

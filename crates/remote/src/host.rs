//! One registry host: how it is reached, what it demands, and how one request travels to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use content::Event;
use oci::DOCKER_HUB;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use tokio::sync::OnceCell;
use url::Url;

use crate::RemoteError;
use crate::answer::Answer;
use crate::ask::{Ask, Repeat, Target};
use crate::auth::{Challenge, Stay, TokenAsk, Tokens, basic, fetch};
use crate::client::{Outgoing, Shared};
use crate::credentials::{Found, Login, Secret};
use crate::error::Refusal;
use crate::facts::Facts;
use crate::known::Known;
use crate::login::Trial;
use crate::quirks::HUB_ADDRESS;
use crate::referrers::Lists;
use crate::registries::Trust;
use crate::retry::{is_passing, retry_after};
use crate::wire::same_origin;

/// A host that cannot be reached at all is tried less often: each try may take the 10 s that a
/// connection gets.
const UNREACHABLE_TRIES: u32 = 3;
/// How often one try is sent: without credentials, with a token that is refused by now, with a new
/// one, and once more for a host whose demands have changed meanwhile.
const ROUNDS: u32 = 4;

/// What is known of one host; its repositories share it.
pub(crate) struct Host {
    /// The host as references write it.
    pub name: String,
    /// Host and port that are connected to.
    pub address: String,
    pub trust: Trust,
    pub shared: Arc<Shared>,
    /// Scheme, host and port, once the first answer has settled them.
    base: OnceCell<Url>,
    /// A scout got no answer: the requests that wait for one go by themselves from now on, or each
    /// would wait for the silence of all before it.
    scouted_in_vain: AtomicBool,
    challenge: Mutex<Option<Challenge>>,
    tokens: Tokens,
    /// Credentials by repository; podman's may differ.
    found: Mutex<HashMap<String, Arc<OnceCell<Found>>>>,
    pub known: Known,
    pub facts: Facts,
    pub lists: Lists,
    /// The login that this host is only asked to judge.
    trial: Option<Arc<Trial>>,
}

pub(crate) struct Authorization {
    header: HeaderValue,
    /// A token with its place in the cache, where it did not come from there a moment ago.
    cached: Option<(String, Secret)>,
}

impl Host {
    pub(crate) fn new(name: &str, trust: Trust, shared: Arc<Shared>) -> Self {
        let address = if name == DOCKER_HUB { HUB_ADDRESS } else { name };
        let facts = Facts::new(name, Arc::clone(&shared.settings.recall));
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            trust,
            shared,
            base: OnceCell::new(),
            scouted_in_vain: AtomicBool::new(false),
            challenge: Mutex::default(),
            tokens: Tokens::default(),
            found: Mutex::default(),
            known: Known::default(),
            facts,
            lists: Lists::default(),
            trial: None,
        }
    }

    /// Makes a host that is shown one login, and nothing that is kept.
    pub(crate) fn on_trial(name: &str, trust: Trust, shared: Arc<Shared>, trial: Arc<Trial>) -> Self {
        Self { trial: Some(trial), ..Self::new(name, trust, shared) }
    }

    /// Returns the address whose certificate is not looked at, if it is this one.
    fn blind(&self) -> Option<&str> {
        (self.trust == Trust::Blind).then_some(&*self.address)
    }

    /// Tells whether it has asked for credentials.
    pub(crate) fn has_demands(&self) -> bool {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sends a request until it is answered, as far as it may be repeated and patience goes.
    ///
    /// # Errors
    /// Where there is no answer, or the host does not let us in. Every other status is an answer,
    /// for the caller to judge.
    pub(crate) async fn call(&self, ask: &Ask<'_>) -> Result<Answer, RemoteError> {
        let patience = &self.shared.settings.patience;
        let mut failed = 0_u32;
        loop {
            let result = self.once(ask).await;
            failed += 1;
            let (may_pass, after, reason) = match &result {
                Ok(answer) if is_passing(answer.status) => {
                    let later = matches!(answer.status.as_u16(), 429 | 503);
                    let may = ask.repeat == Repeat::Always || (ask.repeat == Repeat::Refused && later);
                    (
                        may,
                        retry_after(&answer.headers, (self.shared.settings.now)()),
                        format!("{} was answered {}", answer.request, answer.status.as_u16()),
                    )
                }
                Err(error) if error.is_passing() => {
                    let unreached = matches!(error, RemoteError::Unreachable { .. });
                    // Without a token it was not sent.
                    let unsent = unreached || matches!(error, RemoteError::TokenServer { .. });
                    let may = ask.repeat == Repeat::Always || (ask.repeat == Repeat::Refused && unsent);
                    (may && !(unreached && failed >= UNREACHABLE_TRIES), error.after(), error.to_string())
                }
                _ => return result,
            };
            if !may_pass || failed >= patience.tries {
                return result;
            }
            let pause = patience.pause(failed, after);
            self.shared.events().tell(Event::Retry(format!("{reason}; trying again in {:.1} s", pause.as_secs_f64())));
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once; a demand for credentials is met, and an old token is renewed.
    async fn once(&self, ask: &Ask<'_>) -> Result<Answer, RemoteError> {
        let mut scouted = None;
        let base = self.settle(ask, &mut scouted).await?;
        if let Some(answer) = scouted
            && (answer.status != StatusCode::UNAUTHORIZED || !same_origin(base, &answer.url))
        {
            return self.judge(ask, base, answer).await;
        }
        let mut demand = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut rounds = 0;
        loop {
            let authorization = match &demand {
                Some(demand) => self.authorize(ask, base, demand).await?,
                None => None,
            };
            let answer = self.shared.exchange(&self.outgoing(ask, base, authorization.as_ref())).await?;
            if answer.status != StatusCode::UNAUTHORIZED || !same_origin(base, &answer.url) {
                return self.judge(ask, base, answer).await;
            }
            let learned = self.learn(&answer);
            let renewable = authorization.and_then(|authorization| authorization.cached);
            if let Some((key, secret)) = &renewable {
                self.tokens.forget(key, secret).await;
            }
            // Each round needs a reason that the last one did not have: a token that was fetched for
            // this very request cannot be renewed, and a demand is news only if it is not the one
            // that was just met. A host that demands something else every time still comes to its end.
            let news = learned.is_some() && learned != demand;
            rounds += 1;
            if rounds >= ROUNDS || !(news || renewable.is_some()) {
                return self.judge(ask, base, answer).await;
            }
            demand = learned.or(demand);
        }
    }

    /// Returns the host's address, which the first of all requests finds out; its own answer is left
    /// in `scouted`.
    async fn settle(&self, ask: &Ask<'_>, scouted: &mut Option<Answer>) -> Result<&Url, RemoteError> {
        let slot = &mut *scouted;
        let first = self.base.get_or_try_init(|| async move {
            if self.scouted_in_vain.load(Ordering::Relaxed) {
                return Err(None);
            }
            self.scout_and_learn(ask, slot).await.map_err(|error| {
                self.scouted_in_vain.fetch_or(error.is_passing(), Ordering::Relaxed);
                Some(error)
            })
        });
        match first.await {
            Ok(base) => Ok(base),
            Err(Some(error)) => Err(error),
            Err(None) => {
                let found = self.scout_and_learn(ask, scouted).await?;
                Ok(self.base.get_or_init(|| async { found }).await)
            }
        }
    }

    async fn scout_and_learn(&self, ask: &Ask<'_>, scouted: &mut Option<Answer>) -> Result<Url, RemoteError> {
        let scout = self.scout(ask).await?;
        // What the host behind a redirect demands is not for the registry's credentials.
        if scout.answer.status == StatusCode::UNAUTHORIZED && same_origin(&scout.base, &scout.answer.url) {
            self.learn(&scout.answer);
        }
        if scout.answers_ask {
            *scouted = Some(scout.answer);
        }
        Ok(scout.base)
    }

    pub(crate) fn outgoing<'a>(&'a self, ask: &'a Ask<'a>, base: &'a Url, authorization: Option<&Authorization>) -> Outgoing<'a> {
        Outgoing {
            method: &ask.method,
            url: address(ask, base),
            headers: &ask.headers,
            authorization: authorization.map(|authorization| (base, authorization.header.clone())),
            payload: &ask.payload,
            wanted: ask.wanted,
            blind: self.blind(),
        }
    }

    /// Returns what this host is known to demand, and what we have to meet it, in words.
    pub(crate) async fn demand(&self, repository: &str) -> (Option<Challenge>, String) {
        let demand = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (demand, self.found(repository).await.origin)
    }

    /// Keeps and returns what a refusal demands, for the requests that follow.
    fn learn(&self, refusal: &Answer) -> Option<Challenge> {
        let demand = Challenge::read(&refusal.headers)?;
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(demand.clone());
        Some(demand)
    }

    /// Meets a demand.
    async fn authorize(&self, ask: &Ask<'_>, base: &Url, demand: &Challenge) -> Result<Option<Authorization>, RemoteError> {
        let found = self.found(ask.repository).await;
        let bearer = |secret: &Secret| HeaderValue::from_str(&format!("Bearer {}", secret.reveal())).ok();
        let (realm, service) = match (demand, &found.login) {
            (Challenge::Basic, Login::Password { user, secret }) => {
                return Ok(basic(user, secret).map(|header| Authorization { header, cached: None }));
            }
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { .. }, Login::Token(secret)) => {
                return Ok(bearer(secret).map(|header| Authorization { header, cached: None }));
            }
            (Challenge::Bearer { realm, service }, _) => (realm, service.as_deref()),
        };
        let key = format!("{realm} {}", ask.scopes.key());
        let stay = if self.trial.is_some() { Stay::Offline } else { Stay::Short };
        let token_ask = TokenAsk {
            realm,
            service,
            scopes: &ask.scopes,
            found: &found,
            host: &self.name,
            place: self.place(ask),
            base,
            blind: self.blind(),
            stay,
        };
        let get = || async {
            let (token, refresh) = fetch(&self.shared, &token_ask).await?;
            if let Some(trial) = &self.trial {
                trial.remember(refresh);
            }
            Ok(token)
        };
        let (secret, fresh) = self.tokens.get(&key, (self.shared.settings.now)(), get).await?;
        Ok(bearer(&secret).map(|header| Authorization { header, cached: if fresh { None } else { Some((key, secret)) } }))
    }

    /// Turns a refusal by the host itself into an error that says with what it was asked.
    async fn judge(&self, ask: &Ask<'_>, base: &Url, answer: Answer) -> Result<Answer, RemoteError> {
        let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if !refused || !same_origin(base, &answer.url) {
            return Ok(answer);
        }
        let demanded = self.has_demands();
        let credentials =
            if demanded { self.found(ask.repository).await.origin } else { format!("{} asked for no credentials", self.name) };
        let refusal = Refusal { host: self.name.clone(), credentials, scope: ask.scopes.shown(), said: answer.said() };
        Err(RemoteError::Denied { place: self.place(ask), source: Box::new(refusal) })
    }

    async fn found(&self, repository: &str) -> Found {
        if let Some(trial) = &self.trial {
            return trial.found.clone();
        }
        let cell = Arc::clone(self.found.lock().unwrap_or_else(PoisonError::into_inner).entry(repository.to_owned()).or_default());
        cell.get_or_init(|| self.shared.credentials.find(&self.shared.settings, &self.name, repository)).await.clone()
    }

    fn place(&self, ask: &Ask<'_>) -> String {
        if ask.repository.is_empty() { self.name.clone() } else { format!("{}/{}", self.name, ask.repository) }
    }
}

/// Returns where a request goes. Paths are made of checked names, so joining cannot fail; should it
/// ever, the registry's root answers with an error of its own.
pub(crate) fn address(ask: &Ask<'_>, base: &Url) -> Url {
    match &ask.target {
        Target::Path(path) => base.join(path).unwrap_or_else(|_| base.clone()),
        Target::Url(url) => url.clone(),
    }
}

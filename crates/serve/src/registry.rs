//! Who answers what: from a request to the handler of its route.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use content::{Library, Place};

use crate::handlers::{blobs, manifests, referrers, tags, uploads};
use crate::intake::Intake;
use crate::query::Query;
use crate::refusal::{Code, Refusal};
use crate::respond::{API_VERSION, with};
use crate::routes::{self, Repository, Route};
use crate::server::{Limits, Rules};
use crate::uploads::Uploads;

/// What all requests share.
pub(crate) struct Registry {
    /// The content.
    pub(crate) library: Arc<dyn Library>,
    /// The uploads under way.
    pub(crate) uploads: Uploads,
    /// How long and how much.
    pub(crate) limits: Limits,
    /// What is taken.
    pub(crate) rules: Rules,
}

/// A request without its body.
pub(crate) struct Asked {
    /// GET, HEAD or another.
    pub(crate) method: Method,
    /// The path as it came.
    pub(crate) path: String,
    /// What stands behind the question mark.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
}

impl Asked {
    /// Tells whether only the headers of the answer are wanted.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Returns a header, if it is text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Answers a request.
pub(crate) async fn answer(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut intake = Intake::new(body, registry.limits.body_idle);
    let asked =
        Asked { method: parts.method, path: parts.uri.path().to_owned(), query: Query::parse(parts.uri.query()), headers: parts.headers };
    // Its own task: a client that hangs up never stops a write half-way.
    let work = tokio::spawn(async move {
        let answer = registry.route(&asked, &mut intake).await;
        // Who waits for "100 Continue" has sent nothing, and need not.
        if !asked.headers.contains_key(header::EXPECT) {
            intake.drain().await;
        }
        answer
    });
    let answer =
        work.await.unwrap_or_else(|error| Err(Refusal::new(Code::Unknown, "this registry made a mistake").problem(error.to_string())));
    with(answer.unwrap_or_else(IntoResponse::into_response), API_VERSION, "registry/2.0")
}

impl Registry {
    async fn route(&self, asked: &Asked, intake: &mut Intake) -> Result<Response, Refusal> {
        let route = routes::parse(&asked.path)?;
        if self.rules.read_only && !matches!(asked.method, Method::GET | Method::HEAD) {
            return Err(Refusal::new(Code::Unsupported, "this registry only gives: nothing can be pushed or removed")
                .header(header::ALLOW, "GET, HEAD"));
        }
        match (&route, asked.method.as_str()) {
            (Route::Root, "GET" | "HEAD") => Ok(tags::root()),
            (Route::Catalog, "GET" | "HEAD") => tags::catalog(self, asked).await,
            (Route::Tags(repository), "GET" | "HEAD") => tags::list(self, asked, repository).await,
            (Route::Manifest(repository, thing), "GET" | "HEAD") => manifests::read(self, asked, repository, thing).await,
            (Route::Manifest(repository, thing), "PUT") => manifests::write(self, asked, intake, repository, thing).await,
            (Route::Manifest(repository, thing), "DELETE") => manifests::remove(self, repository, thing).await,
            (Route::Blob(repository, digest), "GET" | "HEAD") => blobs::read(self, asked, repository, digest).await,
            (Route::Uploads(repository), "POST") => uploads::start(self, asked, intake, repository).await,
            (Route::Upload(repository, id), "GET" | "HEAD") => uploads::status(self, repository, id),
            (Route::Upload(repository, id), "PATCH") => uploads::append(self, asked, intake, repository, id).await,
            (Route::Upload(repository, id), "PUT") => uploads::finish(self, asked, intake, repository, id).await,
            (Route::Upload(repository, id), "DELETE") => uploads::cancel(self, repository, id),
            (Route::Referrers(repository, digest), "GET" | "HEAD") => referrers::list(self, asked, repository, digest).await,
            (route, method) => Err(unsupported(route, method)),
        }
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// What the library says.
    pub(crate) async fn open(&self, repository: &Repository) -> Result<Arc<dyn Place>, Refusal> {
        self.library.open(repository.as_str()).await.map_err(|error| Refusal::of(repository, error))
    }
}

fn unsupported(route: &Route, method: &str) -> Refusal {
    let allowed = match route {
        Route::Manifest(..) => "GET, HEAD, PUT, DELETE",
        Route::Uploads(_) => "POST",
        Route::Upload(..) => "GET, HEAD, PATCH, PUT, DELETE",
        Route::Root | Route::Catalog | Route::Tags(_) | Route::Blob(..) | Route::Referrers(..) => "GET, HEAD",
    };
    let message = if matches!((route, method), (Route::Blob(..), "DELETE")) {
        "a blob goes when no manifest needs it any more: delete the manifests".to_owned()
    } else {
        format!("{} is not done here: expected {allowed}", method.chars().take(20).collect::<String>())
    };
    Refusal::new(Code::Unsupported, message).header(header::ALLOW, allowed)
}

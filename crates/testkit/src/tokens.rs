//! A registry's Bearer guard: a reverse proxy that asks for tokens in front of a registry without
//! any, and the token server that hands them out (distribution, docs/spec/auth/token.md and oauth.md).

mod grant;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::wire::{self, Head};
use grant::{Desk, Refusal, needs};

/// The service that challenges name.
const SERVICE: &str = "testkit";

/// A user of the token server.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password, for HTTP Basic and the password grant.
    pub password: String,
    /// The identity token, for the refresh-token grant, if there is one.
    pub identity_token: Option<String>,
    /// What the user may do in every repository: `pull`, `push`, `delete`.
    pub actions: Vec<&'static str>,
}

/// The scope that a challenge names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// The one that the request needs.
    Exact,
    /// Always this one, as GHCR does on `/v2/` (cloudflare/serverless-registry#148).
    Placeholder(String),
    /// None.
    Silent,
}

/// How the guard behaves; the default gives everything to everybody who asks for a token.
#[derive(Clone, Debug)]
pub struct TokenOptions {
    /// Who may ask with credentials.
    pub users: Vec<User>,
    /// What a token without credentials may do.
    pub anonymous: Vec<&'static str>,
    /// What challenges say.
    pub challenge: Challenge,
    /// How long a token is good for.
    pub lifetime: Duration,
    /// The seconds told as `expires_in`; `None` leaves the field out, which means 60.
    pub expires_in: Option<u64>,
    /// How many requests a token is good for.
    pub uses: Option<u32>,
}

impl Default for TokenOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            anonymous: vec!["pull", "push", "delete"],
            challenge: Challenge::Exact,
            lifetime: Duration::from_secs(300),
            expires_in: Some(300),
            uses: None,
        }
    }
}

/// A running guard with its token server at `/token`; dropping it ends both.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: AbortHandle,
}

impl TokenServer {
    /// Guards the registry at `upstream`, on a free port of loopback.
    pub async fn start(upstream: SocketAddr, options: TokenOptions) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), upstream, options).await
    }

    /// Guards the registry at `upstream`, at an address that somebody chose.
    pub async fn start_at(listen: SocketAddr, upstream: SocketAddr, options: TokenOptions) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Desk::new(options));
        let shared = desk.clone();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let _ = client.set_nodelay(true);
                open.spawn(serve(client, upstream, address, shared.clone()));
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, desk, task: task.abort_handle() }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, as references name it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the scopes of every token request in order, refused ones included; several scopes of
    /// one request are joined by a space: `repository:app:pull,push repository:base:pull`.
    pub fn asked(&self) -> Vec<String> {
        self.desk.asked()
    }

    /// Returns every request that was not for a token, in order of the answers:
    /// `GET /v2/app/manifests/v1 401`.
    pub fn requests(&self) -> Vec<String> {
        self.desk.requests()
    }

    /// Forgets what was asked and requested so far; tokens stay good.
    pub fn clear_log(&self) {
        self.desk.clear_log();
    }

    /// Makes every token that was handed out so far worthless.
    pub fn revoke(&self) {
        self.desk.revoke();
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of one connection until it ends; whoever breaks off is not an error here.
async fn serve(client: TcpStream, upstream: SocketAddr, own: SocketAddr, desk: Arc<Desk>) {
    let (reader, mut writer) = client.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(Some(head)) = Head::read(&mut reader).await {
        let next = match head.path() {
            "/token" => hand_out(&head, &mut reader, &mut writer, &desk).await,
            _ => guard(&head, &mut reader, &mut writer, upstream, own, &desk).await,
        };
        if !matches!(next, Ok(true)) {
            return;
        }
    }
}

/// Answers a request for a token. True where the connection can be used again.
async fn hand_out(head: &Head, reader: &mut BufReader<OwnedReadHalf>, writer: &mut OwnedWriteHalf, desk: &Desk) -> std::io::Result<bool> {
    let form = head.read_form(reader).await?;
    let (status, body) = match desk.hand_out(head, &form) {
        Ok(body) => ("200 OK", body),
        Err(body) => ("401 Unauthorized", body),
    };
    let body = body.to_string();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    writer.write_all(answer.as_bytes()).await?;
    Ok(true)
}

/// Lets a request pass or asks for a token. True where the connection can be used again.
async fn guard(
    head: &Head,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
    upstream: SocketAddr,
    own: SocketAddr,
    desk: &Desk,
) -> std::io::Result<bool> {
    let needed = needs(head);
    let Err(refusal) = desk.check(head.header("authorization"), &needed) else {
        return wire::forward(head, reader, writer, upstream, |status| desk.log(head, status)).await;
    };
    let mut challenge = format!(r#"Bearer realm="http://{own}/token",service="{SERVICE}""#);
    if let Some(scope) = desk.scope_of_challenge(&needed) {
        challenge.push_str(&format!(r#",scope="{scope}""#));
    }
    match refusal {
        Refusal::NoToken => {}
        Refusal::BadToken => challenge.push_str(r#",error="invalid_token""#),
        Refusal::TooLittle => challenge.push_str(r#",error="insufficient_scope""#),
    }
    desk.log(head, 401);
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    let keep = !head.has_body();
    let connection = if keep { "keep-alive" } else { "close" };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nWww-Authenticate: {challenge}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n"
    );
    writer.write_all(answer.as_bytes()).await?;
    if head.method() != "HEAD" {
        writer.write_all(body.as_bytes()).await?;
    }
    if !keep {
        // Unread bytes would reset the connection and take the answer with them.
        writer.shutdown().await?;
        wire::discard(reader).await;
    }
    Ok(keep)
}

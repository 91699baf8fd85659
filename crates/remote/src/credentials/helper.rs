//! Credential helpers: programs that keep passwords for Docker (docker/docker-credential-helpers).

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Login, Secret};
use crate::Settings;
use crate::wire::printable;

/// Helpers may ask a person or a network; Docker waits for ever, a build must not.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: u64 = 64 * 1024;
/// What a helper prints when it knows nothing (credentials/error.go in their library).
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that says that the secret is an identity token (cli/config/credentials/native_store.go).
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// Asks a helper for a server's credentials. One that fails is said aloud and counts as knowing
/// nothing, as other places may know more.
pub(super) async fn ask(settings: &Settings, name: &str, server: &str) -> Option<Login> {
    let warn = |reason: &str| settings.events.warn(format!("docker-credential-{name} gave no credentials for {server}: {reason}"));
    let Some(program) = find(settings, name) else {
        warn("there is no such program");
        return None;
    };
    let spawned =
        Command::new(program).arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn();
    let child = match spawned {
        Ok(child) => child,
        Err(error) => {
            warn(&error.to_string());
            return None;
        }
    };
    let (answer, success) = match tokio::time::timeout(TIMEOUT, talk(child, server)).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => {
            warn(&error.to_string());
            return None;
        }
        Err(_) => {
            warn(&format!("no answer within {} s", TIMEOUT.as_secs()));
            return None;
        }
    };
    let text = String::from_utf8_lossy(&answer);
    if text.trim() == NOT_FOUND {
        return None;
    }
    match serde_json::from_slice::<Answer>(&answer) {
        Ok(parsed) if success => login(parsed),
        // An answer that is no JSON is the helper's message; anything else could hold the secret.
        Err(_) if !success && !text.contains('{') => {
            warn(&printable(text.lines().next().unwrap_or("it failed"), 200));
            None
        }
        _ => {
            warn("it failed");
            None
        }
    }
}

fn login(answer: Answer) -> Option<Login> {
    let secret = Secret::new(answer.secret);
    match answer.username.as_str() {
        "" => None,
        TOKEN_USER => Some(Login::Identity { user: String::new(), secret }),
        _ => Some(Login::Password { user: answer.username, secret }),
    }
}

/// Finds the program in the folders of the settings. A name with a slash could be any program.
fn find(settings: &Settings, name: &str) -> Option<PathBuf> {
    if name.contains(['/', '\\']) {
        return None;
    }
    let file = format!("docker-credential-{name}");
    settings.programs.iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
}

async fn talk(mut child: Child, server: &str) -> std::io::Result<(Vec<u8>, bool)> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input closes the pipe; its answer says what it means.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    }
    Ok((answer, child.wait().await?.success()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use content::{Event, Events};

    async fn run(script: &str) -> (Option<Login>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-test");
        // Written by another process: a test that forks while this one holds the file open for
        // writing would make it "busy" (ETXTBSY).
        let write = std::process::Command::new("sh")
            .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod 755 "$2""#, "sh", script])
            .arg(&path)
            .status();
        assert!(write.unwrap().success());
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut settings = Settings::new("test", SystemTime::now);
        settings.programs = vec![folder.path().to_owned()];
        let sink = Arc::clone(&said);
        settings.events = Events::to(move |event| {
            if let Event::Warning(text) = event {
                sink.lock().unwrap().push(text);
            }
        });
        let login = ask(&settings, "test", "reg.lan").await;
        let said = said.lock().unwrap().clone();
        (login, said)
    }

    #[tokio::test]
    async fn reads_the_answer() {
        let (login, said) =
            run(r#"read host; test "$1" = get && printf '{"ServerURL":"%s","Username":"u","Secret":"p-%s"}' "$host" "$host""#).await;
        assert_eq!(login, Some(Login::Password { user: "u".to_owned(), secret: Secret::new("p-reg.lan") }));
        assert!(said.is_empty(), "{said:?}");
        let (login, _) = run(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await;
        assert_eq!(login, Some(Login::Identity { user: String::new(), secret: Secret::new("t") }));
    }

    #[tokio::test]
    async fn knowing_nothing_is_no_failure() {
        let (login, said) = run("echo credentials not found in native keychain; exit 1").await;
        assert_eq!((login, said.len()), (None, 0));
    }

    #[tokio::test]
    async fn a_failure_is_said_without_the_secret() {
        let (login, said) = run("echo 'pass not initialized'; exit 1").await;
        assert_eq!((login, said), (None, vec!["docker-credential-test gave no credentials for reg.lan: pass not initialized".to_owned()]));
        let (login, said) = run(r#"echo '{"Username":"u","Secret":"hunter2"}'; exit 1"#).await;
        assert_eq!((login, said), (None, vec!["docker-credential-test gave no credentials for reg.lan: it failed".to_owned()]));
    }

    #[tokio::test]
    async fn a_name_is_no_path() {
        let settings = Settings::new("test", SystemTime::now);
        assert_eq!(ask(&settings, "x/../../bin/sh", "reg.lan").await, None);
        assert_eq!(find(&settings, "nowhere"), None);
    }
}

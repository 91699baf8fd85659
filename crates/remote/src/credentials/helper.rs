//! Credential helpers: programs that keep passwords for Docker (docker/docker-credential-helpers).

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Login, Secret};
use crate::error::Cause;
use crate::wire::printable;
use crate::{RemoteError, Settings};

/// Helpers may ask a person or a network; Docker waits for ever, a build must not.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of stderr is waited for when the helper has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);
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

/// What a helper is asked to do, as its first argument says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Get,
    Store,
    Erase,
}

impl Task {
    const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Store => "store",
            Self::Erase => "erase",
        }
    }
}

/// What a helper printed, and how it ended.
struct Said {
    output: Vec<u8>,
    errors: Vec<u8>,
    success: bool,
}

/// Asks a helper for a server's credentials. One that fails is said aloud and counts as knowing
/// nothing, as other places may know more.
pub(super) async fn ask(settings: &Settings, name: &str, server: &str) -> Option<Login> {
    match get(settings, name, server).await {
        Ok(login) => login,
        Err(reason) => {
            settings.events.warn(format!("docker-credential-{name} gave no credentials for {server}: {reason}"));
            None
        }
    }
}

/// Gives a helper credentials to keep, in the place of those that it has.
pub(super) async fn store(settings: &Settings, name: &str, server: &str, login: &Login) -> Result<(), RemoteError> {
    let (user, secret) = match login {
        Login::Password { user, secret } => (user.as_str(), secret),
        Login::Identity { secret, .. } | Login::Token(secret) => (TOKEN_USER, secret),
        Login::Nobody => return Ok(()),
    };
    let question = serde_json::json!({ "ServerURL": server, "Username": user, "Secret": secret.reveal() }).to_string();
    let done = async {
        let said = run(settings, name, Task::Store, &question).await?;
        if said.success { Ok(said) } else { Err(reason(&said, Some(secret))) }
    };
    let failed =
        |reason| RemoteError::Helper { program: program_name(name), task: "keep", server: server.to_owned(), source: Cause::new(reason) };
    let said = done.await.map_err(failed)?;
    tell(settings, name, &said, Some(secret));
    Ok(())
}

/// Lets a helper forget a server's credentials, and says whether it had any.
pub(super) async fn erase(settings: &Settings, name: &str, server: &str) -> Result<bool, RemoteError> {
    let done = async {
        // Some helpers call it a success to forget what they never had.
        if get(settings, name, server).await?.is_none() {
            return Ok(false);
        }
        let said = run(settings, name, Task::Erase, server).await?;
        if said.success { Ok(true) } else { Err(reason(&said, None)) }
    };
    let failed =
        |reason| RemoteError::Helper { program: program_name(name), task: "forget", server: server.to_owned(), source: Cause::new(reason) };
    done.await.map_err(failed)
}

async fn get(settings: &Settings, name: &str, server: &str) -> Result<Option<Login>, String> {
    let said = run(settings, name, Task::Get, server).await?;
    if String::from_utf8_lossy(&said.output).trim() == NOT_FOUND {
        return Ok(None);
    }
    if !said.success {
        return Err(reason(&said, None));
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&said.output) else {
        return Err("expected its answer as JSON, got something else".to_owned());
    };
    let login = login(answer);
    tell(settings, name, &said, login.as_ref().and_then(Login::secret));
    Ok(login)
}

/// Passes on what a helper that did its work wants people to know.
fn tell(settings: &Settings, name: &str, said: &Said, secret: Option<&Secret>) {
    if let Some(line) = first_line(&said.errors, secret) {
        settings.events.warn(format!("docker-credential-{name} says: {line}"));
    }
}

/// Says why a helper failed: its message stands on stdout by their protocol, and often on stderr.
fn reason(said: &Said, secret: Option<&Secret>) -> String {
    first_line(&said.output, secret).or_else(|| first_line(&said.errors, secret)).unwrap_or_else(|| "it failed".to_owned())
}

/// Returns a message's first line. What looks like an answer, or holds the secret, is no message.
fn first_line(text: &[u8], secret: Option<&Secret>) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| line.chars().any(|character| !character.is_whitespace() && !character.is_control()))?;
    let unsafe_to_show = text.contains('{') || secret.is_some_and(|secret| !secret.reveal().is_empty() && text.contains(secret.reveal()));
    if unsafe_to_show { None } else { Some(printable(line.trim(), 200)) }
}

fn login(answer: Answer) -> Option<Login> {
    let secret = Secret::new(answer.secret);
    match answer.username.as_str() {
        "" => None,
        TOKEN_USER => Some(Login::Identity { user: String::new(), secret }),
        _ => Some(Login::Password { user: answer.username, secret }),
    }
}

fn program_name(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Finds the program in the folders of the settings. A name with a slash could be any program.
fn find(settings: &Settings, name: &str) -> Option<PathBuf> {
    if name.contains(['/', '\\']) {
        return None;
    }
    let file = program_name(name);
    settings.programs.iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// Runs a helper within bounded time. The error is why there is no answer.
async fn run(settings: &Settings, name: &str, task: Task, input: &str) -> Result<Said, String> {
    let program = find(settings, name).ok_or_else(|| "there is no such program".to_owned())?;
    let child = Command::new(program)
        .arg(task.word())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let limit = TIMEOUT.min(settings.patience.silence);
    match tokio::time::timeout(limit, talk(child, input)).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {:.0} s", limit.as_secs_f64())),
    }
}

async fn talk(mut child: Child, input: &str) -> std::io::Result<Said> {
    let stdin = child.stdin.take();
    // A helper that does not read its input closes the pipe; its answer says what it means.
    let send = async move {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut errors = Vec::new();
    let mut output = Vec::new();
    let status = {
        let mut listen = std::pin::pin!(async {
            if let Some(stderr) = stderr {
                let mut stderr = stderr.take(MAX_ANSWER);
                while stderr.read_buf(&mut errors).await.is_ok_and(|bytes| bytes > 0) {}
            }
        });
        let mut answer = std::pin::pin!(async {
            let read = async {
                match stdout {
                    Some(stdout) => stdout.take(MAX_ANSWER).read_to_end(&mut output).await,
                    None => Ok(0),
                }
            };
            let ((), read) = tokio::join!(send, read);
            read?;
            child.wait().await
        });
        let mut heard = false;
        let status = loop {
            tokio::select! {
                status = &mut answer => break status?,
                () = &mut listen, if !heard => heard = true,
            }
        };
        // An agent that a helper starts may keep stderr open for ever, so its end is not waited for.
        if !heard {
            let _ = tokio::time::timeout(LAST_WORDS, &mut listen).await;
        }
        status
    };
    Ok(Said { output, errors, success: status.success() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use content::{Event, Events};

    async fn with<T>(script: &str, deed: impl AsyncFnOnce(&Settings) -> T) -> (T, Vec<String>) {
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
        settings.patience.silence = Duration::from_secs(5);
        let result = deed(&settings).await;
        let said = said.lock().unwrap().clone();
        (result, said)
    }

    async fn run(script: &str) -> (Option<Login>, Vec<String>) {
        with(script, async |settings| ask(settings, "test", "reg.lan").await).await
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
    async fn what_a_helper_says_on_stderr_is_passed_on() {
        let (login, said) = run(r#"echo 'the keychain is old' >&2; echo '{"Username":"u","Secret":"hunter2"}'"#).await;
        assert!(login.is_some());
        assert_eq!(said, ["docker-credential-test says: the keychain is old"]);
        let (_, said) = run("echo 'no bus' >&2; exit 1").await;
        assert_eq!(said, ["docker-credential-test gave no credentials for reg.lan: no bus"]);
        // Never what could be the secret.
        let (_, said) = run(r#"echo 'read hunter2' >&2; echo '{"Username":"u","Secret":"hunter2"}'"#).await;
        assert!(said.is_empty(), "{said:?}");
    }

    #[tokio::test]
    async fn garbage_is_called_so() {
        for script in ["echo nonsense", "true", r"printf '\377\376'"] {
            let (login, said) = run(script).await;
            assert_eq!(login, None, "{script}");
            assert_eq!(
                said,
                ["docker-credential-test gave no credentials for reg.lan: expected its answer as JSON, got something else"],
                "{script}"
            );
        }
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut_off() {
        let (_, said) = run("cat /dev/zero").await;
        assert_eq!(said, ["docker-credential-test gave no credentials for reg.lan: it failed"]);
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_left_behind() {
        let (_, said) = with("exec sleep 600", async |settings| {
            let mut settings = settings.clone();
            settings.patience.silence = Duration::from_millis(300);
            ask(&settings, "test", "reg.lan").await
        })
        .await;
        assert_eq!(said, ["docker-credential-test gave no credentials for reg.lan: no answer within 0 s"]);
    }

    #[tokio::test]
    async fn an_agent_left_running_with_stderr_open_is_not_waited_for() {
        let start = std::time::Instant::now();
        let (login, _) = run(r#"sleep 30 >/dev/null & echo '{"Username":"u","Secret":"p"}'"#).await;
        assert!(login.is_some() && start.elapsed() < Duration::from_secs(4));
    }

    #[tokio::test]
    async fn keeps_and_forgets() {
        let script = r#"
            case $1 in
                store) cat > "$0.kept" ;;
                get) test -f "$0.kept" && cat "$0.kept" || { echo credentials not found in native keychain; exit 1; } ;;
                erase) rm "$0.kept" ;;
            esac"#;
        let login = Login::Password { user: "u".to_owned(), secret: Secret::new("p\"q") };
        let ((), said) = with(script, async |settings| {
            assert!(!erase(settings, "test", "reg.lan").await.unwrap());
            store(settings, "test", "reg.lan", &login).await.unwrap();
            assert_eq!(ask(settings, "test", "reg.lan").await.as_ref(), Some(&login));
            assert!(erase(settings, "test", "reg.lan").await.unwrap());
            assert_eq!(ask(settings, "test", "reg.lan").await, None);
        })
        .await;
        assert!(said.is_empty(), "{said:?}");
    }

    #[tokio::test]
    async fn a_helper_that_keeps_nothing_is_an_error_without_the_secret() {
        let login = Login::Password { user: "u".to_owned(), secret: Secret::new("hunter2") };
        for (script, expected) in
            [("echo 'no space'; exit 1", "no space"), ("cat >&2; exit 1", "it failed"), ("echo got hunter2; exit 1", "it failed")]
        {
            let (error, _) = with(script, async |settings| store(settings, "test", "reg.lan", &login).await.unwrap_err()).await;
            assert_eq!(error.to_string(), "docker-credential-test did not keep the credentials of reg.lan");
            assert_eq!(std::error::Error::source(&error).unwrap().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_name_is_no_path() {
        let settings = Settings::new("test", SystemTime::now);
        assert_eq!(ask(&settings, "x/../../bin/sh", "reg.lan").await, None);
        assert_eq!(find(&settings, "nowhere"), None);
    }
}

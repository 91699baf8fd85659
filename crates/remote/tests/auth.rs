//! Who we are: passwords, helpers, tokens, and that none of them is ever shown.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use content::{Sink, Source};
use fault::{ExitCode, Fault};
use remote::{GivenLogin, Intent, Secret};
use support::tls::Authority;
use support::{Fake, Told, answer, docker_config, manifest_answer, open, settings, tag, whole, write};
use testkit::faulty::Faulty;
use testkit::fixtures::{Image, in_memory, put, random_bytes};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{Challenge, TokenOptions, TokenServer, User};

const PASSWORD: &str = "hunter2-correct-horse";

fn user(actions: &[&'static str]) -> User {
    User {
        name: "ann".to_owned(),
        password: PASSWORD.to_owned(),
        identity_token: Some(format!("identity-{PASSWORD}")),
        actions: actions.to_vec(),
    }
}

/// A guard that lets nobody in without a name.
fn closed(actions: &[&'static str]) -> TokenOptions {
    TokenOptions { users: vec![user(actions)], anonymous: Vec::new(), ..TokenOptions::default() }
}

fn no_secret(told: &Told, error: Option<&content::Error>) {
    let text = format!("{} {}", told.everything(), error.map(whole).unwrap_or_default());
    assert!(!text.contains(PASSWORD), "{text}");
    // The same in base64, as Basic sends it.
    assert!(!text.contains("aHVudGVyMi1j") && !text.contains("h1bnRlcjIt"), "{text}");
    assert!(!text.contains("token-1"), "{text}");
}

#[tokio::test]
async fn htpasswd_and_tls_by_a_private_authority() {
    let authority = Authority::new();
    let options = RegistryOptions { credentials: Some(("ann".to_owned(), PASSWORD.to_owned())), tls: Some(authority.server()) };
    let Some(registry) = DebianRegistry::start(&options) else { return };
    let name = format!("{}/acme/app", registry.host());
    let config = docker_config(&registry.host(), "ann", PASSWORD);
    let with = |folder: Option<&std::path::Path>| {
        let (mut settings, told) = settings();
        settings.ca_files = vec![authority.ca()];
        settings.docker_config = folder.map(std::path::Path::to_owned);
        (settings, told)
    };
    let (good, told) = with(Some(config.path()));
    let place = open(good, &name, Intent::Write);
    let image = Image::new("linux/amd64").file("data", random_bytes(1, 100_000)).build();
    put(&*place, &image, Some("v1")).await;
    assert_eq!(place.manifest(&tag("v1")).await.unwrap().digest(), image.digest());
    assert_eq!(registry.requests().iter().filter(|request| request.ends_with(" 401")).count(), 1, "{:#?}", registry.requests());
    no_secret(&told, None);

    let wrong = docker_config(&registry.host(), "ann", &format!("{PASSWORD}-wrong"));
    let (bad, told) = with(Some(wrong.path()));
    let error = open(bad, &name, Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "denied");
    assert_eq!(ExitCode::of(error.kind()).number(), 3);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let path = wrong.path().join("config.json");
    assert!(cause.starts_with(&format!("credentials for {} from {}; scope asked: pull", registry.host(), path.display())), "{cause}");
    assert!(whole(&error).contains(&format!("run `polyarch login {}`", registry.host())));
    no_secret(&told, Some(&error));

    let (nobody, _) = with(None);
    let error = open(nobody, &name, Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(whole(&error).contains(&format!("no credentials for {}", registry.host())), "{}", whole(&error));
}

#[tokio::test]
async fn a_credential_helper_is_asked_only_on_demand() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), closed(&["pull", "push"])).await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("config.json"), &format!(r#"{{"credHelpers":{{"{}":"test","{}":"test"}}}}"#, guard.host(), registry.host()));
    let script = format!(
        "#!/bin/sh\nread host\necho \"$host\" >> {0}/asked\necho '{{\"Username\":\"ann\",\"Secret\":\"{PASSWORD}\"}}'\n",
        folder.path().display()
    );
    // Written by another process, or the file could be "busy" while a test beside this one forks.
    let program = folder.path().join("docker-credential-test");
    let status =
        std::process::Command::new("sh").args(["-c", r#"printf %s "$1" > "$2" && chmod 755 "$2""#, "sh", &script]).arg(&program).status();
    assert!(status.unwrap().success());
    let (mut with, told) = settings();
    with.docker_config = Some(folder.path().to_owned());
    with.programs = vec![folder.path().to_owned()];
    let open_place = open(with.clone(), &format!("{}/app", registry.host()), Intent::Write);
    put(&*open_place, &Image::new("linux/amd64").build(), Some("v1")).await;
    assert!(!folder.path().join("asked").exists(), "a registry without a demand made us ask the helper");
    let place = open(with, &format!("{}/app", guard.host()), Intent::Read);
    for _ in 0..3 {
        place.resolve(&tag("v1")).await.unwrap();
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap().lines().collect::<Vec<_>>(), [guard.host()]);
    no_secret(&told, None);
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), closed(&["pull", "push"])).await;
    let folder = tempfile::tempdir().unwrap();
    let entry =
        serde_json::json!({ "auths": { format!("https://{}/v1/", guard.host()): { "identitytoken": format!("identity-{PASSWORD}") } } });
    write(&folder.path().join("config.json"), &entry.to_string());
    let (mut settings, told) = settings();
    settings.docker_config = Some(folder.path().to_owned());
    let place = open(settings, &format!("{}/app", guard.host()), Intent::Write);
    put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
    assert_eq!(guard.asked(), ["repository:app:pull,push"]);
    no_secret(&told, None);
}

#[tokio::test]
async fn a_server_without_oauth_gets_the_identity_token_as_password() {
    let image = Image::new("linux/amd64").build();
    let manifest = image.manifest.clone();
    let fake = Fake::start(move |seen, _| match seen.line.as_str() {
        line if line.starts_with("POST /token") => answer(404, &[], ""),
        line if line.starts_with("GET /token") => answer(200, &[], r#"{"access_token":"good"}"#),
        _ if seen.header("authorization") == Some("Bearer good") => manifest_answer(&manifest),
        _ => answer(401, &[("www-authenticate", r#"Bearer realm="/token",service="s""#)], ""),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("config.json"), &serde_json::json!({ "auths": { fake.host(): { "identitytoken": "refresh" } } }).to_string());
    let (mut settings, _) = settings();
    settings.docker_config = Some(folder.path().to_owned());
    open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap();
    let seen = fake.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(
        lines,
        ["GET /v2/app/manifests/v1", "POST /token", "GET /token?service=s&scope=repository%3Aapp%3Apull", "GET /v2/app/manifests/v1"]
    );
    let form = String::from_utf8(seen[1].body.to_vec()).unwrap();
    assert_eq!(form, "grant_type=refresh_token&service=s&scope=repository%3Aapp%3Apull&client_id=polyarch&refresh_token=refresh");
    // "<token>:refresh"
    assert_eq!(seen[2].header("authorization"), Some("Basic PHRva2VuPjpyZWZyZXNo"));
}

#[tokio::test]
async fn a_read_only_user_reads_and_is_told_why_writing_fails() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let image = Image::new("linux/amd64").build();
    put(&*open(settings().0, &format!("{}/app", registry.host()), Intent::Write), &image, Some("v1")).await;
    let guard = TokenServer::start(registry.address(), closed(&["pull"])).await;
    let config = docker_config(&guard.host(), "ann", PASSWORD);
    let with = || {
        let (mut settings, told) = settings();
        settings.docker_config = Some(config.path().to_owned());
        (settings, told)
    };
    let name = format!("{}/app", guard.host());
    open(with().0, &name, Intent::Read).manifest(&tag("v1")).await.unwrap();
    let (settings, told) = with();
    let error = open(settings, &name, Intent::Write).put_manifest(&image.manifest).await.unwrap_err();
    assert_eq!(error.to_string(), "denied");
    let text = whole(&error);
    assert!(text.contains("scope asked: pull,push") && text.contains("authentication required") && text.contains(&name), "{text}");
    no_secret(&told, Some(&error));
}

#[tokio::test]
async fn wrong_password_at_the_token_server() {
    let guard = TokenServer::start("127.0.0.1:1".parse().unwrap(), closed(&["pull"])).await;
    let config = docker_config(&guard.host(), "ann", &format!("{PASSWORD}-wrong"));
    let (mut settings, told) = settings();
    settings.docker_config = Some(config.path().to_owned());
    let error = open(settings, &format!("{}/app", guard.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "denied");
    assert!(whole(&error).contains("incorrect username or password"), "{}", whole(&error));
    assert_eq!(guard.asked().len(), 1, "a refused password is not tried again");
    no_secret(&told, Some(&error));
}

#[tokio::test]
async fn a_token_that_is_revoked_in_the_middle_is_renewed_and_the_body_opened_again() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions::default()).await;
    let place = open(settings().0, &format!("{}/app", guard.host()), Intent::Write);
    let image = Image::new("linux/amd64").file("data", random_bytes(2, 3_000_000)).build();
    place.has(&image.layers[0].0).await.unwrap();
    // Every token is good for one request: the upload's PUT needs a new one while it is sent.
    let once = TokenServer::start(registry.address(), TokenOptions { uses: Some(1), ..TokenOptions::default() }).await;
    let strict = open(settings().0, &format!("{}/app", once.host()), Intent::Write);
    let source = Faulty::new(in_memory(&[&image], &[]).await);
    strict.put_blob(&image.layers[0].0, &source).await.unwrap();
    assert_eq!(source.asked().len(), 2, "the body was not opened again");
    // Reading, too.
    guard.revoke();
    guard.clear_log();
    assert!(place.has(&image.layers[0].0).await.unwrap());
    assert_eq!(guard.asked().len(), 1);
    assert_eq!(guard.requests().len(), 2);
}

#[tokio::test]
async fn a_token_that_runs_out_is_renewed_before_it_is_refused() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), TokenOptions { expires_in: None, ..TokenOptions::default() }).await;
    let clock = Arc::new(AtomicU64::new(1_000));
    let (mut settings, _) = settings();
    let hand = Arc::clone(&clock);
    settings.now = Arc::new(move || UNIX_EPOCH + Duration::from_secs(hand.load(Ordering::SeqCst)));
    let place = open(settings, &format!("{}/app", guard.host()), Intent::Read);
    let look = || async { assert!(place.resolve(&tag("v1")).await.unwrap_err().is_missing()) };
    look().await;
    clock.fetch_add(54, Ordering::SeqCst);
    look().await;
    assert_eq!(guard.asked().len(), 1);
    // 60 s are meant where nothing is said; 5 s before the end it is old.
    clock.fetch_add(1, Ordering::SeqCst);
    look().await;
    assert_eq!(guard.asked().len(), 2);
    assert_eq!(guard.requests().iter().filter(|request| request.ends_with(" 401")).count(), 1);
}

#[tokio::test]
async fn a_token_that_is_no_good_at_once_ends_it() {
    let guard = TokenServer::start("127.0.0.1:1".parse().unwrap(), TokenOptions { uses: Some(0), ..TokenOptions::default() }).await;
    let error = open(settings().0, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "denied");
    assert_eq!((guard.asked().len(), guard.requests().len()), (1, 2));
}

#[tokio::test]
async fn placeholder_scopes_are_ignored() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    for challenge in [Challenge::Placeholder("repository:user/image:pull".to_owned()), Challenge::Silent] {
        let guard = TokenServer::start(registry.address(), TokenOptions { challenge, ..TokenOptions::default() }).await;
        let place = open(settings().0, &format!("{}/app", guard.host()), Intent::Write);
        put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
        assert_eq!(guard.asked(), ["repository:app:pull,push"]);
    }
}

#[tokio::test]
async fn podmans_file_is_asked_last_and_by_path() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), closed(&["pull", "push"])).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.json");
    let entry = |password: &str| serde_json::json!({ "username": "ann", "password": password });
    let auths = serde_json::json!({ "auths": { guard.host(): entry("wrong"), format!("{}/acme", guard.host()): entry(PASSWORD) } });
    write(&path, &auths.to_string());
    let with = || {
        let (mut settings, _) = settings();
        settings.docker_config = Some(folder.path().join("no-docker-here"));
        settings.auth_files = vec![path.clone()];
        settings
    };
    put(&*open(with(), &format!("{}/acme/app", guard.host()), Intent::Write), &Image::new("linux/amd64").build(), Some("v1")).await;
    let error = open(with(), &format!("{}/other/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    assert!(whole(&error).contains(&format!("from {}", path.display())), "{}", whole(&error));
}

#[tokio::test]
async fn a_token_server_that_fails_is_named_without_its_secrets() {
    let fake = Fake::start(|seen, _| {
        if seen.line.contains("/token") {
            answer(500, &[], "<html>oops</html>")
        } else {
            answer(401, &[("www-authenticate", r#"Bearer realm="/token?key=hidden""#)], "")
        }
    })
    .await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    let text = whole(&error);
    assert_eq!(
        error.to_string(),
        format!("the token server http://{}/token?key=***&scope=repository:app:pull answered 500, expected 200", fake.host())
    );
    assert!(!text.contains("hidden") && !text.contains("oops"), "{text}");
}

#[tokio::test]
async fn an_answer_without_a_token() {
    for body in ["{}", "no JSON", r#"{"token":""}"#] {
        let fake = Fake::start(move |seen, _| {
            if seen.line.contains("/token") {
                answer(200, &[], body)
            } else {
                answer(401, &[("www-authenticate", r#"Bearer realm="/token""#)], "")
            }
        })
        .await;
        let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
        assert!(error.to_string().ends_with("answered without a token"), "{error}");
    }
}

#[tokio::test]
async fn a_secure_registry_cannot_send_passwords_to_a_plain_token_server() {
    let authority = Authority::new();
    let fake =
        Fake::start_tls(&authority, |_, _| answer(401, &[("www-authenticate", r#"Bearer realm="http://auth.example/token""#)], "")).await;
    let config = docker_config(&fake.host(), "ann", PASSWORD);
    let (mut settings, told) = settings();
    settings.ca_files = vec![authority.ca()];
    settings.docker_config = Some(config.path().to_owned());
    let error = open(settings, &format!("{}/app", fake.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} names a token server that is not safe to ask: expected an https address, got http://auth.example/token", fake.host())
    );
    assert!(!told.everything().contains("GET http://auth.example"), "{}", told.everything());
}

#[tokio::test]
async fn a_given_login_counts_over_files_and_goes_to_no_other_host() {
    let options = RegistryOptions { credentials: Some(("ann".to_owned(), PASSWORD.to_owned())), ..RegistryOptions::default() };
    let (Some(one), Some(other)) = (DebianRegistry::start(&options), DebianRegistry::start(&options)) else { return };
    let config = docker_config(&one.host(), "ann", "out-of-date");
    let (mut settings, told) = settings();
    settings.docker_config = Some(config.path().to_owned());
    settings.given = vec![GivenLogin { host: one.host(), user: "ann".to_owned(), secret: Secret::new(PASSWORD) }];
    assert!(!format!("{settings:?}").contains(PASSWORD), "{settings:?}");
    let place = open(settings.clone(), &format!("{}/acme/app", one.host()), Intent::Write);
    put(&*place, &Image::new("linux/amd64").build(), Some("v1")).await;
    let elsewhere = open(settings.clone(), &format!("{}/acme/app", other.host()), Intent::Read);
    let error = elsewhere.manifest(&tag("v1")).await.unwrap_err();
    assert!(whole(&error).contains(&format!("no credentials for {}", other.host())), "{}", whole(&error));
    no_secret(&told, Some(&error));

    settings.given = vec![GivenLogin { host: one.host(), user: "ann".to_owned(), secret: Secret::new("wrong") }];
    let error = open(settings, &format!("{}/acme/app", one.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(whole(&error).contains("as given"), "{}", whole(&error));
}

//! Logging in and out: tried before it is kept, kept where Docker keeps it, and used afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};

use content::Source;
use fault::{ExitCode, Fault};
use remote::{Account, Client, Greeting, Intent, Keeper, RemoteError, Secret, Settings};
use serde_json::{Value, json};
use support::{Fake, Told, answer, open, settings, tag, write};
use testkit::registry::{DebianRegistry, RegistryOptions};
use testkit::tokens::{TokenOptions, TokenServer, User};

const PASSWORD: &str = "hunter2-correct-horse";

fn account(text: &str) -> Account {
    text.parse().unwrap()
}

/// Settings with a folder for config.json, which is the folder of programs, too.
fn at(folder: &Path) -> (Settings, Told) {
    let (mut settings, told) = settings();
    settings.docker_config = Some(folder.to_owned());
    settings.programs = vec![folder.to_owned(), PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
    (settings, told)
}

fn config(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// A helper that keeps what it is given beside itself, and notes what it was asked.
fn helper(folder: &Path) {
    let script = r#"#!/bin/sh
        echo "$1" >> "$0.asked"
        case $1 in
            store) cat > "$0.kept" ;;
            get) cat "$0.kept" 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;
            erase) rm "$0.kept" ;;
        esac"#;
    // Written by another process, or the file could be "busy" while a test beside this one forks.
    let status = std::process::Command::new("sh")
        .args(["-c", r#"printf %s "$1" > "$2" && chmod 755 "$2""#, "sh", script])
        .arg(folder.join("docker-credential-test"))
        .status();
    assert!(status.unwrap().success());
}

fn ann(identity: Option<&str>) -> TokenOptions {
    let user = User {
        name: "ann".to_owned(),
        password: PASSWORD.to_owned(),
        identity_token: identity.map(str::to_owned),
        actions: vec!["pull", "push"],
    };
    TokenOptions { users: vec![user], anonymous: Vec::new(), ..TokenOptions::default() }
}

async fn log_in(settings: &Settings, account: &Account, password: &str) -> Result<remote::Kept, RemoteError> {
    Client::new(settings.clone()).unwrap().log_in(account, "ann", Secret::new(password)).await
}

#[tokio::test]
async fn basic_is_tried_kept_and_used() {
    let options = RegistryOptions { credentials: Some(("ann".to_owned(), PASSWORD.to_owned())), ..RegistryOptions::default() };
    let Some(registry) = DebianRegistry::start(&options) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (settings, told) = at(folder.path());
    let account = account(&registry.host());
    let error = log_in(&settings, &account, "wrong").await.unwrap_err();
    assert_eq!(error.to_string(), "the name and password were refused, nothing was kept");
    assert_eq!(ExitCode::of(error.kind()).number(), 3);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("asked as ann; ") && cause.contains(&format!("{} says: ", registry.host())), "{cause}");
    assert!(!folder.path().join("config.json").exists());

    let kept = log_in(&settings, &account, PASSWORD).await.unwrap();
    assert_eq!((kept.keeper, kept.tried), (Keeper::File(folder.path().join("config.json")), true));
    assert!(open(settings.clone(), &format!("{}/app", registry.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err().is_missing());

    let client = Client::new(settings).unwrap();
    assert_eq!(client.log_out(&account).await.unwrap().by.len(), 1);
    assert_eq!(config(folder.path()), json!({ "auths": {} }));
    assert!(client.log_out(&account).await.unwrap().by.is_empty());
    assert!(!told.everything().contains("hunter2") && !told.everything().contains("wrong"), "{}", told.everything());
}

#[tokio::test]
async fn a_token_server_is_asked_without_a_scope() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), ann(None)).await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, told) = at(folder.path());
    let error = log_in(&settings, &account(&guard.host()), "wrong").await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("incorrect username or password") && cause.contains("from its token server"), "{cause}");
    assert!(!folder.path().join("config.json").exists());
    log_in(&settings, &account(&guard.host()), PASSWORD).await.unwrap();
    assert_eq!(guard.asked(), ["", ""]);
    let auth = config(folder.path())["auths"][guard.host()]["auth"].as_str().unwrap().to_owned();
    assert!(!told.everything().contains(&auth) && !told.everything().contains("token-1"));
    assert!(open(settings, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn a_refresh_token_is_kept_in_the_place_of_the_password() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), ann(Some("identity-of-ann"))).await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, _) = at(folder.path());
    log_in(&settings, &account(&guard.host()), PASSWORD).await.unwrap();
    // "ann:"
    assert_eq!(config(folder.path())["auths"][guard.host()], json!({ "auth": "YW5uOg==", "identitytoken": "identity-of-ann" }));
    assert!(open(settings, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err().is_missing());

    // And in a helper, under the name that says so.
    let folder = tempfile::tempdir().unwrap();
    helper(folder.path());
    write(&folder.path().join("config.json"), r#"{"credsStore":"test"}"#);
    let (settings, _) = at(folder.path());
    log_in(&settings, &account(&guard.host()), PASSWORD).await.unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(folder.path().join("docker-credential-test.kept")).unwrap()).unwrap();
    assert_eq!(kept, json!({ "ServerURL": guard.host(), "Username": "<token>", "Secret": "identity-of-ann" }));
    assert!(open(settings, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn a_helper_keeps_it_and_is_asked_once_for_a_host() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), ann(None)).await;
    let folder = tempfile::tempdir().unwrap();
    helper(folder.path());
    write(&folder.path().join("config.json"), &json!({ "credHelpers": { guard.host(): "test" }, "experimental": "on" }).to_string());
    let (settings, _) = at(folder.path());
    let kept = log_in(&settings, &account(&guard.host()), PASSWORD).await.unwrap();
    assert_eq!(kept.keeper, Keeper::Helper("test".to_owned()));
    assert_eq!(
        config(folder.path()),
        json!({ "credHelpers": { guard.host(): "test" }, "experimental": "on", "auths": { guard.host(): {} } })
    );

    let client = Client::new(settings.clone()).unwrap();
    for repository in ["a", "b", "c/d"] {
        let place = client.repository(&format!("{}/{repository}", guard.host()).parse().unwrap(), Intent::Read);
        assert!(place.resolve(&tag("v1")).await.unwrap_err().is_missing());
    }
    let asked = || std::fs::read_to_string(folder.path().join("docker-credential-test.asked")).unwrap();
    assert_eq!(asked().lines().collect::<Vec<_>>(), ["store", "get"]);

    assert_eq!(client.log_out(&account(&guard.host())).await.unwrap().by, [Keeper::Helper("test".to_owned())]);
    assert!(!folder.path().join("docker-credential-test.kept").exists());
    assert_eq!(config(folder.path())["auths"], json!({}));
    assert!(client.log_out(&account(&guard.host())).await.unwrap().by.is_empty());
}

#[tokio::test]
async fn a_helper_that_is_not_there_or_fails_keeps_nothing() {
    let fake = Fake::start(|_, _| answer(200, &[], "{}")).await;
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"credsStore":"nowhere"}"#;
    write(&folder.path().join("config.json"), text);
    let (settings, _) = at(folder.path());
    let error = log_in(&settings, &account(&fake.host()), PASSWORD).await.unwrap_err();
    assert_eq!(error.to_string(), format!("docker-credential-nowhere did not keep the credentials of {}", fake.host()));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "there is no such program");
    assert_eq!(std::fs::read_to_string(folder.path().join("config.json")).unwrap(), text);
}

#[tokio::test]
async fn a_registry_that_asks_for_nothing_has_tried_nothing() {
    let fake = Fake::start(|_, _| answer(200, &[], "{}")).await;
    let folder = tempfile::tempdir().unwrap();
    let (settings, _) = at(folder.path());
    assert!(!log_in(&settings, &account(&fake.host()), PASSWORD).await.unwrap().tried);
    assert!(fake.seen().iter().all(|seen| seen.header("authorization").is_none()));
    // Something that is no registry at all.
    let other = Fake::start(|_, _| answer(404, &[], "no")).await;
    let error = log_in(&settings, &account(&other.host()), PASSWORD).await.unwrap_err();
    assert_eq!(error.to_string(), format!("GET http://{}/v2/ was answered 404", other.host()));
    assert!(config(folder.path())["auths"].get(other.host()).is_none());
}

#[tokio::test]
async fn a_registry_is_greeted_with_what_is_kept_for_it() {
    let greet = async |settings: &Settings, host: &str| Client::new(settings.clone()).unwrap().greet(host).await;
    let open = Fake::start(|_, _| answer(200, &[], "{}")).await;
    let (anonymous, _) = settings();
    assert_eq!(greet(&anonymous, &open.host()).await.unwrap(), Greeting { credentials: None });
    assert_eq!(open.seen().iter().map(|seen| seen.line.as_str()).collect::<Vec<_>>(), ["GET /v2/"]);

    let options = RegistryOptions { credentials: Some(("ann".to_owned(), PASSWORD.to_owned())), ..RegistryOptions::default() };
    if let Some(registry) = DebianRegistry::start(&options) {
        let folder = support::docker_config(&registry.host(), "ann", PASSWORD);
        let (known, told) = at(folder.path());
        let greeting = greet(&known, &registry.host()).await.unwrap();
        let file = folder.path().join("config.json");
        assert_eq!(greeting.credentials.unwrap(), format!("credentials for {} from {}", registry.host(), file.display()));
        assert!(!told.everything().contains("hunter2"), "{}", told.everything());
        assert_eq!(greet(&anonymous, &registry.host()).await.unwrap_err().to_string(), "denied");
    }

    let other = Fake::start(|_, _| answer(404, &[], "no")).await;
    assert!(greet(&anonymous, &other.host()).await.unwrap_err().to_string().ends_with("/v2/ was answered 404"));
}

#[tokio::test]
async fn a_login_for_a_part_is_used_there_and_nowhere_else() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), ann(None)).await;
    let folder = tempfile::tempdir().unwrap();
    helper(folder.path());
    // The helper has a login for the host, and none that is good.
    write(&folder.path().join("docker-credential-test.kept"), r#"{"Username":"bob","Secret":"old"}"#);
    write(&folder.path().join("config.json"), r#"{"credsStore":"test"}"#);
    let (settings, _) = at(folder.path());
    let part = account(&format!("{}/acme", guard.host()));
    let kept = log_in(&settings, &part, PASSWORD).await.unwrap();
    assert_eq!(kept.keeper, Keeper::File(folder.path().join("config.json")));
    let look = |repository: &str| open(settings.clone(), &format!("{}/{repository}", guard.host()), Intent::Read);
    assert!(look("acme/app").resolve(&tag("v1")).await.unwrap_err().is_missing());
    assert_eq!(look("acmes/app").resolve(&tag("v1")).await.unwrap_err().to_string(), "denied");
    let client = Client::new(settings.clone()).unwrap();
    // Logging out of the host is not logging out of the part, and the other way round.
    client.log_out(&account(&guard.host())).await.unwrap();
    assert!(look("acme/app").resolve(&tag("v1")).await.unwrap_err().is_missing());
    assert_eq!(client.log_out(&part).await.unwrap().by.len(), 1);
    assert_eq!(look("acme/app").resolve(&tag("v1")).await.unwrap_err().to_string(), "denied");
}

#[tokio::test]
async fn logging_out_everywhere_leaves_nothing_and_says_whose_it_was() {
    let folder = tempfile::tempdir().unwrap();
    helper(folder.path());
    write(&folder.path().join("docker-credential-test.kept"), r#"{"Username":"bob","Secret":"old"}"#);
    let auths = json!({
        "a.lan": { "auth": "dTpw" }, "a.lan/part": { "auth": "dTpw" }, "https://index.docker.io/v1/": { "auth": "dTpw" }, "empty.lan": {}
    });
    write(
        &folder.path().join("config.json"),
        &json!({ "auths": auths, "credHelpers": { "b.lan": "test" }, "proxies": { "x": 1 } }).to_string(),
    );
    let (settings, _) = at(folder.path());
    let mut forgotten = Client::new(settings).unwrap().log_out_everywhere().await.unwrap();
    forgotten.sort();
    assert_eq!(forgotten, ["a.lan", "a.lan/part", "b.lan", "docker.io"]);
    assert_eq!(config(folder.path()), json!({ "auths": {}, "credHelpers": { "b.lan": "test" }, "proxies": { "x": 1 } }));
}

#[tokio::test]
async fn what_podman_still_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut settings, _) = at(folder.path());
    let auth = folder.path().join("auth.json");
    write(&auth, r#"{"auths":{"reg.lan":{"auth":"dTpw"}}}"#);
    settings.auth_files = vec![auth.clone()];
    let forgotten = Client::new(settings).unwrap().log_out(&account("reg.lan")).await.unwrap();
    assert_eq!((forgotten.by, forgotten.left), (Vec::new(), vec![auth.clone()]));
    assert!(std::fs::read_to_string(auth).unwrap().contains("dTpw"));
}

#[tokio::test]
async fn a_damaged_file_is_refused_by_those_who_write_and_told_by_those_who_read() {
    let Some(registry) = DebianRegistry::start(&RegistryOptions::default()) else { return };
    let guard = TokenServer::start(registry.address(), ann(None)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    for (text, place, told_as) in [
        ("{\"auths\": {\n  hunter2", ":2:3: expected valid JSON", "no valid JSON at line 2 column 3"),
        ("{\"auths\": [\"hunter2\"]}", ":1:10: expected what docker writes there", "not as docker writes it at line 1 column 10"),
        ("{\"credsStore\": 5}", ":1:16: expected what docker writes there", "not as docker writes it at line 1 column 16"),
    ] {
        write(&path, text);
        let (settings, told) = at(folder.path());
        for error in [
            log_in(&settings, &account(&guard.host()), PASSWORD).await.unwrap_err(),
            Client::new(settings.clone()).unwrap().log_out(&account("reg.lan")).await.unwrap_err(),
            Client::new(settings.clone()).unwrap().log_out_everywhere().await.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), format!("{}{place}", path.display()));
            assert_eq!(ExitCode::of(error.kind()).number(), 3);
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let _ = open(settings, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
        assert_eq!(told.of("warning"), [format!("{} was left out: {told_as}", path.display())]);
    }
    // One entry of many.
    write(&path, &json!({ "auths": { guard.host(): { "auth": "no base64!" }, "other.lan": { "auth": "?" } } }).to_string());
    let (settings, told) = at(folder.path());
    let _ = open(settings, &format!("{}/app", guard.host()), Intent::Read).resolve(&tag("v1")).await.unwrap_err();
    let expected = format!("{}: the entry {:?} was left out: expected base64 of USER:PASSWORD as its auth", path.display(), guard.host());
    assert_eq!(told.of("warning"), [expected]);
}

#[tokio::test]
async fn without_a_folder_there_is_nowhere_to_keep_it() {
    let fake = Fake::start(|_, _| answer(200, &[], "{}")).await;
    let error = log_in(&settings().0, &account(&fake.host()), PASSWORD).await.unwrap_err();
    assert!(matches!(error, RemoteError::NoConfig), "{error}");
}

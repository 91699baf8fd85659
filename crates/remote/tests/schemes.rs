//! HTTPS or HTTP, and whom to trust.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use content::Source;
use fault::Fault;
use oci::RawManifest;
use remote::{HostRule, Intent};
use support::tls::Authority;
use support::tunnel::Tunnel;
use support::{Fake, Seen, manifest_answer, open, settings, tag, whole};
use testkit::fixtures::Image;

fn manifest() -> RawManifest {
    Image::new("linux/amd64").build().manifest
}

fn serving(manifest: &RawManifest) -> impl Fn(&Seen, usize) -> Response<Body> + Send + Sync + 'static {
    let manifest = manifest.clone();
    move |_, _| manifest_answer(&manifest)
}

#[tokio::test]
async fn on_this_machine_https_is_found_by_itself() {
    let authority = Authority::new();
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    let (mut settings, _) = settings();
    settings.ca_files = vec![authority.ca()];
    let place = open(settings, &format!("localhost:{}/app", fake.address.port()), Intent::Read);
    place.manifest(&tag("v1")).await.unwrap();
    place.manifest(&tag("v2")).await.unwrap();
    assert_eq!(fake.lines(), ["GET /v2/app/manifests/v1", "GET /v2/app/manifests/v2"]);
}

#[tokio::test]
async fn a_refused_certificate_never_falls_back() {
    let authority = Authority::new();
    // The plain attempt of the scout reaches this server too: it must not be what counts.
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    let error = open(settings().0, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the certificate of {} was not accepted", fake.host()));
    let text = whole(&error);
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert_eq!(error.hint().unwrap().to_string(), format!("`--ca-file FILE`, or put the CA in /etc/docker/certs.d/{}/ca.crt", fake.host()));
    assert!(fake.seen().is_empty());
}

/// The same where the port does answer both: TLS with a bad certificate, and HTTP.
#[tokio::test]
async fn a_refused_certificate_never_falls_back_even_where_http_answers() {
    use tokio::io::AsyncWriteExt;
    let authority = Authority::new();
    let secure = Fake::start_tls(&authority, serving(&manifest())).await;
    let plain = Fake::start(serving(&manifest())).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, secure_address, plain_address) = (listener.local_addr().unwrap(), secure.address, plain.address);
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0];
                if !matches!(client.peek(&mut first).await, Ok(1)) {
                    return;
                }
                // 22 begins a TLS handshake; it comes later than the answer by HTTP.
                let target = if first[0] == 22 { secure_address } else { plain_address };
                if first[0] == 22 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                let _ = server.shutdown().await;
            });
        }
    });
    let error = open(settings().0, &format!("{address}/app"), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    task.abort();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(plain.lines().len(), 1, "the scout was to ask by HTTP too");
    assert!(plain.seen()[0].header("authorization").is_none());
}

#[tokio::test]
async fn a_plain_server_that_never_answers_tls_costs_a_moment() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let manifest = manifest();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let manifest = manifest.clone();
            tokio::spawn(async move {
                let mut stream = tokio::io::BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|length| length > 2) {}
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                    manifest.media_type(),
                    manifest.bytes().len()
                );
                // Bytes of TLS are no text, so this server says nothing to them and waits.
                if line.starts_with("GET ") {
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(manifest.bytes()).await;
                }
                std::future::pending::<()>().await;
            });
        }
    });
    let start = Instant::now();
    open(settings().0, &format!("{address}/app"), Intent::Read).manifest(&tag("v1")).await.unwrap();
    task.abort();
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn insecure_takes_any_certificate_but_still_https() {
    let authority = Authority::new();
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    for (rule, works) in
        [(HostRule::All, true), (HostRule::Hosts(vec![fake.host()]), true), (HostRule::Hosts(vec!["other:5000".to_owned()]), false)]
    {
        let (mut settings, _) = settings();
        settings.insecure = rule.clone();
        let result = open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await;
        assert_eq!(result.is_ok(), works, "{rule:?}");
    }
}

#[tokio::test]
async fn certs_d_holds_an_authority_per_host() {
    let authority = Authority::new();
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(fake.host());
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(authority.ca(), own.join("ca.crt")).unwrap();
    let (mut settings, _) = settings();
    settings.certs_dirs = vec![folder.path().join("absent"), folder.path().to_owned()];
    open(settings.clone(), &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap();
    // Another name of the same server is another host.
    assert!(open(settings.clone(), &format!("localhost:{}/app", fake.address.port()), Intent::Read).manifest(&tag("v1")).await.is_err());
    std::fs::write(own.join("ca.crt"), "no certificate").unwrap();
    let error = open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert!(error.to_string().contains("ca.crt cannot be used"), "{error}");
}

#[tokio::test]
async fn elsewhere_http_is_an_error_that_says_so() {
    let fake = Fake::start(serving(&manifest())).await;
    let tunnel = Tunnel::start(fake.address).await;
    let (mut settings, _) = settings();
    settings.proxies = tunnel.proxies();
    let error = open(settings.clone(), "reg.example:5000/app", Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "it answers HTTP, HTTPS was expected");
    assert_eq!(error.hint().unwrap().to_string(), "`--plain-http=reg.example:5000`; for Docker: \"insecure-registries\" in daemon.json");
    assert!(fake.seen().is_empty());
    assert_eq!(tunnel.asked(), ["CONNECT reg.example:5000 HTTP/1.1"], "it is not tried again, and never by HTTP");
    settings.plain_http = HostRule::Hosts(vec!["reg.example:5000".to_owned()]);
    open(settings.clone(), "reg.example:5000/app", Intent::Read).manifest(&tag("v1")).await.unwrap();
    // The permission is for that host alone, not for another port of it.
    assert!(open(settings, "reg.example:5001/app", Intent::Read).manifest(&tag("v1")).await.is_err());
}

#[tokio::test]
async fn elsewhere_https_goes_through_the_proxy() {
    let authority = Authority::new();
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    let tunnel = Tunnel::start(fake.address).await;
    let (mut settings, _) = settings();
    settings.proxies = tunnel.proxies();
    settings.ca_files = vec![authority.ca()];
    open(settings.clone(), "registry.example/app", Intent::Read).manifest(&tag("v1")).await.unwrap();
    assert_eq!(tunnel.asked(), ["CONNECT registry.example:443 HTTP/1.1"]);
    // A certificate for another name is none.
    let error = open(settings, "other.example/app", Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), "the certificate of other.example was not accepted");
}

#[tokio::test]
async fn nobody_there_is_said_soon() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (settings, told) = settings();
    let error = open(settings, &format!("{address}/app"), Intent::Read).manifest(&tag("v1")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} is unreachable"));
    assert!(whole(&error).contains("Connection refused"), "{}", whole(&error));
    assert_eq!(told.of("retry").len(), 2);
}

#[tokio::test]
async fn certs_d_holds_a_client_certificate_too() {
    let authority = Authority::demanding();
    let fake = Fake::start_tls(&authority, serving(&manifest())).await;
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(fake.host());
    std::fs::create_dir(&own).unwrap();
    let (mut settings, _) = settings();
    settings.patience.tries = 1;
    settings.ca_files = vec![authority.ca()];
    settings.certs_dirs = vec![folder.path().to_owned()];
    assert!(open(settings.clone(), &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.is_err());
    for name in ["client.cert", "client.key"] {
        std::fs::copy(authority.folder.path().join(name), own.join(name)).unwrap();
    }
    open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.unwrap();
}

#[tokio::test]
async fn a_slow_secure_server_is_not_given_up_for_its_400_to_http() {
    use tokio::io::AsyncWriteExt;
    let authority = Authority::new();
    let secure = Fake::start_tls(&authority, serving(&manifest())).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, secure_address) = (listener.local_addr().unwrap(), secure.address);
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut first = [0];
                let _ = client.peek(&mut first).await;
                if first[0] != 22 {
                    let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_millis(3_500)).await;
                let mut server = tokio::net::TcpStream::connect(secure_address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let (mut settings, _) = settings();
    settings.ca_files = vec![authority.ca()];
    open(settings, &format!("{address}/app"), Intent::Read).manifest(&tag("v1")).await.unwrap();
    task.abort();
    assert_eq!(secure.lines().len(), 1);
}

#[tokio::test]
async fn docker_hub_has_an_address_of_its_own_and_an_old_key() {
    let authority = Authority::new();
    let image = manifest();
    let digest = image.digest().clone();
    let fake = Fake::start_tls(&authority, move |seen, _| match (seen.line.starts_with("GET /token"), seen.header("authorization")) {
        (true, Some(_)) => support::answer(200, &[], r#"{"token":"good"}"#),
        (_, Some("Bearer good")) => manifest_answer(&image),
        _ => {
            support::answer(401, &[("www-authenticate", r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#)], "")
        }
    })
    .await;
    let tunnel = Tunnel::start(fake.address).await;
    let config = support::docker_config("https://index.docker.io/v1/", "ann", "secret");
    let (mut settings, _) = settings();
    settings.ca_files = vec![authority.ca()];
    settings.proxies = tunnel.proxies();
    settings.docker_config = Some(config.path().to_owned());
    settings.recall = std::sync::Arc::new(support::recall::Diary::default());
    let place = open(settings, "alpine", Intent::Read);
    place.manifest(&tag("3")).await.unwrap();
    assert_eq!(tunnel.asked(), ["CONNECT registry-1.docker.io:443 HTTP/1.1", "CONNECT auth.docker.io:443 HTTP/1.1"]);
    assert_eq!(
        fake.lines(),
        [
            "HEAD /v2/library/alpine/manifests/3",
            "GET /token?service=registry.docker.io&scope=repository%3Alibrary%2Falpine%3Apull",
            "HEAD /v2/library/alpine/manifests/3",
            &format!("GET /v2/library/alpine/manifests/{digest}")
        ]
    );
    // A GET counts towards the quota, a HEAD does not: what is remembered is never read again.
    place.manifest(&tag("3")).await.unwrap();
    assert_eq!(fake.lines()[4..], ["HEAD /v2/library/alpine/manifests/3"]);
}

#[tokio::test]
async fn a_rule_for_docker_hub_reaches_the_address_it_answers_at() {
    let authority = Authority::new();
    let image = manifest();
    let copy = image.clone();
    let secure = Fake::start_tls(&authority, move |_, _| manifest_answer(&image)).await;
    let plain = Fake::start(move |_, _| manifest_answer(&copy)).await;
    let (secure, plain) = (Tunnel::start(secure.address).await, Tunnel::start(plain.address).await);
    let read = async |tunnel: &Tunnel, change: &dyn Fn(&mut remote::Settings)| {
        let (mut settings, _) = settings();
        settings.proxies = tunnel.proxies();
        change(&mut settings);
        open(settings, "alpine", Intent::Read).manifest(&tag("3")).await.map(drop).map_err(|error| error.to_string())
    };
    let refused = Err("the certificate of registry-1.docker.io was not accepted".to_owned());
    assert_eq!(read(&secure, &|_| ()).await, refused);
    for name in ["docker.io", "registry-1.docker.io"] {
        let rule = || HostRule::Hosts(vec![name.to_owned()]);
        assert_eq!(read(&secure, &|settings| settings.insecure = rule()).await, Ok(()), "{name}");
        assert_eq!(read(&plain, &|settings| settings.plain_http = rule()).await, Ok(()), "{name}");
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        std::fs::copy(authority.ca(), own.join("ca.crt")).unwrap();
        assert_eq!(read(&secure, &|settings| settings.certs_dirs = vec![folder.path().to_owned()]).await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_accepted_where_it_is_named_itself() {
    let read = async |name: &str, until: i32, named: bool| {
        let own = Authority::of_itself(name, until);
        let other = Authority::of_itself(name, until);
        let fake = Fake::start_tls(&own, serving(&manifest())).await;
        let (mut settings, _) = settings();
        settings.ca_files = vec![if named { own.ca() } else { other.ca() }];
        let error = open(settings, &format!("{}/app", fake.host()), Intent::Read).manifest(&tag("v1")).await.map(drop).err();
        error.map(|error| whole(&error)).unwrap_or_default()
    };
    assert_eq!(read("127.0.0.1", 2100, true).await, "");
    for (name, until, named, reason) in [
        ("127.0.0.1", 2100, false, "CaUsedAsEndEntity"),
        ("127.0.0.1", 2001, true, "expired"),
        ("registry.example", 2100, true, "not valid for name"),
    ] {
        let text = read(name, until, named).await;
        assert!(text.contains("was not accepted") && text.contains(reason), "{name} {until} {named}: {text}");
    }
}

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use content::Memory;
use fault::Fault;
use oci::Digest;
use serve::{Limits, Options, ServeError, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{finish, start, start_with};
use crate::library::tagged;

#[tokio::test]
async fn a_taken_port_is_an_error_with_the_next_one_as_hint() {
    let server = start(Memory::new());
    let Err(error) = Server::bind(server.address, Arc::new(Memory::new()), Options::default()) else { panic!("two servers on one port") };
    assert!(matches!(error, ServeError::PortTaken { address, .. } if address == server.address));
    assert_eq!(error.to_string(), "the port is taken");
    assert!(error.hint().unwrap().to_string().contains("polyarch serve --listen 127.0.0.1:"));
}

#[tokio::test]
async fn an_address_of_another_machine_is_an_error() {
    // 192.0.2.0/24 is for documents and belongs to nobody (RFC 5737).
    let Err(error) = Server::bind(SocketAddr::from(([192, 0, 2, 1], 0)), Arc::new(Memory::new()), Options::default()) else {
        panic!("it is ours")
    };
    assert_eq!(error.to_string(), "this machine does not have the address 192.0.2.1");
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_each_has_its_line() {
    let memory = Memory::new();
    let manifest = tagged(&memory, "1.0").await;
    let server = start(memory);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"HEAD /v2/hello/manifests/1.0 HTTP/1.1\r\nHost: x\r\nUser-Agent: docker/20.10 go/1\r\n\r\n").await.unwrap();
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
    }
    server.get("/v2/hello/manifests/1.0").await;
    let lines = server.log.lock().unwrap().clone();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0].method.as_str(), lines[0].status, lines[0].bytes), ("HEAD", 200, 0));
    assert_eq!((lines[3].method.as_str(), lines[3].bytes), ("GET", manifest.bytes().len() as u64));
    assert_eq!((lines[0].path.as_str(), lines[0].user_agent.as_str()), ("/v2/hello/manifests/1.0", "docker/20.10 go/1"));
    assert!(lines[0].remote.ip().is_loopback());
    assert_eq!(lines[0].problem, None);
}

#[tokio::test]
async fn the_stop_lets_a_running_request_finish_and_nobody_new_in() {
    let memory = Memory::new();
    let server = start(memory);
    let digest = Digest::of(b"0123456789");
    let path = format!("/v2/hello/blobs/uploads/?digest={digest}");
    let mut running = server.begin("POST", &path, &[("Content-Length", "10")]).await;
    running.write_all(b"01234").await.unwrap();
    let resting = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!server.task.is_finished());
    running.write_all(b"56789").await.unwrap();
    assert_eq!(finish(running).await.status, 201);
    tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("a resting connection holds nobody up").unwrap().unwrap();
    drop(resting);
}

#[tokio::test]
async fn what_still_runs_after_the_grace_is_cut_off() {
    let server = start_with(Memory::new(), Limits { grace: Duration::from_millis(100), ..Limits::default() });
    let mut running =
        server.begin("POST", &format!("/v2/hello/blobs/uploads/?digest={}", Digest::of(b"")), &[("Content-Length", "10")]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = Instant::now();
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(5), "it waited {:?}", stopped.elapsed());
    let mut rest = Vec::new();
    assert!(matches!(running.read_to_end(&mut rest).await, Ok(0) | Err(_)), "no answer: {}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_a_line_too() {
    let server = start(Memory::new());
    let mut stream =
        server.begin("POST", &format!("/v2/hello/blobs/uploads/?digest={}", Digest::of(b"")), &[("Content-Length", "10")]).await;
    stream.write_all(b"01234").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    let told = async {
        while server.log.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("nobody told of the request");
    let line = server.log.lock().unwrap().first().unwrap().clone();
    // Whether hyper sees the end of the body or that of the connection first is a race.
    assert!(line.method == "POST" && matches!(line.status, 400 | 499), "{line}");
}

#[tokio::test]
async fn who_never_ends_its_head_is_not_waited_for() {
    let server = start_with(Memory::new(), Limits { head_idle: Duration::from_millis(100), ..Limits::default() });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost:").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("the connection was kept").ok();
}

#[tokio::test]
async fn a_refused_upload_hears_why_while_it_is_still_sending() {
    let server = start(Memory::new());
    let bytes = vec![0; 8 * 1024 * 1024];
    let answer = server.send("PUT", "/v2/Hello/manifests/1", &[], &bytes).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "NAME_INVALID"));
    // Who asks first is told before it sends anything.
    let asking = server.begin("PUT", "/v2/Hello/manifests/1", &[("Content-Length", "8388608"), ("Expect", "100-continue")]).await;
    assert_eq!(finish(asking).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_once() {
    let memory = Memory::new();
    tagged(&memory, "1.0").await;
    let server = start(memory);
    let resting: Vec<TcpStream> =
        futures_util::future::join_all((0..200).map(|_| async { TcpStream::connect(server.address).await.unwrap() })).await;
    let answers = futures_util::future::join_all((0..100).map(|_| server.get("/v2/hello/manifests/1.0"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.is_whole()));
    drop(resting);
}

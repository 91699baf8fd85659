//! What every command of a build sees, from words, files and variables.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use engine::build::BuildFile;
use engine::context::Context as BuildContext;
use fault::Fault;
use sandbox::Resource;

use super::*;
use crate::args::Global;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    run: RunWords,
}

/// What the environment holds.
type Environment<'a> = &'a [(&'static str, &'a [u8])];

/// Reads a line, in an environment, for platforms with these build arguments.
fn read(words: &[&str], environment: Environment<'_>, arguments: &[&[(&str, &str)]]) -> Result<Settings, RunningError> {
    let line = Line::try_parse_from(["build"].iter().chain(words)).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let mut context = Context::read(line.global);
    let variables: BTreeMap<String, OsString> =
        environment.iter().map(|(key, value)| ((*key).to_owned(), OsString::from_vec(value.to_vec()))).collect();
    context.variables = Arc::new(move |name| variables.get(name).cloned());
    let source = dockerfile::Source::new("Dockerfile", "FROM scratch");
    let file = Arc::new(BuildFile { parsed: dockerfile::parse(&source).unwrap(), source, material: None });
    let target = |arguments: &&[(&str, &str)]| Target {
        platform: "linux/amd64".parse().unwrap(),
        is_optional: false,
        file: file.clone(),
        arguments: arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        context: Arc::new(BuildContext::seen("nothing", Arc::new(engine::files::Files::default()))),
        contexts: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    let given = given(&context, &line.run)?;
    settings(&line.run, &arguments.iter().map(target).collect::<Vec<_>>(), &DockerProxies::default(), given)
}

fn said(words: &[&str], environment: Environment<'_>) -> (String, String) {
    let error = read(words, environment, &[&[]]).unwrap_err();
    assert_eq!(error.kind(), fault::Kind::Usage);
    (error.to_string(), error.hint().map(|hint| hint.to_string()).unwrap_or_default())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn without_words_everything_is_usual() {
    let (got, usual) = (read(&[], &[], &[&[]]).unwrap(), Settings::default());
    assert_eq!(format!("{got:?}"), format!("{usual:?}"));
}

#[test]
fn the_network_is_this_machines_or_none() {
    let network = |words: &[&str]| {
        let settings = read(words, &[], &[&[]]).unwrap();
        (settings.network, settings.rights.network_host, settings.rights.insecure)
    };
    assert_eq!(network(&["--network=default"]), (Access::Host, false, false));
    assert_eq!(network(&["--network=host"]), (Access::Host, true, false));
    assert_eq!(network(&["--network=none"]), (Access::None, false, false));
    assert_eq!(network(&["--network=none", "--allow=network.host"]), (Access::None, true, false));
    assert_eq!(network(&["--allow", "security.insecure"]), (Access::Host, false, true));
}

#[test]
fn hosts_limits_and_memory_are_as_they_are_said() {
    let settings =
        read(&["--add-host=a:1.2.3.4,::1", "--add-host=b=5.6.7.8", "--ulimit=core=0", "--ulimit=core=1:2", "--shm-size=1g"], &[], &[&[]])
            .unwrap();
    let hosts: Vec<String> = settings.hosts.iter().map(|(name, address)| format!("{name} {address}")).collect();
    assert_eq!(hosts, ["a 1.2.3.4", "a ::1", "b 5.6.7.8"]);
    assert_eq!(settings.limits.iter().map(|limit| (limit.resource, limit.soft)).collect::<Vec<_>>(), [(Resource::Core, Some(1))]);
    assert_eq!(settings.shared_memory, 1 << 30);
    // As in BuildKit.
    assert_eq!(read(&["--shm-size=0"], &[], &[&[]]).unwrap().shared_memory, Settings::default().shared_memory);
}

#[test]
fn a_secret_is_read_from_a_file_or_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("npmrc");
    fs::write(&path, b"of the file\n\xff").unwrap();
    let path = shown(&path);
    let (file, either) = (format!("id=file,src={path}"), format!("id={path}"));
    let words =
        ["--secret", &file, "--secret=id=variable,env=TOKEN", "--secret=id=TOKEN", "--secret", &either, "--secret=id=empty,env=EMPTY"];
    let settings = read(&words, &[("TOKEN", b"of the variable \xff"), ("EMPTY", b"")], &[&[]]).unwrap();
    let content = |id: &str| settings.secrets[id].content().to_vec();
    assert_eq!(content("file"), b"of the file\n\xff");
    assert_eq!(content(&path), b"of the file\n\xff");
    assert_eq!((content("variable"), content("TOKEN")), (b"of the variable \xff".to_vec(), b"of the variable \xff".to_vec()));
    assert_eq!(content("empty"), b"");
    assert!(!format!("{settings:?}").contains("of the"), "{settings:?}");
    // The variable counts over the file, and the later word over the one before.
    let (first, second) = (format!("id=token,src={path}"), "id=token,env=TOKEN");
    assert_eq!(read(&["--secret", &first, "--secret", second], &[("TOKEN", b"x")], &[&[]]).unwrap().secrets["token"].content(), b"x");
}

#[test]
fn a_secret_that_cannot_be_had_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = shown(&folder.path().join("missing"));
    let (error, hint) = said(&["--secret", &format!("id=token,src={missing}")], &[]);
    assert_eq!(error, format!("secret token: nothing is at {missing}"));
    assert_eq!(hint, "name it from the folder you are in: --secret id=token,src=FILE");
    let (error, hint) = said(&["--secret=id=token,env=TOKEN"], &[("token", b"x")]);
    assert_eq!((error.as_str(), hint.as_str()), ("secret token: the variable TOKEN is not set", "export TOKEN"));
    let (error, _) = said(&["--secret", &format!("id={missing}")], &[]);
    assert_eq!(error, format!("secret {missing}: expected a variable or a file of that name, found neither"));
    let (error, _) = said(&["--secret", &format!("id=token,src={}", shown(folder.path()))], &[]);
    assert_eq!(error, format!("secret token: cannot read {}", shown(folder.path())));
}

#[test]
fn a_secret_has_at_most_500_kib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let mut long = vec![b'a'; 500 * 1024];
    fs::write(&path, &long).unwrap();
    let word = format!("id=token,src={}", shown(&path));
    assert_eq!(read(&["--secret", &word], &[], &[&[]]).unwrap().secrets["token"].content(), long);
    long.push(b'a');
    fs::write(&path, &long).unwrap();
    assert_eq!(said(&["--secret", &word], &[]).0, "secret token is too long: expected at most 512000 bytes");
    assert_eq!(said(&["--secret=id=TOKEN"], &[("TOKEN", &long)]).0, "secret TOKEN is too long: expected at most 512000 bytes");
}

#[test]
fn an_agent_is_a_socket_at_which_somebody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, key) = (folder.path().join("agent"), folder.path().join("id_ed25519"));
    let listener = UnixListener::bind(&socket).unwrap();
    fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----").unwrap();
    let (socket, key) = (shown(&socket), shown(&key));
    let named = format!("git={socket}");
    let agents = read(&["--ssh=default", "--ssh", &named], &[("SSH_AUTH_SOCK", socket.as_bytes())], &[&[]]).unwrap().agents;
    assert_eq!(agents, BTreeMap::from([("default".to_owned(), socket.clone().into()), ("git".to_owned(), socket.clone().into())]));
    let (error, hint) = said(&["--ssh", &format!("git={key},{key}")], &[]);
    assert_eq!(error, format!("ssh agent git: expected the socket of an agent, got the file {key}"));
    assert_eq!(hint, format!("give the key to your agent: `ssh-add {key}`, and name that: --ssh git"));
    let missing = "--ssh=git=/nowhere/agent";
    for (words, said_of_it) in [
        (vec![missing], "ssh agent git: nothing is at /nowhere/agent".to_owned()),
        (
            vec!["--ssh", &format!("git={}", shown(folder.path()))],
            format!("ssh agent git: expected the socket of an agent, got {}", shown(folder.path())),
        ),
        (vec!["--ssh", &format!("git={socket},{socket}")], "ssh agent git: expected one socket, got two".to_owned()),
        (vec!["--ssh", &named, "--ssh", &named], "ssh agent git: expected one socket, got two".to_owned()),
        (vec!["--ssh=default"], "ssh agent default: expected the path of its socket, and SSH_AUTH_SOCK is not set".to_owned()),
    ] {
        assert_eq!(said(&words, &[]).0, said_of_it);
    }
    drop(listener);
    assert_eq!(said(&["--ssh", &named], &[]).0, format!("ssh agent git: nobody answers at {socket}"));
}

#[test]
fn arguments_for_the_builder_are_about_the_whole_build() {
    let own: &[(&str, &str)] =
        &[("BUILDKIT_SANDBOX_HOSTNAME", "machine"), ("BUILDKIT_CACHE_MOUNT_NS", "mine"), ("https_proxy", "http://me:hunter2@proxy")];
    let settings = read(&[], &[], &[own, own]).unwrap();
    assert_eq!((settings.hostname.as_deref(), settings.cache_namespace.as_str()), (Some("machine"), "mine"));
    let proxies: Vec<&str> = settings.proxies.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(proxies, ["HTTPS_PROXY", "https_proxy"]);
    let error = read(&[], &[], &[own, &[]]).unwrap_err();
    assert!(
        error.to_string().starts_with("--build-arg HTTPS_PROXY differs by platform") && !error.to_string().contains("hunter2"),
        "{error}"
    );
    for key in ["BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_CACHE_MOUNT_NS"] {
        let error = read(&[], &[], &[&[(key, "a")], &[(key, "b")]]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("--build-arg {key} differs by platform")), "{error}");
    }
    assert_eq!(read(&[], &[], &[&[("BUILDKIT_SANDBOX_HOSTNAME", "")]]).unwrap().hostname, None);
    for name in ["a b", "a\n", &"a".repeat(65)] {
        let error = read(&[], &[], &[&[("BUILDKIT_SANDBOX_HOSTNAME", name)]]).unwrap_err();
        assert!(matches!(error, RunningError::Hostname(_)), "{error}");
    }
}

//! Everything that comes from outside the arguments: environment, home, terminal, clock. Read once.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use remote::{GivenLogin, HostRule, Proxies, RegistriesFile};

use crate::args::Global;

/// Variables of the environment, by their names.
pub type Variables = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The surroundings of one run.
#[derive(Clone)]
pub struct Context {
    /// The flags that every verb has.
    pub global: Global,
    /// Folder of the local store.
    pub store: PathBuf,
    /// Logins that the person wrote down, each for one host.
    pub given: Vec<GivenLogin>,
    /// Folder of docker's config.json.
    pub docker_config: Option<PathBuf>,
    /// Podman's auth.json files, read only, nearest first.
    pub auth_files: Vec<PathBuf>,
    /// Files and folders of registries.conf, later ones counting over those before.
    pub registries: Vec<RegistriesFile>,
    /// Folders with one folder of certificates per registry.
    pub certificate_folders: Vec<PathBuf>,
    /// The Docker Engine's address.
    pub docker_host: Option<String>,
    /// Folder of ca.pem, cert.pem and key.pem for an engine over TLS.
    pub docker_certificates: Option<PathBuf>,
    /// Registries that are asked by HTTP where they speak no TLS.
    pub fallback: HostRule,
    /// Proxies, as everybody's environment names them.
    pub proxies: Proxies,
    /// Folders with programs, for credential helpers.
    pub programs: Vec<PathBuf>,
    /// Where anonymous temporary files go.
    pub scratch: PathBuf,
    /// Whether stderr is a terminal that wants colour.
    pub colour: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Whether stderr is a terminal.
    pub screen: bool,
    /// Whether stdin is a terminal, on which somebody can be asked.
    pub keyboard: bool,
    /// Any other variable of the environment, by its name.
    pub variables: Variables,
    /// The clock.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

/// An environment variable that polyarch reads, for `help environment`.
pub const VARIABLES: [(&str, &str); 21] = [
    ("POLYARCH_STORE", "folder of the local store"),
    ("XDG_DATA_HOME", "its parent where POLYARCH_STORE is not set (else ~/.local/share)"),
    ("DOCKER_CONFIG", "folder of docker's config.json: credentials and credential helpers"),
    ("REGISTRY_AUTH_FILE", "podman's auth.json, read only, after docker's"),
    ("CONTAINERS_REGISTRIES_CONF", "registries.conf, in the place of all others"),
    ("XDG_RUNTIME_DIR", "where podman keeps auth.json otherwise (containers/auth.json)"),
    ("DOCKER_HOST", "the Docker Engine for docker-daemon: (unix://, tcp://)"),
    ("DOCKER_CERT_PATH", "certificates for a tcp:// engine"),
    ("DOCKER_TLS_VERIFY", "speak TLS to a tcp:// engine where it is not empty"),
    ("HTTPS_PROXY, HTTP_PROXY", "proxies for registries (lower case too)"),
    ("NO_PROXY", "hosts that are reached without a proxy (lower case too)"),
    ("REQUEST_METHOD", "marks a CGI script: HTTP_PROXY in capitals is not read then"),
    ("SOURCE_DATE_EPOCH", "seconds since 1970: every time in a built image, and the newest of its files"),
    ("POLYARCH_DOWNLOAD_LIMIT", "the largest file that a build downloads (16GB), so that none fills the disk"),
    ("DOCKER_DEFAULT_PLATFORM", "platforms of a build without --platform"),
    ("SSH_AUTH_SOCK", "the SSH agent of `build --ssh ID` where no socket is named"),
    ("NO_COLOR", "no colour"),
    ("TERM", "what the terminal can do; where it is `dumb` or not set, progress is told in lines"),
    ("PATH", "where credential helpers (docker-credential-NAME) are found"),
    ("TMPDIR", "where temporary files go"),
    ("HOME", "the folder that is written ~ here: ~/.docker, ~/.config/containers, ~/.local/share"),
];

impl Context {
    /// Returns a variable of the environment that somebody named, as `--build-arg NAME` does.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)?.into_string().ok()
    }

    /// Reads the surroundings.
    pub fn read(global: Global) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME").or_else(std::env::home_dir);
        let below_home = |parts: &[&str]| home.as_ref().map(|home| parts.iter().fold(home.clone(), |path, part| path.join(part)));
        let store = global
            .store
            .clone()
            .or_else(|| path("POLYARCH_STORE"))
            .or_else(|| path("XDG_DATA_HOME").or_else(|| below_home(&[".local", "share"])).map(|data| data.join("polyarch")))
            .unwrap_or_else(|| PathBuf::from(".polyarch"));
        let docker_config = global.config.clone().or_else(|| path("DOCKER_CONFIG")).or_else(|| below_home(&[".docker"]));
        let runtime = path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers").join("auth.json"));
        let auth_files = match path("REGISTRY_AUTH_FILE") {
            Some(file) => vec![file],
            None => runtime.into_iter().chain(below_home(&[".config", "containers", "auth.json"])).collect(),
        };
        let certificate_folders = [
            below_home(&[".docker", "certs.d"]),
            below_home(&[".config", "containers", "certs.d"]),
            Some(PathBuf::from("/etc/docker/certs.d")),
            Some(PathBuf::from("/etc/containers/certs.d")),
        ];
        let own = below_home(&[".config", "containers"]);
        let registries = registries(path("CONTAINERS_REGISTRIES_CONF"), own.as_deref());
        Self {
            registries,
            store,
            docker_config,
            auth_files,
            certificate_folders: certificate_folders.into_iter().flatten().collect(),
            docker_host: variable("DOCKER_HOST"),
            docker_certificates: variable("DOCKER_TLS_VERIFY").and_then(|_| path("DOCKER_CERT_PATH").or_else(|| below_home(&[".docker"]))),
            fallback: HostRule::None,
            given: Vec::new(),
            proxies: Proxies {
                // To a CGI script the client's Proxy header comes as HTTP_PROXY (CVE-2016-5386).
                http: if variable("REQUEST_METHOD").is_some() { variable("http_proxy") } else { either("HTTP_PROXY") },
                https: either("HTTPS_PROXY"),
                except: either("NO_PROXY"),
            },
            programs: std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            scratch: std::env::temp_dir(),
            colour: variable("NO_COLOR").is_none() && std::io::stderr().is_terminal(),
            terminal: std::io::stdout().is_terminal(),
            screen: std::io::stderr().is_terminal(),
            keyboard: std::io::stdin().is_terminal(),
            variables: Arc::new(|name| std::env::var_os(name)),
            now: Arc::new(SystemTime::now),
            global,
        }
    }
}

/// Lists the files of registries.conf as containers/image does (pkg/sysregistriesv2): a named one
/// alone; else the person's or the machine's, then the pieces beside both.
fn registries(named: Option<PathBuf>, own: Option<&Path>) -> Vec<RegistriesFile> {
    if let Some(path) = named {
        return vec![RegistriesFile { path, own: true, named: true }];
    }
    let file = |path: PathBuf, own| RegistriesFile { path, own, named: false };
    let machine = Path::new("/etc/containers");
    let main = own.map(|own| own.join("registries.conf")).filter(|path| path.exists());
    let main = main.map_or_else(|| file(machine.join("registries.conf"), false), |path| file(path, true));
    let pieces = own.map(|own| file(own.join("registries.conf.d"), true));
    [main, file(machine.join("registries.conf.d"), false)].into_iter().chain(pieces).collect()
}

//! Files of the machine that a process sees: names and addresses.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;

use sandbox::Network;

/// Where systemd keeps the servers that its own one on this machine asks.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Its own one.
const STUB: &str = "127.0.0.53";

/// Returns `/etc/hosts`.
pub(super) fn hosts(hostname: &str, hosts: &[(String, IpAddr)]) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (name, address) in hosts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{address}\t{name}");
    }
    text
}

/// Returns `/etc/resolv.conf`: this machine's, as far as it means something to who sees that of the network.
pub(super) fn resolv(network: Network) -> String {
    let own = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    match network {
        Network::Host => own,
        Network::None => {
            let text = if only(&own, STUB) { fs::read_to_string(RESOLVED).unwrap_or(own) } else { own };
            text.lines().filter(|line| server(line).is_none_or(|server| !is_loopback(server))).map(|line| format!("{line}\n")).collect()
        }
    }
}

fn server(line: &str) -> Option<&str> {
    line.trim().strip_prefix("nameserver")?.split_whitespace().next()
}

fn only(text: &str, address: &str) -> bool {
    let mut servers = text.lines().filter_map(server).peekable();
    servers.peek().is_some() && servers.all(|server| server == address)
}

fn is_loopback(server: &str) -> bool {
    server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

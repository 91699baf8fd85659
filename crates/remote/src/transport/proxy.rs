//! Which requests go through a proxy.

use reqwest::Proxy;

use crate::error::Cause;
use crate::wire::is_loopback;
use crate::{Proxies, RemoteError};

/// Returns the proxies for one host; none for this machine and for what `NO_PROXY` names.
pub(super) fn proxies_for(proxies: &Proxies, host: &str) -> Result<Vec<Proxy>, RemoteError> {
    if is_loopback(host) || proxies.except.as_deref().is_some_and(|list| is_excepted(list, host)) {
        return Ok(Vec::new());
    }
    let make = |scheme: &'static str, address: &Option<String>, build: fn(String) -> reqwest::Result<Proxy>| {
        let Some(address) = address.as_ref().filter(|address| !address.is_empty()) else { return Ok(None) };
        let address = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        // The error's own text could repeat the address, and with it a password.
        build(address).map(Some).map_err(|_| RemoteError::Proxy { scheme, source: Cause::new("expected http://HOST:PORT") })
    };
    let both = [make("http", &proxies.http, Proxy::http)?, make("https", &proxies.https, Proxy::https)?];
    Ok(both.into_iter().flatten().collect())
}

/// Reads `NO_PROXY` as curl does: names also stand for what lies below them, a port must match
/// where one is written, `*` is everything. Address blocks (`10.0.0.0/8`) are understood too.
fn is_excepted(list: &str, host: &str) -> bool {
    let (name, port) = split_port(host);
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let (Some((base, bits)), Ok(address)) = (entry.split_once('/'), name.parse::<std::net::IpAddr>()) {
            return in_block(base, bits, address);
        }
        let (entry_name, entry_port) = split_port(entry);
        let entry_name = entry_name.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        let name = name.to_ascii_lowercase();
        let below = name.strip_suffix(&entry_name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        !entry_name.is_empty() && below && (entry_port.is_none() || entry_port == port)
    })
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, port) = rest.split_once(']').unwrap_or((rest, ""));
        return (name, port.strip_prefix(':'));
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, Some(port)),
        _ => (host, None),
    }
}

fn in_block(base: &str, bits: &str, address: std::net::IpAddr) -> bool {
    use std::net::IpAddr::{V4, V6};
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (base.parse(), address) {
        (Ok(V4(base)), V4(address)) if bits <= 32 => (base.to_bits() ^ address.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0,
        (Ok(V6(base)), V6(address)) if bits <= 128 => (base.to_bits() ^ address.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exceptions() {
        for (list, host, expected) in [
            ("example.com", "example.com", true),
            ("example.com", "reg.example.com:5000", true),
            (".example.com", "reg.example.com", true),
            ("*.example.com", "reg.example.com", true),
            ("example.com", "badexample.com", false),
            ("example.com:443", "example.com:5000", false),
            ("example.com:5000", "example.com:5000", true),
            ("a, b,reg.lan", "reg.lan:5000", true),
            ("10.0.0.0/8", "10.1.2.3:5000", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("fd00::/8", "[fd12::1]:5000", true),
            ("*", "anything", true),
            ("", "anything", false),
        ] {
            assert_eq!(is_excepted(list, host), expected, "{list} {host}");
        }
    }

    #[test]
    fn this_machine_is_never_behind_a_proxy() {
        let proxies = Proxies { http: Some("http://proxy:3128".to_owned()), https: Some("proxy:3128".to_owned()), except: None };
        assert_eq!(proxies_for(&proxies, "127.0.0.1:5000").unwrap().len(), 0);
        assert_eq!(proxies_for(&proxies, "reg.lan:5000").unwrap().len(), 2);
    }

    #[test]
    fn a_bad_proxy_is_not_repeated() {
        let proxies = Proxies { http: Some("http://user:hunter2@[".to_owned()), ..Proxies::default() };
        let error = proxies_for(&proxies, "reg.lan").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

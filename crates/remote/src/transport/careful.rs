//! Addresses that only machines themselves ask: link-local ones, where clouds tell a machine its own credentials.
//!
//! Whoever writes a Dockerfile, or a server that redirects, must not make the machine that builds ask there and ship the answer.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Addresses of metadata services that are not link-local: Amazon's by IPv6, Alibaba's, Azure's, Oracle's.
const SERVICES: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Names of metadata services; a proxy may resolve them where nobody looks.
const NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// Resolves names as the system does, and no name to such an address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Careful;

impl Resolve for Careful {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|address| is_forbidden(address.ip())) {
                Some(address) => Err(Box::new(Forbidden(address.ip())) as Box<dyn Error + Send + Sync>),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// A name leads to an address that is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forbidden(pub(crate) IpAddr);

impl fmt::Display for Forbidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "its address is {}", self.0)
    }
}

impl Error for Forbidden {}

/// Tells whether a URL names such an address, or a service by its name; what other names lead to is seen when they are resolved.
pub(crate) fn names_forbidden(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_forbidden(address.into()),
        Some(Host::Ipv6(address)) => is_forbidden(address.into()),
        Some(Host::Domain(name)) => NAMES.contains(&name.trim_end_matches('.').to_ascii_lowercase().as_str()),
        None => false,
    }
}

/// Looks whether a host is one that is not asked; its address is told where it is not its name.
pub(crate) async fn forbidden_address(host: &str) -> Option<Option<IpAddr>> {
    if let Ok(address) = host.parse() {
        return is_forbidden(address).then_some(None);
    }
    if NAMES.contains(&host.trim_end_matches('.').to_ascii_lowercase().as_str()) {
        return Some(None);
    }
    let found = tokio::net::lookup_host((host, 0)).await.ok()?;
    found.map(|address| address.ip()).find(|address| is_forbidden(*address)).map(Some)
}

fn is_forbidden(address: IpAddr) -> bool {
    let is_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => match inner(address) {
            Some(inner) => return is_forbidden(inner.into()),
            None => address.segments()[0] & 0xffc0 == 0xfe80,
        },
    };
    is_local || SERVICES.contains(&address)
}

/// Returns the address of IPv4 that one of IPv6 stands for: mapped (RFC 4291), behind NAT64 (RFC 6052), or by 6to4 (RFC 3056).
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [first, second, third, .., high, low] = address.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (first, second) {
        (0x64, 0xff9b) => Some(pair(high, low)),
        (0x2002, _) => Some(pair(second, third)),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_clouds_tell_their_machines_is_not_asked() {
        for (url, expected) in [
            ("http://169.254.169.254/latest/meta-data", true),
            ("http://0xa9fea9fe/", true),
            ("http://2852039166/", true),
            ("http://[fd00:ec2::254]/", true),
            ("http://[fe80::1]/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://[64:ff9b::a9fe:a9fe]/", true),
            ("http://[2002:a9fe:a9fe::]/", true),
            ("http://METADATA.google.internal./", true),
            ("http://100.100.100.200/", true),
            ("http://127.0.0.1/", false),
            ("http://10.0.0.1/", false),
            ("http://[fd00::1]/", false),
            ("http://[::1]/", false),
            ("https://example.com/169.254.169.254", false),
        ] {
            assert_eq!(names_forbidden(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_resolved() {
        let found = Careful.resolve("localhost".parse().unwrap()).await.unwrap();
        assert!(found.count() > 0);
    }
}

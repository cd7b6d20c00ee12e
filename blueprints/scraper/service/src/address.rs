//! Which addresses may be connected to: those of the public internet, and networks that the operator allows.
//!
//! What must always hold: a name is resolved once for a connection, each address is checked, and only checked ones are
//! connected to. An address that stands in a URL itself never comes to the resolver, so whoever fetches checks each URL.

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

/// A block of addresses: `10.0.0.0/8`, `::1/128`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    const fn v4(a: u8, b: u8, c: u8, bits: u8) -> Self {
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), bits }
    }

    const fn v6(first: u16, second: u16, bits: u8) -> Self {
        Self { base: IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0)), bits }
    }

    /// Whether an address lies in it.
    #[must_use]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(base) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(base) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no network such as 127.0.0.0/8");
        let (base, bits) =
            text.trim().split_once('/').map_or((text.trim(), None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { base, bits }) }
    }
}

/// What isn't the public internet (IANA IPv4 Special-Purpose Address Registry; multicast, RFC 5771).
const PRIVATE_V4: [Network; 15] = [
    Network::v4(0, 0, 0, 8),
    Network::v4(10, 0, 0, 8),
    Network::v4(100, 64, 0, 10),
    Network::v4(127, 0, 0, 8),
    Network::v4(169, 254, 0, 16),
    Network::v4(172, 16, 0, 12),
    Network::v4(192, 0, 0, 24),
    Network::v4(192, 0, 2, 24),
    Network::v4(192, 88, 99, 24),
    Network::v4(192, 168, 0, 16),
    Network::v4(198, 18, 0, 15),
    Network::v4(198, 51, 100, 24),
    Network::v4(203, 0, 113, 24),
    Network::v4(224, 0, 0, 4),
    Network::v4(240, 0, 0, 4),
];

/// What is: global unicast, without what stands for other addresses or for none (IANA IPv6 Special-Purpose Address
/// Registry): protocol assignments with Teredo, documentation, 6to4.
const PUBLIC_V6: Network = Network::v6(0x2000, 0, 3);
const SPECIAL_V6: [Network; 4] = [
    Network::v6(0x2001, 0, 23),
    Network::v6(0x2001, 0xdb8, 32),
    Network::v6(0x2002, 0, 16),
    Network::v6(0x3fff, 0, 20),
];

/// An address that isn't connected to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} isn't an address of the public internet, so it isn't fetched.", self.0)
    }
}

impl std::error::Error for Refused {}

/// What may be connected to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Policy {
    allowed: Arc<[Network]>,
}

impl Policy {
    /// The public internet, and these.
    #[must_use]
    pub(crate) fn allowing(networks: &[Network]) -> Self {
        Self { allowed: networks.into() }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        // An IPv4 address in the clothes of IPv6 is what it is.
        let address = address.to_canonical();
        if self.allowed.iter().any(|network| network.contains(address)) {
            return true;
        }
        match address {
            IpAddr::V4(_) => !PRIVATE_V4.iter().any(|network| network.contains(address)),
            IpAddr::V6(_) => {
                PUBLIC_V6.contains(address) && !SPECIAL_V6.iter().any(|network| network.contains(address))
            }
        }
    }

    /// Refuses a URL whose host is an address that may not be connected to. Names are checked once they are resolved.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let Some(host) = url.host_str() else { return Err(Refused(url.to_string())) };
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse::<IpAddr>() {
            Ok(address) if !self.permits(address) => Err(Refused(literal.to_owned())),
            _ => Ok(()),
        }
    }
}

impl Resolve for Policy {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted: Vec<SocketAddr> = found.filter(|address| policy.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(Refused(name.as_str().to_owned()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &Policy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn what_is_not_the_public_internet_is_refused() {
        let policy = Policy::default();
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!permits(&policy, address), "{address}");
        }
        for address in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
            assert!(permits(&policy, address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_permitted_and_nothing_else() {
        let policy = Policy::allowing(&["127.0.0.0/8".parse().unwrap(), "fd00::5".parse().unwrap()]);
        assert!(permits(&policy, "127.9.9.9") && permits(&policy, "::ffff:127.0.0.1"));
        assert!(permits(&policy, "fd00::5") && !permits(&policy, "fd00::6"));
        assert!(!permits(&policy, "10.0.0.1"));
    }

    #[test]
    fn an_address_in_a_url_is_checked_however_it_is_written() {
        let policy = Policy::default();
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:7f00:1]/",
            "http://127.1:80/",
            "http://[::1]/",
        ] {
            assert!(policy.check_url(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert!(policy.check_url(&Url::parse("http://shop.example.com/").unwrap()).is_ok());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "127.0.0.0/33", "localhost", "::/129", "10.0.0.0/x"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}

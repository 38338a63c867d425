//! IP addresses and CIDR ranges as patterns see them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a text writes, where it writes one; an IPv6 form of an IPv4 address is that IPv4 address.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(v4));
    }
    // AWS knows IPv6 only in hexadecimal digits and colons: no dots, no zone.
    if !text.bytes().all(|byte| byte == b':' || byte.is_ascii_hexdigit()) {
        return None;
    }
    let v6: Ipv6Addr = text.parse().ok()?;
    Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4))
}

/// The addresses from the one written to the last one of its network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cidr {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
}

impl Cidr {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim_end_matches('/').split('/').collect();
        let [address, bits] = parts[..] else { return Err("Malformed CIDR, one '/' required".to_owned()) };
        let bits: i32 = bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer")?;
        let bits = u32::try_from(bits).map_err(|_| "Malformed CIDR, mask bits must not be negative")?;
        let first = parse(address).ok_or_else(|| format!("Nonstandard IP address: {address}"))?;
        let last = match first {
            IpAddr::V4(_) if bits > 31 => return Err("IPv4 mask bits must be < 32".to_owned()),
            IpAddr::V6(_) if bits > 127 => return Err("IPv6 mask bits must be < 128".to_owned()),
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() | (u32::MAX >> bits))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() | (u128::MAX >> bits))),
        };
        Ok(Self { first, last })
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        parse(text).is_some_and(|address| {
            address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
        })
    }
}

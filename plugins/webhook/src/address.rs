//! Which addresses the public internet reaches. Whoever may name a URL must not have this machine, its network or its cloud
//! told for him.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why `address` is not told, in a sentence; `None`: it may be.
pub(crate) fn not_public(address: IpAddr) -> Option<String> {
    let what = special(address)?;
    Some(format!(
        "{address} is no public address ({what}), expected one; `allow_private`, or `--private-webhooks` for those of the API, permits it"
    ))
}

/// What an address is for, where it is not reachable from everywhere, as the registries of special addresses say.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// Networks: an address in them, how many bits are theirs, what they are for.
const V4: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // Where clouds tell a machine its credentials.
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a protocol's"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay's"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::BROADCAST, 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// As [`V4`], a narrower network before one that it is in. Those that hold an IPv4 address are refused whole: by a
/// translator they lead to any.
const V6: [(Ipv6Addr, u32, &str); 17] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (v6(0, 0, 0), 96, "IPv4-compatible"),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        "IPv4-mapped",
    ),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0),
        96,
        "IPv4-translated",
    ),
    (v6(0x64, 0xff9b, 0), 96, "IPv4-translating"),
    (v6(0x64, 0xff9b, 1), 48, "IPv4-translating"),
    (v6(0x100, 0, 0), 64, "discarding"),
    (v6(0x2001, 0, 0), 32, "IPv4-tunnelling"),
    (v6(0x2001, 0, 0), 23, "a protocol's"),
    (v6(0x2001, 0xdb8, 0), 32, "documentation"),
    (v6(0x2002, 0, 0), 16, "IPv4-tunnelling"),
    (v6(0x3fff, 0, 0), 20, "documentation"),
    (v6(0xfc00, 0, 0), 7, "private"),
    (v6(0xfe80, 0, 0), 10, "link-local"),
    (v6(0xfec0, 0, 0), 10, "site-local"),
    (v6(0xff00, 0, 0), 8, "multicast"),
];

/// All that is given out for the public internet.
const GLOBAL_V6: (Ipv6Addr, u32) = (v6(0x2000, 0, 0), 3);

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |network: Ipv4Addr, bits: u32| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
    };
    let found = V4.iter().find(|(network, bits, _)| is_in(*network, *bits));
    found.map(|(_, _, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let is_in = |network: Ipv6Addr, bits: u32| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits
    };
    let found = V6.iter().find(|(network, bits, _)| is_in(*network, *bits));
    match found {
        Some((_, _, what)) => Some(what),
        None if is_in(GLOBAL_V6.0, GLOBAL_V6.1) => None,
        None => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn special_at(address: &str) -> Option<&'static str> {
        special(address.parse().unwrap())
    }

    #[test]
    fn networks_of_special_use_end_where_they_end() {
        for (before, first, last, after) in [
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            (
                "100.63.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "100.128.0.0",
            ),
            (
                "126.255.255.255",
                "127.0.0.0",
                "127.255.255.255",
                "128.0.0.0",
            ),
            (
                "168.63.129.15",
                "168.63.129.16",
                "168.63.129.16",
                "168.63.129.17",
            ),
            (
                "169.253.255.255",
                "169.254.0.0",
                "169.254.255.255",
                "169.255.0.0",
            ),
            (
                "172.15.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "172.32.0.0",
            ),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            (
                "192.88.98.255",
                "192.88.99.0",
                "192.88.99.255",
                "192.88.100.0",
            ),
            (
                "192.167.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "192.169.0.0",
            ),
            (
                "198.17.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.20.0.0",
            ),
            (
                "198.51.99.255",
                "198.51.100.0",
                "198.51.100.255",
                "198.51.101.0",
            ),
            (
                "203.0.112.255",
                "203.0.113.0",
                "203.0.113.255",
                "203.0.114.0",
            ),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", ""),
            ("2000:ffff::", "2001::", "2001:1ff:ffff::", "2001:200::"),
            (
                "2001:db7:ffff::",
                "2001:db8::",
                "2001:db8:ffff::",
                "2001:db9::",
            ),
            ("2001:ffff::", "2002::", "2002:ffff::", "2003::"),
            ("3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"),
            ("3fff:ffff::", "4000::", "ffff:ffff::", ""),
            ("", "::", "1fff:ffff::", "2000::"),
        ] {
            for outside in [before, after].into_iter().filter(|end| !end.is_empty()) {
                assert_eq!(special_at(outside), None, "{outside}");
            }
            for inside in [first, last] {
                assert!(special_at(inside).is_some(), "{inside}");
            }
        }
    }

    #[test]
    fn special_addresses_are_called_what_they_are() {
        for (address, what) in [
            ("127.0.0.1", "loopback"),
            ("169.254.169.254", "link-local"),
            ("255.255.255.255", "broadcast"),
            ("255.255.255.254", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:8.8.8.8", "IPv4-translated"),
            ("64:ff9b::7f00:1", "IPv4-translating"),
            ("64:ff9b:1::1", "IPv4-translating"),
            ("100::1", "discarding"),
            ("2001::1", "IPv4-tunnelling"),
            ("2001:20::1", "a protocol's"),
            ("2002:7f00:1::", "IPv4-tunnelling"),
            ("fd00:ec2::254", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("5f00::1", "reserved"),
        ] {
            assert_eq!(special_at(address), Some(what), "{address}");
        }
        for public in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::"] {
            assert_eq!(special_at(public), None, "{public}");
        }
    }
}

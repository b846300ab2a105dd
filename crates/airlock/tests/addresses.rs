//! The table against a second one, written another way, and against the standard library.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use astrid_airlock::{Class, Nat64Prefix, judge, judge_with};
use proptest::prelude::*;

/// The blocks, each by its first and its last address.
const RANGES: [(&str, &str); 18] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.254"),
    ("255.255.255.255", "255.255.255.255"),
    ("169.254.169.254", "169.254.169.254"),
];

/// Whether an IPv4 address is blocked, by its first and last address of each block in order.
fn blocked_v4(address: Ipv4Addr) -> bool {
    let at = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    RANGES.iter().any(|(first, last)| (at(first)..=at(last)).contains(&address))
}

/// Whether an IPv6 address is blocked, by its text in full.
fn blocked_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let text: String = s.iter().map(|part| format!("{part:04x}")).collect();
    let tail = |from: usize| {
        let part = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        Ipv4Addr::new(part(from), part(from + 2), part(from + 4), part(from + 6))
    };
    if let Some(rest) = text.strip_prefix("00000000000000000000ffff") {
        assert_eq!(rest.len(), 8);
        return blocked_v4(tail(24));
    }
    if text.starts_with("0064ff9b0000000000000000") {
        return blocked_v4(tail(24));
    }
    let isatap = ["00005efe", "02005efe"].contains(&&text[16..24]) && blocked_v4(tail(24));
    let six_to_four = text.starts_with("2002") && blocked_v4(tail(4));
    // 2001::/23 is the first 512 values of the second group.
    let protocol = text.starts_with("2001") && s[1] < 0x200;
    let documentation = text.starts_with("20010db8") || text.starts_with("3fff0");
    !(text.starts_with('2') || text.starts_with('3')) || isatap || six_to_four || protocol || documentation
}

fn blocked(address: IpAddr) -> bool {
    judge(address) != Class::Public
}

// net case 2
#[test]
fn every_ipv4_address_of_the_chapter_is_blocked() {
    for text in "127.0.0.1 127.255.255.255 0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 169.254.169.254 172.16.0.1 \
                 172.31.255.255 192.0.0.8 192.0.2.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 \
                 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 192.88.99.1 100.100.100.200"
        .split(' ')
        .filter(|t| !t.is_empty())
    {
        assert!(blocked(text.parse().unwrap()), "{text}");
    }
}

// net case 3
#[test]
fn the_neighbours_of_each_ipv4_block_are_public() {
    for text in "9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 \
                 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 \
                 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 \
                 168.63.129.15 168.63.129.17 1.1.1.1 8.8.8.8"
        .split_whitespace()
    {
        assert!(!blocked(text.parse().unwrap()), "{text}");
    }
}

// net case 4
#[test]
fn every_ipv6_address_of_the_chapter_is_blocked() {
    for text in "::1 :: ::ffff:10.0.0.1 ::127.0.0.1 ::8.8.8.8 ::ffff:0:7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 \
                 2002:7f00:1:: 2001:0:808:808::1 2001:db8::1 3fff::1 2001:2::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 \
                 ff02::1 100::1 2a00::200:5efe:a00:1 100:0:0:1::1 5f00::1 2001:10::1 2001:20::1 4000::1"
        .split_whitespace()
    {
        assert!(blocked(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn public_ipv6_addresses_pass_also_when_they_carry_a_public_ipv4_address() {
    for text in "2606:4700:4700::1111 2001:4860:4860::8888 2001:200::1 64:ff9b::808:808 2002:808:808::1 ::ffff:8.8.8.8 \
                 2a00::5efe:808:808 3fff:1000::1 2001:db7:ffff::1 2001:db9::1"
        .split_whitespace()
    {
        assert!(!blocked(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn an_operators_nat64_prefix_is_judged_by_the_address_it_carries() {
    // Worked forms of 192.0.2.33 and 8.8.8.8 under each length (RFC 6052, 2.2).
    for (prefix, len, inside, public) in [
        ("2001:db8::", 32, "2001:db8:c000:221::", "2001:db8:808:808::"),
        ("2001:db8:100::", 40, "2001:db8:1c0:2:21::", "2001:db8:108:808:8::"),
        ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::", "2001:db8:122:808:8:800::"),
        ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::", "2001:db8:122:308:8:808::"),
        ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::", "2001:db8:122:344:8:808:800::"),
        ("2a00:1::", 96, "2a00:1::c000:221", "2a00:1::808:808"),
    ] {
        let prefix = [Nat64Prefix::new(prefix.parse().unwrap(), len).unwrap()];
        assert_eq!(judge_with(inside.parse().unwrap(), &prefix), Class::Embedded, "/{len}");
        assert_eq!(judge_with(public.parse().unwrap(), &prefix), Class::Public, "/{len}");
    }
    assert!(Nat64Prefix::new(Ipv6Addr::UNSPECIFIED, 72).is_err());
}

/// Addresses near the edges of blocks, where a wrong mask shows.
fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let seg = prop_oneof![Just(0u16), Just(0xffff), Just(0x5efe), Just(0x0200), Just(0x7f00), any::<u16>()];
    let first = prop_oneof![
        Just(0u16),
        Just(0x64),
        Just(0x100),
        Just(0x2001),
        Just(0x2002),
        Just(0x3fff),
        Just(0xfc00),
        Just(0xfe80),
        any::<u16>()
    ];
    let second = prop_oneof![
        Just(0u16),
        Just(2),
        Just(0x10),
        Just(0x1ff),
        Just(0x200),
        Just(0xdb8),
        Just(0xff9b),
        any::<u16>()
    ];
    (first, second, prop::collection::vec(seg, 6))
        .prop_map(|(a, b, r)| Ipv6Addr::new(a, b, r[0], r[1], r[2], r[3], r[4], r[5]))
}

// net cases 2 and 3
#[test]
fn the_two_ipv4_tables_agree_at_both_sides_of_every_edge() {
    for (first, last) in RANGES {
        let ends = [first, last].map(|text| text.parse::<Ipv4Addr>().unwrap().to_bits());
        for at in ends.into_iter().flat_map(|end| [end.wrapping_sub(1), end, end.wrapping_add(1)]) {
            let address = Ipv4Addr::from_bits(at);
            assert_eq!(blocked(address.into()), blocked_v4(address), "{address}");
        }
    }
}

/// Every family that issue and chapter name, as a network and its length; whole, whatever follows.
const FAMILIES: [(&str, &str, u32); 26] = [
    ("unspecified and compatible", "::", 96),
    ("translated", "::ffff:0:0:0", 96),
    ("local nat64", "64:ff9b:1::", 48),
    ("discard", "100::", 64),
    ("discard, second", "100:0:0:1::", 64),
    ("teredo", "2001::", 32),
    ("benchmark", "2001:2::", 48),
    ("orchid", "2001:10::", 28),
    ("orchid, second", "2001:20::", 28),
    ("protocol", "2001::", 23),
    ("documentation", "2001:db8::", 32),
    ("documentation, second", "3fff::", 20),
    ("segment routing", "5f00::", 16),
    ("unique local", "fc00::", 7),
    ("link local", "fe80::", 10),
    ("site local", "fec0::", 10),
    ("multicast", "ff00::", 8),
    ("mapped private", "::ffff:10.0.0.0", 104),
    ("mapped loopback", "::ffff:127.0.0.0", 104),
    ("mapped cgnat", "::ffff:100.64.0.0", 106),
    ("mapped benchmark", "::ffff:198.18.0.0", 111),
    ("mapped link local", "::ffff:169.254.0.0", 112),
    ("nat64 private", "64:ff9b::10.0.0.0", 104),
    ("6to4 private", "2002:a00::", 24),
    ("6to4 link local", "2002:a9fe::", 32),
    ("outside 2000::/3", "8000::", 1),
];

proptest! {
    #[test]
    fn whole_families_are_blocked_whatever_the_rest_of_an_address_is(rest in any::<u128>()) {
        for (family, network, len) in FAMILIES {
            let mask = u128::MAX.checked_shl(128 - len).unwrap();
            let network: Ipv6Addr = network.parse().unwrap();
            let address = Ipv6Addr::from_bits(network.to_bits() & mask | rest & !mask);
            prop_assert!(blocked(address.into()), "{}: {}", family, address);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_two_ipv4_tables_agree(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(blocked(address.into()), blocked_v4(address));
    }

    #[test]
    fn the_two_ipv6_tables_agree(address in v6()) {
        prop_assert_eq!(blocked(address.into()), blocked_v6(address), "{}", address);
    }

    #[test]
    fn what_the_standard_library_knows_is_blocked(bits in any::<u32>(), six in v6()) {
        let four = Ipv4Addr::from_bits(bits);
        if four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
            || four.is_broadcast() || four.is_documentation() || four.is_unspecified()
        {
            prop_assert!(blocked(four.into()));
        }
        if six.is_unique_local() || six.is_unicast_link_local() || six.is_multicast() || six.is_loopback()
            || six.is_unspecified()
        {
            prop_assert!(blocked(six.into()));
        }
    }

    #[test]
    fn a_mapped_address_is_judged_as_its_ipv4_address(bits in any::<u32>()) {
        let four = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(judge(four.to_ipv6_mapped().into()), judge(four.into()));
    }

    #[test]
    fn an_embedded_private_address_blocks_the_whole(bits in any::<u32>()) {
        let four = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = four.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for six in [
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
            Ipv6Addr::new(0x2a00, 1, 2, 3, 0x0200, 0x5efe, high, low),
        ] {
            prop_assert_eq!(blocked(six.into()), blocked_v4(four), "{}", six);
        }
    }
}

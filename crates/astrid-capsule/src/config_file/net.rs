//! The keys of `[net]` and `[uplink]`.

use std::net::Ipv6Addr;

use astrid_airlock::Nat64Prefix;
use toml_edit::Item;

use super::{Entry, Takes, Wrong, lists};

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        section: "net",
        key: "block_own_addresses",
        takes: Takes::Flag(|config, block| config.block_own_addresses = block),
    },
    Entry { section: "net", key: "nat64_prefixes", takes: Takes::Nat64 },
    Entry {
        section: "uplink",
        key: "control",
        takes: Takes::Capsule(|config, capsule| config.uplink_control = Some(capsule)),
    },
];

/// `net.nat64_prefixes`: each an IPv6 network and its length.
pub(super) fn nat64(into: &mut Vec<Nat64Prefix>, item: &Item) -> Result<(), Wrong> {
    const ALLOWED: &str = "prefixes such as \"64:ff9b:1::/48\"";
    for entry in lists::strings(item, ALLOWED) {
        let entry = entry?;
        let wrong = |problem| Wrong { below: None, span: entry.span.clone(), problem };
        let parts = entry.text.split_once('/');
        let parts = parts.and_then(|(net, len)| Some((net.parse::<Ipv6Addr>().ok()?, len.parse().ok()?)));
        let (network, len) =
            parts.ok_or_else(|| wrong(format!("not {:?}; allowed: {ALLOWED}", entry.text)))?;
        into.push(Nat64Prefix::new(network, len).map_err(|error| wrong(error.to_string()))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_keys_of_net_uplink_and_the_limits_of_http_set_their_fields() {
        let text = "[net]\nblock_own_addresses = false\nnat64_prefixes = [\"2001:db8::/32\"]\n\
                    [uplink]\ncontrol = \"cli\"\n[http]\nmax_concurrent_streams = 9\nrequests_per_sec = 7\n\
                    local_consent = \"ask\"\n";
        let config = parse(text).unwrap();
        assert!(!config.block_own_addresses && config.http_asks_about_local);
        assert_eq!(config.nat64_prefixes.len(), 1);
        assert_eq!(config.uplink_control.unwrap().as_str(), "cli");
        assert_eq!((config.http_max_concurrent_streams, config.http_requests_per_sec), (9, 7));
    }

    #[test]
    fn what_they_do_not_take_is_named() {
        for (text, said) in [
            (
                "[net]\nblock_own_addresses = \"no\"\n",
                "net.block_own_addresses: not \"no\"; allowed: true, false",
            ),
            ("[net]\nnat64_prefixes = [\"64:ff9b::/95\"]\n", "net.nat64_prefixes: nat64 prefix length 95"),
            (
                "[net]\nnat64_prefixes = [\"64:ff9b::\"]\n",
                "net.nat64_prefixes: not \"64:ff9b::\"; allowed: prefixes",
            ),
            ("[uplink]\ncontrol = \"A/b\"\n", "uplink.control: not \"A/b\"; allowed: the name of a capsule"),
            ("[uplink]\ncontroll = \"a\"\n", "uplink.controll: unknown key; did you mean control"),
            ("[http]\nrequests_per_sec = 0\n", "http.requests_per_sec: not 0; allowed: 1 to 1000000"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("etc/config.toml:2:{said}")), "{error}");
        }
    }
}

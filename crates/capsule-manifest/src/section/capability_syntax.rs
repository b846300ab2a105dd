//! What the entries of `[capabilities]` may look like.

use std::net::{IpAddr, Ipv6Addr};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::path::climbs;
use crate::sink::Sink;
use crate::text::quote;

/// Most entries of one list. An operator has to read every one of them before approving.
pub const MAX_CAPABILITY_ENTRIES: usize = 256;

/// Checks one entry: the fault, or nothing.
type Check = fn(&str) -> Option<(Code, &'static str)>;

const LISTS: [(&str, Check, &str); 10] = [
    ("net", net, "host, host:port, *.host, *"),
    ("net_connect", connect, "host:port, host:*"),
    ("net_bind", bind, "unix:*, unix:<path>, host:port, host:*"),
    ("net_tcp_bind", connect, "host:port, host:*"),
    (
        "net_udp",
        udp,
        "bind:<ip>:<port>, send:<host>:<port>, <host>:<port>, with * for any host or port",
    ),
    (
        "fs_read",
        fs,
        "cwd://, home://, /tmp, a path without \"..\", *",
    ),
    (
        "fs_write",
        fs,
        "cwd://, home://, /tmp, a path without \"..\", *",
    ),
    (
        "host_process",
        process,
        "a command, with or without leading arguments",
    ),
    ("kv", anything, ""),
    ("identity", anything, ""),
];

/// Checks every list of a capability table. The legacy access lists are checked with the other topics.
pub(crate) fn check(table: &Cursor<'_>, sink: &mut Sink<'_>) {
    for (key, check, allowed) in LISTS {
        let entries = table.texts_at(key);
        limit(table, key, entries.len(), sink);
        for (text, entry) in entries {
            if let Some((code, problem)) = check(text) {
                sink.fault(&entry, code, format!("{} {problem}", quote(text)), allowed);
            }
        }
    }
    for key in ["ipc_publish", "ipc_subscribe"] {
        limit(table, key, table.tables(key).len(), sink);
    }
}

fn limit(table: &Cursor<'_>, key: &str, entries: usize, sink: &mut Sink<'_>) {
    if entries <= MAX_CAPABILITY_ENTRIES {
        return;
    }
    let problem = format!("{} has {entries} entries", quote(key));
    sink.fault(
        &table.field(key),
        Code::TooManyEntries,
        problem,
        format!("at most {MAX_CAPABILITY_ENTRIES}"),
    );
}

fn anything(_: &str) -> Option<(Code, &'static str)> {
    None
}

fn net(entry: &str) -> Option<(Code, &'static str)> {
    let problem = if entry.is_empty() {
        "is empty"
    } else if entry.contains("://") {
        "has a scheme"
    } else if entry.contains(char::is_whitespace) {
        "has a space"
    } else if entry.contains(['/', '\\', '?', '#']) {
        "has a path"
    } else if entry != "*" && !is_net_pattern(entry) {
        "is no host pattern"
    } else {
        return None;
    };
    Some((Code::BadNetPattern, problem))
}

fn is_net_pattern(entry: &str) -> bool {
    if entry.parse::<IpAddr>().is_ok()
        || bracketed(entry).is_some_and(|(_, port)| port.is_none_or(is_port))
    {
        return true;
    }
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    match name.rsplit_once(':') {
        Some((host, port)) => is_host_name(host) && is_port(port),
        None => is_host_name(name),
    }
}

fn connect(entry: &str) -> Option<(Code, &'static str)> {
    (!is_endpoint(entry, false)).then_some((
        Code::BadEndpoint,
        "is no host with a port from 1 to 65535 or *",
    ))
}

fn bind(entry: &str) -> Option<(Code, &'static str)> {
    match entry.strip_prefix("unix:") {
        Some("") => Some((Code::BadEndpoint, "names no socket")),
        Some(path) if path.contains('\0') => Some((Code::BadEndpoint, "holds a NUL")),
        Some(_) => None,
        None => connect(entry),
    }
}

fn udp(entry: &str) -> Option<(Code, &'static str)> {
    let good = match entry.strip_prefix("bind:") {
        Some(local) => split_endpoint(local).is_some_and(|(host, port)| {
            (host == "*" || unbracketed(host).parse::<IpAddr>().is_ok()) && is_any_port(port)
        }),
        None => {
            let peer = entry.strip_prefix("send:").unwrap_or(entry);
            peer == "*" || is_endpoint(peer, true)
        }
    };
    (!good).then_some((Code::BadEndpoint, "is no UDP endpoint"))
}

fn fs(entry: &str) -> Option<(Code, &'static str)> {
    if entry.is_empty() {
        Some((Code::EmptyValue, "is empty"))
    } else if climbs(entry) {
        Some((Code::PathEscape, "has a \"..\" segment"))
    } else if entry.contains('\0') {
        Some((Code::PathEscape, "holds a NUL"))
    } else {
        None
    }
}

fn process(entry: &str) -> Option<(Code, &'static str)> {
    entry
        .trim()
        .is_empty()
        .then_some((Code::BadCommand, "names no command"))
}

fn is_endpoint(entry: &str, any_host: bool) -> bool {
    let Some((host, port)) = split_endpoint(entry) else {
        return false;
    };
    let known_host = unbracketed(host).parse::<IpAddr>().is_ok()
        || is_host_name(host)
        || (any_host && host == "*");
    known_host && is_any_port(port)
}

fn split_endpoint(entry: &str) -> Option<(&str, &str)> {
    entry.rsplit_once(':')
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
}

fn bracketed(entry: &str) -> Option<(Ipv6Addr, Option<&str>)> {
    let (address, rest) = entry.strip_prefix('[')?.split_once(']')?;
    let port = if rest.is_empty() {
        None
    } else {
        Some(rest.strip_prefix(':')?)
    };
    Some((address.parse().ok()?, port))
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_any_port(port: &str) -> bool {
    port == "*" || is_port(port)
}

/// Letters of any script are left to the IDNA step of whoever matches; what can never be a host is refused here.
fn is_host_name(host: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || "/\\?#@:*[]<>^|%".contains(c);
    let host = host.strip_suffix('.').unwrap_or(host);
    !host.contains(refused) && host.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_entries_are_hosts_with_an_optional_port() {
        for good in [
            "*",
            "a.com",
            "*.a.com",
            "a.com:8443",
            "127.0.0.1",
            "::1",
            "[::1]",
            "[::1]:80",
            "localhost:1",
            "bücher.de",
        ] {
            assert_eq!(net(good), None, "{good}");
        }
        for bad in [
            "",
            "https://x/",
            "a.com/x",
            "a b",
            "a.com:0",
            "a.com:65536",
            "a.com:*",
            "*a.com",
            "a.*.com",
            "u@h",
            "a..b",
            "*:80",
            "[::1]x",
        ] {
            assert!(matches!(net(bad), Some((Code::BadNetPattern, _))), "{bad}");
        }
    }

    #[test]
    fn socket_entries_need_a_host_and_a_port() {
        for good in [
            "a.com:1",
            "a.com:65535",
            "a.com:*",
            "[::1]:80",
            "::1:80",
            "127.0.0.1:*",
        ] {
            assert_eq!(connect(good), None, "{good}");
        }
        for bad in [
            "",
            "a.com",
            "a.com:",
            "a.com:0",
            "a.com:65536",
            ":80",
            "*:80",
            "*.x:80",
            "a.com:+8",
            "a.com:http",
        ] {
            assert!(
                matches!(connect(bad), Some((Code::BadEndpoint, _))),
                "{bad}"
            );
        }
        assert_eq!(bind("unix:*"), None);
        assert!(bind("unix:").is_some());
    }

    #[test]
    fn udp_entries_bind_to_addresses_and_send_to_hosts() {
        for good in [
            "bind:127.0.0.1:0053",
            "bind:*:*",
            "bind:[::]:53",
            "send:a.com:53",
            "a.com:*",
            "*:53",
            "*",
        ] {
            assert_eq!(udp(good), None, "{good}");
        }
        for bad in [
            "",
            "bind:a.com:53",
            "bind:127.0.0.1",
            "send:a.com",
            "a.com:0",
        ] {
            assert!(udp(bad).is_some(), "{bad}");
        }
    }
}

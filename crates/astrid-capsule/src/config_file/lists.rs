//! The keys whose values are lists.

use std::collections::BTreeSet;
use std::path::Path;

use astrid_airlock::LocalEgress;
use astrid_host_context::CapsuleId;
use astrid_host_uplink::Platform;
use toml_edit::{Item, Value};

use super::{Wrong, span_of};

/// Largest certificate file that is read: all roots a platform ships fit.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// `[security.capsule_local_egress]`: capsule → list of entries.
pub(super) fn local_egress(into: &mut LocalEgress, item: &Item) -> Result<(), Wrong> {
    let table = item.as_table_like().ok_or_else(|| {
        Wrong::from(format!("found {}; allowed: capsule = [\"host:port\", …]", item.type_name()))
    })?;
    for (name, entries) in table.iter() {
        let wrong = |span, problem| Wrong { below: Some(name.to_owned()), span, problem };
        let at = || span_of(table, name);
        let capsule = CapsuleId::parse(name).map_err(|error| wrong(at(), error.to_string()))?;
        for entry in strings(entries, "\"host:port\" or \"host:*\"") {
            let entry = entry.map_err(|inner| wrong(inner.span.or_else(at), inner.problem))?;
            let allowed = into.allow(&capsule, entry.text);
            allowed.map_err(|error| wrong(entry.span.or_else(at), error.to_string()))?;
        }
    }
    Ok(())
}

/// `http.extra_ca`: files, read here so that a wrong one is an error with its line. Blocks for the disk.
pub(super) fn extra_ca(into: &mut Vec<Vec<u8>>, item: &Item, file: &Path) -> Result<(), Wrong> {
    let beside = file.parent().unwrap_or(Path::new("."));
    for entry in strings(item, "paths of PEM files") {
        let entry = entry?;
        let path = beside.join(entry.text);
        let wrong = |problem| Wrong { below: None, span: entry.span.clone(), problem };
        let read = |path: &Path| -> std::io::Result<Vec<u8>> {
            if path.metadata()?.len() > MAX_PEM_BYTES {
                return Err(std::io::Error::other(format!("the file is larger than {MAX_PEM_BYTES} bytes")));
            }
            std::fs::read(path)
        };
        into.push(
            read(&path).map_err(|error| {
                wrong(format!("{}: {error}; allowed: certificates as PEM", path.display()))
            })?,
        );
    }
    Ok(())
}

/// `security.blocked_platforms`.
pub(super) fn platforms(into: &mut Vec<Platform>, item: &Item) -> Result<(), Wrong> {
    for entry in strings(item, "platforms") {
        let entry = entry?;
        let wrong = |problem| Wrong { below: None, span: entry.span.clone(), problem };
        into.push(Platform::parse(entry.text).map_err(|error| wrong(error.to_string()))?);
    }
    Ok(())
}

pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) span: Option<std::ops::Range<usize>>,
}

impl Text<'_> {
    pub(super) fn wrong(&self, problem: String) -> Wrong {
        Wrong { below: None, span: self.span.clone(), problem }
    }
}

pub(super) fn strings<'a>(item: &'a Item, allowed: &'a str) -> impl Iterator<Item = Result<Text<'a>, Wrong>> {
    let refuse = move |what: &str, span| {
        let problem = format!("found {what}; allowed: a list of {allowed}");
        Err(Wrong { below: None, span, problem })
    };
    let list = item.as_array();
    let no_list = list.is_none().then(|| refuse(item.type_name(), item.span()));
    no_list.into_iter().chain(list.into_iter().flatten().map(move |value: &Value| match value.as_str() {
        Some(text) => Ok(Text { text, span: value.span() }),
        None => refuse(value.type_name(), value.span()),
    }))
}

/// A list of capsules.
pub(super) fn capsules(into: &mut BTreeSet<String>, item: &Item) -> Result<(), Wrong> {
    for entry in strings(item, "names of capsules") {
        let entry = entry?;
        let capsule = CapsuleId::parse(entry.text).map_err(|error| entry.wrong(error.to_string()))?;
        into.insert(capsule.as_str().to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use astrid_airlock::Host;
    use astrid_host_context::CapsuleId;
    use astrid_host_http::RedirectPolicy;

    use crate::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn blocked_platforms_are_spelt_as_the_contract_has_them() {
        let blocked =
            parse("[security]\nblocked_platforms = [\" Telegram \", \"irc\"]\n").unwrap().blocked_platforms;
        assert_eq!(blocked.iter().map(|one| one.as_str()).collect::<Vec<_>>(), ["telegram", "irc"]);
        let wrong = parse("[security]\nblocked_platforms = [\n\"a b\"]\n").unwrap_err();
        assert!(wrong.contains(":3:security.blocked_platforms: ") && wrong.contains("allowed"), "{wrong}");
    }

    #[test]
    fn local_egress_admits_exactly_what_an_operator_lists() {
        let text =
            "[security.capsule_local_egress]\nfetch = [\"127.0.0.1:80\", \"[::1]:*\"]\n\"b-2\" = [\n]\n";
        let rules = parse(text).unwrap().local_egress;
        let names = |capsule: &str, host: &str, port| {
            rules.names(&CapsuleId::parse(capsule).unwrap(), &Host::parse(host).unwrap(), port)
        };
        assert!(names("fetch", "127.0.0.1", 80) && names("fetch", "::1", 9));
        assert!(!names("fetch", "127.0.0.1", 81) && !names("b-2", "127.0.0.1", 80));
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_line_and_its_capsule() {
        let below = "security.capsule_local_egress";
        for (text, line, key, said) in [
            (
                "[security.capsule_local_egress]\nfetch = [\n\"h:1\",\n\"h\"]\n",
                4,
                ".fetch",
                "write host:port",
            ),
            ("[security.capsule_local_egress]\nfetch = [\"h:0\"]\n", 2, ".fetch", "write host:port"),
            ("[security.capsule_local_egress]\nfetch = [\"a b:1\"]\n", 2, ".fetch", "a b"),
            (
                "[security.capsule_local_egress]\nfetch = \"h:1\"\n",
                2,
                ".fetch",
                "found string; allowed: a list",
            ),
            ("[security.capsule_local_egress]\nfetch = [1]\n", 2, ".fetch", "found integer; allowed: a list"),
            ("[security.capsule_local_egress]\n\"F /x\" = []\n", 2, ".F /x", "F /x"),
            ("[security]\ncapsule_local_egress = 1\n", 2, "", "found integer; allowed: capsule ="),
        ] {
            let error = parse(text).unwrap_err();
            let start = format!("etc/config.toml:{line}:{below}{key}: ");
            assert!(error.starts_with(&start) && error.contains(said), "{text:?}: {error}");
        }
        let slip = parse("[security]\ncapsule_local_egres = 1\n").unwrap_err();
        assert!(slip.ends_with("did you mean capsule_local_egress"), "{slip}");
    }

    #[test]
    fn the_keys_of_http_set_their_fields() {
        let text = "[http]\ndefault_timeout_secs = 2\nstream_connect_timeout_secs = 3\n\
                    stream_read_timeout_secs = 4\nheader_deadline_secs = 5\nmax_redirects = 6\n\
                    max_response_bytes = 7\nmax_decompressed_bytes = 8\nmax_streams_per_capsule = 9\n\
                    default_redirect = \"error\"\nceiling_total_ms = 10\nceiling_stream_total_ms = 11\n\
                    ceiling_connect_ms = 12\nceiling_first_byte_ms = 13\nceiling_between_bytes_ms = 14\n";
        let http = parse(text).unwrap().http;
        let secs =
            [http.default_timeout, http.connect_timeout, http.stream_read_timeout, http.header_deadline];
        assert_eq!(secs, [2, 3, 4, 5].map(Duration::from_secs));
        assert_eq!((http.max_redirects, http.max_response_bytes, http.max_decompressed_bytes), (6, 7, 8));
        assert_eq!((http.max_streams_per_capsule, http.default_redirect), (9, RedirectPolicy::Error));
        let ceilings = [
            http.ceiling_total,
            http.ceiling_stream_total,
            http.ceiling_connect,
            http.ceiling_first_byte,
            http.ceiling_between_bytes,
        ];
        assert_eq!(ceilings, [10, 11, 12, 13, 14].map(Duration::from_millis));
        let above = parse("[http]\nmax_response_bytes = 10485761\n").unwrap_err();
        assert!(above.ends_with("allowed: 0 to 10485760"), "{above}");
    }

    #[test]
    fn certificate_files_are_found_beside_the_configuration_and_a_missing_one_has_its_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "pem").unwrap();
        let file = dir.path().join("config.toml");
        std::fs::write(&file, "[http]\nextra_ca = [\"ca.pem\"]\n").unwrap();
        assert_eq!(Config::from_file(&file).unwrap().http_extra_ca, [b"pem".to_vec()]);
        std::fs::write(&file, "[http]\nextra_ca = [\"ca.pem\",\n \"gone.pem\"]\n").unwrap();
        let error = Config::from_file(&file).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}:3:http.extra_ca: ", file.display())), "{error}");
        assert!(error.contains("gone.pem") && error.contains("PEM"), "{error}");
    }
}

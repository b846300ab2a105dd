//! `etc/config.toml` below the home: what an operator sets, as a [`Config`].
//!
//! | key | value | sets |
//! |---|---|---|
//! | `capsule.allocation` | `"pooling"`, `"on-demand"` | [`Config::allocation`] |
//! | `capsule.compile_cache` | `"on"`, `"off"` | [`Config::compile_cache`] |
//! | `capsule.compile_cache_max_bytes` | 0 and up | [`Config::compile_cache_max_bytes`] |
//! | `capsule.instance_pool_size` | 0 to 1,024; 0 means 1 | [`Config::instance_pool_size`] |
//! | `capsule.max_memory_bytes` | 64 KiB to 4 GiB | [`Config::max_memory_bytes`] |
//! | `capsule.invocation_timeout_secs` | 1 to 86,400 | [`Config::invocation_timeout`] |
//! | `capsule.lifecycle_timeout_secs` | 1 to 600 | [`Config::lifecycle_timeout`] |
//! | `capsule.ready_timeout_secs` | 1 to 3,600 | [`Config::ready_timeout`] |
//! | `capsule.fuel_per_invocation` | 1 and up | [`Config::fuel_per_invocation`] |
//! | `capsule.fuel_per_second` | 1 and up | [`Config::fuel_per_second`] |
//! | `capsule.dispatch_permits` | 1 to 1,024 | [`Config::dispatch_permits`] |
//! | `capsule.host_blocking_concurrency` | 1 to 1,024 | [`Config::host_blocking_concurrency`] |
//! | `capsule.system_resident` | list of capsules | [`Config::system_resident`] |
//! | `bus.recv_idle` | `"empty"`, `"timeout"` | [`Config::recv_idle`] |
//! | `bus.recv_idle_for` | a table: capsule → `"empty"`, `"timeout"` | [`Config::recv_idle_for`] |
//! | `bus.topic_charset` | `"token"`, `"strict"` | [`Config::topic_charset`] |
//! | `bus.publish_wait_ms` | 0 to 60,000 | [`Config::publish_wait`] |
//! | `bus.max_msgs_per_sec` | 1 to 10,000,000 | [`Config::max_msgs_per_sec`] |
//! | `kv.durability` | `"flushed"`, `"relaxed"` | `durability` of [`Config::kv`] |
//! | `kv.cache_bytes`, `kv.row_cache_bytes` | 0 to 1 TiB | the field of that name |
//! | `kv.max_namespace_bytes` | 1 to 1 TiB | [`Config::kv_max_namespace_bytes`] |
//! | `kv.max_namespace_keys` | 1 to 16,777,216 | [`Config::kv_max_namespace_keys`] |
//! | `uplinks."<capsule>".platforms` | list of platforms | [`Config::uplink_platforms`] |
//! | `uplinks."<capsule>".act_for` | list of principals, or `["*"]` | [`Config::act_for`] |
//! | `elicit.runtime` | `"deny"`, `"interactive"` | [`Config::elicit_interactive`] |
//! | `identity.link_policy` | `"capability"`, `"same-principal"` | [`Config::identity_link_policy`] |
//! | `identity.protected` | list of principals | [`Config::identity_protected`] |
//! | `process.sandbox` | `"best"`, `"bubblewrap"`, `"landlock"`, `"off"` | [`Config::process_sandbox`] |
//! | `process.network` | `"host"`, `"none"` | [`Config::process_network`] |
//! | `process.max_background_processes` | 1 to 64 | [`Config::process_most_background`] |
//! | `process.max_stdin_bytes` | 1 to 1 TiB | [`Config::process_max_stdin_bytes`] |
//! | `workspace.ignore_file` | `"on"`, `"off"` | [`Config::workspace_ignore_file`] |
//! | `security.capsule_local_egress` | a table: capsule → list of `"host:port"`, `"host:*"` | [`Config::local_egress`] |
//! | `security.blocked_platforms` | list of platforms | [`Config::blocked_platforms`] |
//! | `http.default_timeout_secs` | 1 to 3,600 | `default_timeout` of [`Config::http`] |
//! | `http.stream_connect_timeout_secs` | 1 to 60 | `connect_timeout` |
//! | `http.stream_read_timeout_secs` | 1 to 600 | `stream_read_timeout` |
//! | `http.header_deadline_secs` | 1 to 600 | `header_deadline` |
//! | `http.max_redirects` | 0 to 10 | `max_redirects` |
//! | `http.max_response_bytes` | 0 to 10 MiB | `max_response_bytes` |
//! | `http.max_decompressed_bytes` | 0 and up | `max_decompressed_bytes` |
//! | `http.max_streams_per_capsule` | 1 to 65,536 | `max_streams_per_capsule` |
//! | `http.default_redirect` | `"follow"`, `"error"` | `default_redirect` |
//! | `http.ceiling_{total,stream_total,connect,first_byte,between_bytes}_ms` | 1 to a week | the ceiling of that name |
//! | `http.max_concurrent_streams` | 1 to 65,536 | [`Config::http_max_concurrent_streams`] |
//! | `http.requests_per_sec` | 1 to 1,000,000 | [`Config::http_requests_per_sec`] |
//! | `http.local_consent` | `"refuse"`, `"ask"` | [`Config::http_asks_about_local`] |
//! | `net.block_own_addresses` | `true`, `false` | [`Config::block_own_addresses`] |
//! | `net.nat64_prefixes` | list of `"prefix/length"`, lengths of RFC 6052 | [`Config::nat64_prefixes`] |
//! | `uplink.control` | a capsule | [`Config::uplink_control`] |
//! | `http.extra_ca` | list of PEM files, relative to the configuration's directory | [`Config::http_extra_ca`] |
//!
//! What is wrong is an error that names file, line and key: a limit that is misspelt must not be a
//! limit that is not there. `allow_unverified` has no key: it is for one run, not for a host.

use std::io::{self, Read};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use astrid_host_context::CapsuleId;
use toml_edit::{Document, Item, TableLike};

use crate::{Allocation, Config};

mod bus;
mod http;
mod identity;
mod kv;
mod lists;
mod net;
mod process;
mod uplinks;

/// Largest file that is read: far above any that a person writes.
const MAX_BYTES: u64 = 256 << 10;
/// A key further away than this is a different word, not a slip.
const MAX_DISTANCE: usize = 3;

/// Why a configuration file was not taken. Nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It exists and cannot be read.
    #[error("{file}: {error}; allowed: a text file of up to {MAX_BYTES} bytes")]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no TOML.
    #[error("{file}:{line}: {problem}")]
    Syntax {
        /// Which file.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What the parser said.
        problem: String,
    },
    /// A key that does not exist, or a value it does not take.
    #[error("{file}:{line}:{key}: {problem}")]
    Key {
        /// Which file.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// The dotted key.
        key: String,
        /// What is wrong, and what would be accepted.
        problem: String,
    },
}

/// What one key takes and sets.
enum Takes {
    Word(&'static [&'static str], fn(&mut Config, usize)),
    Number(RangeInclusive<i64>, fn(&mut Config, u64)),
    Flag(fn(&mut Config, bool)),
    Capsule(fn(&mut Config, CapsuleId)),
    LocalEgress,
    BlockedPlatforms,
    ProtectedPrincipals,
    ExtraCa,
    Nat64,
    SystemResident,
    RecvIdleFor,
    Uplink,
}

/// The key of an entry whose section is a table of capsules.
const ANY: &str = "<capsule>";

struct Entry {
    section: &'static str,
    key: &'static str,
    takes: Takes,
}

const fn word(
    section: &'static str,
    key: &'static str,
    words: &'static [&'static str],
    set: fn(&mut Config, usize),
) -> Entry {
    Entry { section, key, takes: Takes::Word(words, set) }
}

const fn number(key: &'static str, range: RangeInclusive<i64>, set: fn(&mut Config, u64)) -> Entry {
    Entry { section: "capsule", key, takes: Takes::Number(range, set) }
}

static ENTRIES: &[Entry] = &[
    word("capsule", "allocation", &["pooling", "on-demand"], |config, n| {
        config.allocation = if n == 0 { Allocation::Pooling } else { Allocation::OnDemand };
    }),
    word("capsule", "compile_cache", &["on", "off"], |config, n| config.compile_cache = n == 0),
    number("compile_cache_max_bytes", 0..=i64::MAX, |config, n| config.compile_cache_max_bytes = n),
    number("instance_pool_size", 0..=1024, |config, n| config.instance_pool_size = usize::try_from(n).ok()),
    number("max_memory_bytes", 64 << 10..=4 << 30, |config, n| config.max_memory_bytes = n),
    number("invocation_timeout_secs", 1..=86_400, |config, n| {
        config.invocation_timeout = Duration::from_secs(n);
    }),
    number("lifecycle_timeout_secs", 1..=600, |config, n| {
        config.lifecycle_timeout = Duration::from_secs(n);
    }),
    number("ready_timeout_secs", 1..=3_600, |config, n| config.ready_timeout = Duration::from_secs(n)),
    number("fuel_per_invocation", 1..=i64::MAX, |config, n| config.fuel_per_invocation = n),
    number("fuel_per_second", 1..=i64::MAX, |config, n| config.fuel_per_second = n),
    number("dispatch_permits", 1..=1024, |config, n| {
        config.dispatch_permits = usize::try_from(n).unwrap_or(usize::MAX);
    }),
    number("host_blocking_concurrency", 1..=1024, |config, n| {
        config.host_blocking_concurrency = usize::try_from(n).ok();
    }),
    Entry { section: "capsule", key: "system_resident", takes: Takes::SystemResident },
    word("elicit", "runtime", &["deny", "interactive"], |config, n| config.elicit_interactive = n == 1),
    word("workspace", "ignore_file", &["on", "off"], |config, n| config.workspace_ignore_file = n == 0),
    Entry { section: "security", key: "capsule_local_egress", takes: Takes::LocalEgress },
    Entry { section: "security", key: "blocked_platforms", takes: Takes::BlockedPlatforms },
];

fn entries() -> impl Iterator<Item = &'static Entry> + Clone {
    let areas = [bus::ENTRIES, identity::ENTRIES, kv::ENTRIES, http::ENTRIES, net::ENTRIES, process::ENTRIES];
    [ENTRIES, uplinks::ENTRIES].into_iter().chain(areas).flatten()
}

/// What is wrong with a value, and where if not at its key.
struct Wrong {
    /// Further part of the key, for values that are tables.
    below: Option<String>,
    span: Option<Range<usize>>,
    problem: String,
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self { below: None, span: None, problem }
    }
}

impl Config {
    /// Reads a configuration file; one that does not exist leaves every default.
    ///
    /// # Errors
    /// [`ConfigError`]: the file cannot be read, is no TOML, or holds a key or value that does not exist.
    pub fn from_file(file: &Path) -> Result<Self, ConfigError> {
        let failed = |error| ConfigError::Read { file: file.to_owned(), error };
        let mut text = String::new();
        let length = match std::fs::File::open(file) {
            Ok(open) => open.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        if u64::try_from(length).is_ok_and(|length| length > MAX_BYTES) {
            return Err(failed(io::Error::other("the file is too long")));
        }
        Self::from_toml(&text, file)
    }

    /// Like [`Config::from_file`], from text; `file` is what errors name.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_toml(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let document = Document::parse(text).map_err(|error| ConfigError::Syntax {
            file: file.to_owned(),
            line: line_of(text, error.span()),
            problem: error.message().to_owned(),
        })?;
        let mut config = Self::default();
        let refuse = |key: String, span, problem| ConfigError::Key {
            file: file.to_owned(),
            line: line_of(text, span),
            key,
            problem,
        };
        for (section, item) in document.as_table().iter() {
            let span = span_of(document.as_table(), section);
            if !entries().any(|entry| entry.section == section) {
                let known = entries().map(|entry| entry.section);
                return Err(refuse(section.to_owned(), span, unknown(section, known)));
            }
            let Some(table) = item.as_table_like() else {
                return Err(refuse(section.to_owned(), span, "not a table; allowed: [section]".to_owned()));
            };
            for (key, item) in table.iter() {
                let span = span_of(table, key);
                let dotted = format!("{section}.{key}");
                let known = || entries().filter(|entry| entry.section == section);
                let Some(entry) = known().find(|entry| entry.key == key || entry.key == ANY) else {
                    return Err(refuse(dotted, span, unknown(key, known().map(|entry| entry.key))));
                };
                entry.takes.put(&mut config, key, item, text, file).map_err(|wrong| {
                    let dotted = wrong.below.map_or(dotted.clone(), |below| format!("{dotted}.{below}"));
                    refuse(dotted, wrong.span.or(span), wrong.problem)
                })?;
            }
        }
        Ok(config)
    }
}

impl Takes {
    fn put(&self, config: &mut Config, key: &str, item: &Item, text: &str, file: &Path) -> Result<(), Wrong> {
        let shown = || item.span().and_then(|span| text.get(span)).unwrap_or(item.type_name());
        match self {
            Self::Word(words, set) => {
                let found = item.as_str().and_then(|word| words.iter().position(|known| *known == word));
                let refused = || format!("not {}; allowed: {}", shown(), words.join(", "));
                set(config, found.ok_or_else(refused)?);
            }
            Self::Number(range, set) => {
                let found = item.as_integer().filter(|number| range.contains(number));
                let number = found.and_then(|number| u64::try_from(number).ok());
                let refused = || format!("not {}; allowed: {} to {}", shown(), range.start(), range.end());
                set(config, number.ok_or_else(refused)?);
            }
            Self::LocalEgress => lists::local_egress(&mut config.local_egress, item)?,
            Self::Flag(set) => {
                let refused = || format!("not {}; allowed: true, false", shown());
                set(config, item.as_bool().ok_or_else(refused)?);
            }
            Self::Capsule(set) => {
                let refused = || format!("not {}; allowed: the name of a capsule", shown());
                let capsule = item.as_str().and_then(|name| CapsuleId::parse(name).ok());
                set(config, capsule.ok_or_else(refused)?);
            }
            Self::Nat64 => net::nat64(&mut config.nat64_prefixes, item)?,
            Self::SystemResident => lists::capsules(&mut config.system_resident, item)?,
            Self::RecvIdleFor => bus::recv_idle_for(config, item)?,
            Self::Uplink => uplinks::uplink(config, key, item)?,
            Self::ExtraCa => lists::extra_ca(&mut config.http_extra_ca, item, file)?,
            Self::BlockedPlatforms => lists::platforms(&mut config.blocked_platforms, item)?,
            Self::ProtectedPrincipals => identity::protected(config, item)?,
        }
        Ok(())
    }
}

fn unknown(name: &str, known: impl Iterator<Item = &'static str> + Clone) -> String {
    let near = known
        .clone()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .min();
    match near {
        Some((_, near)) => format!("unknown key; did you mean {near}"),
        None => {
            let mut names: Vec<_> = known.collect();
            names.dedup();
            format!("unknown key; allowed: {}", names.join(", "))
        }
    }
}

fn span_of(table: &dyn TableLike, key: &str) -> Option<Range<usize>> {
    table.get_key_value(key).and_then(|(key, item)| key.span().or_else(|| item.span()))
}

/// The line that a span begins in, from 1.
fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.and_then(|span| text.as_bytes().get(..span.start)).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests;

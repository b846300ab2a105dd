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
//! | `capsule.ready_timeout_secs` | 1 to 3,600 | [`Config::ready_timeout`] |
//! | `capsule.fuel_per_invocation` | 1 and up | [`Config::fuel_per_invocation`] |
//! | `capsule.fuel_per_second` | 1 and up | [`Config::fuel_per_second`] |
//! | `capsule.dispatch_permits` | 1 to 1,024 | [`Config::dispatch_permits`] |
//! | `bus.recv_idle` | `"empty"`, `"timeout"` | [`Config::recv_idle`] |
//! | `workspace.ignore_file` | `"on"`, `"off"` | [`Config::workspace_ignore_file`] |
//! | `security.capsule_local_egress` | a table: capsule → list of `"host:port"`, `"host:*"` | [`Config::local_egress`] |
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
//! | `http.extra_ca` | list of PEM files, relative to the configuration's directory | [`Config::http_extra_ca`] |
//!
//! What is wrong is an error that names file, line and key: a limit that is misspelt must not be a
//! limit that is not there. `allow_unverified` has no key: it is for one run, not for a host.

use std::io::{self, Read};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use astrid_host_ipc::RecvIdle;
use toml_edit::{Document, Item, TableLike};

use crate::{Allocation, Config};

mod http;
mod lists;

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
    LocalEgress,
    ExtraCa,
}

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
    number("ready_timeout_secs", 1..=3_600, |config, n| config.ready_timeout = Duration::from_secs(n)),
    number("fuel_per_invocation", 1..=i64::MAX, |config, n| config.fuel_per_invocation = n),
    number("fuel_per_second", 1..=i64::MAX, |config, n| config.fuel_per_second = n),
    number("dispatch_permits", 1..=1024, |config, n| {
        config.dispatch_permits = usize::try_from(n).unwrap_or(usize::MAX);
    }),
    word("bus", "recv_idle", &["empty", "timeout"], |config, n| {
        config.recv_idle = if n == 0 { RecvIdle::Empty } else { RecvIdle::Timeout };
    }),
    word("workspace", "ignore_file", &["on", "off"], |config, n| config.workspace_ignore_file = n == 0),
    Entry { section: "security", key: "capsule_local_egress", takes: Takes::LocalEgress },
];

fn entries() -> impl Iterator<Item = &'static Entry> + Clone {
    ENTRIES.iter().chain(http::ENTRIES)
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
                let Some(entry) = known().find(|entry| entry.key == key) else {
                    return Err(refuse(dotted, span, unknown(key, known().map(|entry| entry.key))));
                };
                entry.takes.put(&mut config, item, text, file).map_err(|wrong| {
                    let dotted = wrong.below.map_or(dotted.clone(), |below| format!("{dotted}.{below}"));
                    refuse(dotted, wrong.span.or(span), wrong.problem)
                })?;
            }
        }
        Ok(config)
    }
}

impl Takes {
    fn put(&self, config: &mut Config, item: &Item, text: &str, file: &Path) -> Result<(), Wrong> {
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
            Self::ExtraCa => lists::extra_ca(&mut config.http_extra_ca, item, file)?,
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
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_sets_its_field() {
        let config = parse(
            "[capsule]\nallocation = \"on-demand\"\ncompile_cache = \"off\"\ncompile_cache_max_bytes = 1\n\
             instance_pool_size = 3\nmax_memory_bytes = 65536\ninvocation_timeout_secs = 4\n\
             ready_timeout_secs = 5\nfuel_per_invocation = 6\nfuel_per_second = 7\ndispatch_permits = 8\n\
             [bus]\nrecv_idle = \"timeout\"\n[workspace]\nignore_file = \"on\"\n",
        )
        .unwrap();
        assert_eq!(config.allocation, Allocation::OnDemand);
        assert!(!config.compile_cache);
        assert_eq!(config.compile_cache_max_bytes, 1);
        assert_eq!(config.pool_size(), 3);
        assert_eq!(config.dispatch_permits, 8);
        assert_eq!(config.max_memory_bytes, 65_536);
        assert_eq!(config.invocation_timeout, Duration::from_secs(4));
        assert_eq!(config.ready_timeout, Duration::from_secs(5));
        assert_eq!((config.fuel_per_invocation, config.fuel_per_second), (6, 7));
        assert!(matches!(config.recv_idle, RecvIdle::Timeout));
        assert!(config.workspace_ignore_file);
    }

    #[test]
    fn a_slip_is_named_with_file_line_and_the_key_that_was_meant() {
        let said = parse("# limits\n[capsule]\nmax_memory_byte = 1\n").unwrap_err();
        assert_eq!(
            said,
            "etc/config.toml:3:capsule.max_memory_byte: unknown key; did you mean max_memory_bytes"
        );
        let said = parse("\n[capsul]\n").unwrap_err();
        assert_eq!(said, "etc/config.toml:2:capsul: unknown key; did you mean capsule");
        let said = parse("[bus]\nsomething_else = 1\n").unwrap_err();
        assert_eq!(said, "etc/config.toml:2:bus.something_else: unknown key; allowed: recv_idle");
    }

    #[test]
    fn a_value_outside_its_range_is_refused_and_the_range_is_said() {
        for (line, expected) in [
            ("instance_pool_size = 1025", "instance_pool_size: not 1025; allowed: 0 to 1024"),
            ("invocation_timeout_secs = 0", "invocation_timeout_secs: not 0; allowed: 1 to 86400"),
            ("fuel_per_second = -1", "fuel_per_second: not -1; allowed: 1 to 9223372036854775807"),
            ("max_memory_bytes = \"64M\"", "max_memory_bytes: not \"64M\"; allowed: 65536 to 4294967296"),
            ("allocation = \"pool\"", "allocation: not \"pool\"; allowed: pooling, on-demand"),
            ("compile_cache = true", "compile_cache: not true; allowed: on, off"),
        ] {
            let said = parse(&format!("[capsule]\n{line}\n")).unwrap_err();
            assert_eq!(said, format!("etc/config.toml:2:capsule.{expected}"));
        }
        assert_eq!(parse("[capsule]\ninstance_pool_size = 0\n").unwrap().pool_size(), 1);
    }

    #[test]
    fn no_file_is_every_default_and_broken_toml_is_an_error_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        assert_eq!(Config::from_file(&file).unwrap().pool_size(), Config::default().pool_size());
        std::fs::write(&file, "[capsule]\nallocation = \n").unwrap();
        let said = Config::from_file(&file).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{}:2: ", file.display())), "{said}");
        std::fs::write(&file, "#".repeat(300 << 10)).unwrap();
        assert!(Config::from_file(&file).unwrap_err().to_string().contains("too long"));
    }
}

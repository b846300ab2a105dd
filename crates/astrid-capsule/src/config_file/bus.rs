//! The keys of `[bus]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use astrid_event_bus::Charset;
use astrid_host_context::CapsuleId;
use astrid_host_ipc::RecvIdle;
use toml_edit::Item;

use super::{Entry, Takes, Wrong, span_of, word};
use crate::Config;

const IDLE: [(&str, RecvIdle); 2] = [("empty", RecvIdle::Empty), ("timeout", RecvIdle::Timeout)];

const fn bus(key: &'static str, range: RangeInclusive<i64>, set: fn(&mut Config, u64)) -> Entry {
    Entry { section: "bus", key, takes: Takes::Number(range, set) }
}

pub(super) static ENTRIES: &[Entry] = &[
    word("bus", "recv_idle", &["empty", "timeout"], |config, n| {
        config.recv_idle = if n == 0 { RecvIdle::Empty } else { RecvIdle::Timeout };
    }),
    Entry { section: "bus", key: "recv_idle_for", takes: Takes::RecvIdleFor },
    word("bus", "topic_charset", &["token", "strict"], |config, n| {
        config.topic_charset = if n == 0 { Charset::Token } else { Charset::Strict };
    }),
    // Above a minute a publisher would wait longer than any receiver does.
    bus("publish_wait_ms", 0..=60_000, |config, n| config.publish_wait = Duration::from_millis(n)),
    bus("max_msgs_per_sec", 1..=10_000_000, |config, n| config.max_msgs_per_sec = n),
];

/// `[bus.recv_idle_for]`: capsule → what its idle `recv` answers.
pub(super) fn recv_idle_for(config: &mut Config, item: &Item) -> Result<(), Wrong> {
    let table = item.as_table_like().ok_or_else(|| {
        Wrong::from(format!("found {}; allowed: capsule = \"empty\" or \"timeout\"", item.type_name()))
    })?;
    for (name, item) in table.iter() {
        let wrong = |problem| Wrong { below: Some(name.to_owned()), span: span_of(table, name), problem };
        let capsule = CapsuleId::parse(name).map_err(|error| wrong(error.to_string()))?;
        let found = item.as_str().and_then(|word| IDLE.iter().find(|(known, _)| *known == word));
        let refused = || match item.as_str() {
            Some(text) => wrong(format!("not {text:?}; allowed: empty, timeout")),
            None => wrong(format!("found {}; allowed: empty, timeout", item.type_name())),
        };
        let (_, idle) = found.ok_or_else(refused)?;
        config.recv_idle_for.insert(capsule.as_str().to_owned(), *idle);
    }
    Ok(())
}

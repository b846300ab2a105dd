//! The keys of `[http]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use astrid_host_http::RedirectPolicy;

use super::{Entry, Takes, word};
use crate::Config;

const fn http(key: &'static str, range: RangeInclusive<i64>, set: fn(&mut Config, u64)) -> Entry {
    Entry { section: "http", key, takes: Takes::Number(range, set) }
}

/// A ceiling above a week would be none.
const CEILING_MS: RangeInclusive<i64> = 1..=7 * 86_400_000;

pub(super) static ENTRIES: &[Entry] = &[
    http("default_timeout_secs", 1..=3_600, |config, n| config.http.default_timeout = Duration::from_secs(n)),
    http("stream_connect_timeout_secs", 1..=60, |config, n| {
        config.http.connect_timeout = Duration::from_secs(n);
    }),
    http("stream_read_timeout_secs", 1..=600, |config, n| {
        config.http.stream_read_timeout = Duration::from_secs(n);
    }),
    http("header_deadline_secs", 1..=600, |config, n| config.http.header_deadline = Duration::from_secs(n)),
    http("max_redirects", 0..=10, |config, n| config.http.max_redirects = u32::try_from(n).unwrap_or(10)),
    http("max_response_bytes", 0..=10_485_760, |config, n| config.http.max_response_bytes = n),
    http("max_decompressed_bytes", 0..=i64::MAX, |config, n| config.http.max_decompressed_bytes = n),
    http("max_streams_per_capsule", 1..=65_536, |config, n| {
        config.http.max_streams_per_capsule = usize::try_from(n).unwrap_or(usize::MAX);
    }),
    http("max_concurrent_streams", 1..=65_536, |config, n| config.http_max_concurrent_streams = n),
    http("requests_per_sec", 1..=1_000_000, |config, n| config.http_requests_per_sec = n),
    word("http", "local_consent", &["refuse", "ask"], |config, n| config.http_asks_about_local = n == 1),
    word("http", "default_redirect", &["follow", "error"], |config, n| {
        config.http.default_redirect = if n == 0 { RedirectPolicy::Follow } else { RedirectPolicy::Error };
    }),
    http("ceiling_total_ms", CEILING_MS, |config, n| config.http.ceiling_total = Duration::from_millis(n)),
    http("ceiling_stream_total_ms", CEILING_MS, |config, n| {
        config.http.ceiling_stream_total = Duration::from_millis(n);
    }),
    http("ceiling_connect_ms", CEILING_MS, |config, n| {
        config.http.ceiling_connect = Duration::from_millis(n);
    }),
    http("ceiling_first_byte_ms", CEILING_MS, |config, n| {
        config.http.ceiling_first_byte = Duration::from_millis(n);
    }),
    http("ceiling_between_bytes_ms", CEILING_MS, |config, n| {
        config.http.ceiling_between_bytes = Duration::from_millis(n);
    }),
    Entry { section: "http", key: "extra_ca", takes: Takes::ExtraCa },
];

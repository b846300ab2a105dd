//! What an operator may set, section `[http]`.

use std::time::Duration;

use crate::limits::MAX_BUFFERED_BODY;
use crate::request::{Options, RedirectPolicy};

/// The operator's defaults and ceilings; those of the contract unless changed.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `default_timeout_secs`: total of a buffered request whose caller is silent.
    pub default_timeout: Duration,
    /// `stream_connect_timeout_secs`: connect, per hop.
    pub connect_timeout: Duration,
    /// `header_deadline_secs`: first byte of streams and uploads.
    pub header_deadline: Duration,
    /// `stream_read_timeout_secs`: between two pieces of a stream or upload.
    pub stream_read_timeout: Duration,
    /// `ceiling_total_ms`: total of a buffered request at most.
    pub ceiling_total: Duration,
    /// `ceiling_stream_total_ms`: total of a stream or upload at most.
    pub ceiling_stream_total: Duration,
    /// `ceiling_connect_ms`.
    pub ceiling_connect: Duration,
    /// `ceiling_first_byte_ms`.
    pub ceiling_first_byte: Duration,
    /// `ceiling_between_bytes_ms`.
    pub ceiling_between_bytes: Duration,
    /// `max_redirects`.
    pub max_redirects: u32,
    /// `max_response_bytes`: buffered body; never more than [`MAX_BUFFERED_BODY`].
    pub max_response_bytes: u64,
    /// `max_decompressed_bytes`.
    pub max_decompressed_bytes: u64,
    /// `max_streams_per_capsule`, over all principals.
    pub max_streams_per_capsule: usize,
    /// `default_redirect`: what an unset policy means.
    pub default_redirect: RedirectPolicy,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            default_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(30),
            header_deadline: Duration::from_secs(120),
            stream_read_timeout: Duration::from_secs(120),
            ceiling_total: Duration::from_secs(3600),
            ceiling_stream_total: Duration::from_secs(86_400),
            ceiling_connect: Duration::from_secs(60),
            ceiling_first_byte: Duration::from_secs(600),
            ceiling_between_bytes: Duration::from_secs(600),
            max_redirects: 10,
            max_response_bytes: MAX_BUFFERED_BODY,
            max_decompressed_bytes: 1 << 30,
            max_streams_per_capsule: 256,
            default_redirect: RedirectPolicy::Follow,
        }
    }
}

/// How the body will be taken, which decides the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Buffered,
    Streamed,
}

/// The limits of one request, after defaults and ceilings.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) between_bytes: Option<Duration>,
    pub(crate) total: Option<Duration>,
    pub(crate) redirect: RedirectPolicy,
    pub(crate) max_redirects: u32,
    /// Delivered bytes at most.
    pub(crate) max_response: Option<u64>,
    /// Decoded bytes at most.
    pub(crate) max_decompressed: u64,
    pub(crate) decompress: bool,
    pub(crate) https_only: bool,
}

impl Plan {
    /// True if some limit is zero: such a request fails before anything is sent.
    pub(crate) fn is_over_at_once(&self) -> bool {
        let set = [Some(self.connect), self.first_byte, self.between_bytes, self.total];
        set.into_iter().flatten().any(|limit| limit.is_zero())
    }
}

impl HttpSettings {
    pub(crate) fn plan(&self, options: &Options, mode: Mode) -> Plan {
        let asked = |ms: Option<u64>, ceiling: Duration| ms.map(|ms| Duration::from_millis(ms).min(ceiling));
        let times = options.timeouts;
        let streamed = mode == Mode::Streamed;
        let ceiling_total = if streamed { self.ceiling_stream_total } else { self.ceiling_total };
        let cap = self.max_response_bytes.min(MAX_BUFFERED_BODY);
        Plan {
            connect: asked(times.connect_ms, self.ceiling_connect).unwrap_or(self.connect_timeout),
            first_byte: asked(times.first_byte_ms, self.ceiling_first_byte)
                .or(streamed.then_some(self.header_deadline)),
            between_bytes: asked(times.between_bytes_ms, self.ceiling_between_bytes)
                .or(streamed.then_some(self.stream_read_timeout)),
            total: asked(times.total_ms, ceiling_total).or((!streamed).then_some(self.default_timeout)),
            redirect: options.redirect.unwrap_or(self.default_redirect),
            max_redirects: options.max_redirects.map_or(self.max_redirects, |n| n.min(self.max_redirects)),
            max_response: match options.max_response_bytes {
                asked if streamed => asked,
                asked => Some(asked.map_or(cap, |n| n.min(cap))),
            },
            max_decompressed: options
                .max_decompressed_bytes
                .map_or(self.max_decompressed_bytes, |n| n.min(self.max_decompressed_bytes)),
            decompress: options.auto_decompress.unwrap_or(true),
            https_only: options.https_only.unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Timeouts;

    // http case 14
    #[test]
    fn values_above_a_ceiling_count_as_the_ceiling() {
        let settings = HttpSettings::default();
        let all = Some(1_000_000_000_000);
        let timeouts = Timeouts { connect_ms: all, first_byte_ms: all, between_bytes_ms: all, total_ms: all };
        let options = Options {
            timeouts,
            max_redirects: Some(u32::MAX),
            max_response_bytes: Some(u64::MAX),
            max_decompressed_bytes: Some(u64::MAX),
            ..Options::default()
        };
        let plan = settings.plan(&options, Mode::Buffered);
        assert_eq!(plan.total, Some(Duration::from_secs(3600)));
        assert_eq!(plan.connect, Duration::from_secs(60));
        assert_eq!(
            (plan.first_byte, plan.between_bytes),
            (Some(Duration::from_secs(600)), Some(Duration::from_secs(600)))
        );
        assert_eq!(
            (plan.max_redirects, plan.max_response, plan.max_decompressed),
            (10, Some(MAX_BUFFERED_BODY), 1 << 30)
        );
        let plan = settings.plan(&options, Mode::Streamed);
        assert_eq!((plan.total, plan.max_response), (Some(Duration::from_secs(86_400)), Some(u64::MAX)));
    }

    #[test]
    fn a_silent_caller_gets_30_seconds_for_all_of_a_buffered_request_and_no_total_for_a_stream() {
        let settings = HttpSettings::default();
        let buffered = settings.plan(&Options::default(), Mode::Buffered);
        assert_eq!(
            (buffered.total, buffered.first_byte, buffered.between_bytes),
            (Some(Duration::from_secs(30)), None, None)
        );
        let streamed = settings.plan(&Options::default(), Mode::Streamed);
        let two_minutes = Some(Duration::from_secs(120));
        assert_eq!(
            (streamed.total, streamed.first_byte, streamed.between_bytes),
            (None, two_minutes, two_minutes)
        );
        assert_eq!(streamed.max_response, None);
    }
}

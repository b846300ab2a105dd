//! A message's JSON text: checked by scanning, rewritten by ranges, never built as a document.

use std::fmt;

use astrid_host_context::Uuid;
use bytes::Bytes;

use crate::rewrite;

/// Largest payload in bytes: 1 MiB, the largest envelope a guest has to be able to take.
pub const MAX_PAYLOAD_BYTES: usize = 1_048_576;
/// Deepest nesting of arrays and objects, which keeps recursive parsers of guests safe.
pub const MAX_NESTING: usize = 128;
/// From this size on a check leaves the runtime's worker, where it would hold up others.
const OFF_THREAD_BYTES: usize = 65_536;

/// Why a text is no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// More than [`MAX_PAYLOAD_BYTES`].
    #[error("payload has {0} bytes; allowed: {MAX_PAYLOAD_BYTES}")]
    TooLarge(usize),
    /// Nested deeper than [`MAX_NESTING`].
    #[error("payload is nested too deep; allowed: {MAX_NESTING} levels")]
    TooDeep,
    /// Not one JSON value.
    #[error("payload is not JSON at line {line} column {column}; one JSON value is expected")]
    NotJson {
        /// Line of the first offence, from 1.
        line: usize,
        /// Column of the first offence, from 1.
        column: usize,
    },
    /// The reserved member that asks for delivery notices is malformed.
    #[error(
        "payload member _astrid_delivery_id is not valid; allowed: 32 lower-case hex digits, not all zero"
    )]
    DeliveryId,
    /// The runtime shut down while the text was being checked.
    #[error("the runtime is shutting down")]
    Interrupted,
}

/// A checked payload as subscribers get it. A clone is one reference count.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    json: Bytes,
    delivery: Option<Uuid>,
}

impl Payload {
    /// Checks `text` and applies the one rewrite existing clients need: a top-level object of
    /// `"type":"custom"` becomes its `data`, one of `"type":"raw_json"` loses its `type`. Everything
    /// else is kept byte for byte.
    ///
    /// # Errors
    /// [`InvalidPayload`].
    pub fn parse(text: String) -> Result<Self, InvalidPayload> {
        if text.len() > MAX_PAYLOAD_BYTES {
            return Err(InvalidPayload::TooLarge(text.len()));
        }
        if !is_shallow(text.as_bytes()) {
            return Err(InvalidPayload::TooDeep);
        }
        let change = rewrite::plan(&text)?;
        let delivery = change.delivery;
        let json = change.apply(Bytes::from(text));
        Ok(Self { json, delivery })
    }

    /// [`Payload::parse`] that leaves the worker for large texts.
    ///
    /// # Errors
    /// [`InvalidPayload`].
    pub async fn parse_off_thread(text: String) -> Result<Self, InvalidPayload> {
        if text.len() <= OFF_THREAD_BYTES || text.len() > MAX_PAYLOAD_BYTES {
            return Self::parse(text);
        }
        let checked = tokio::task::spawn_blocking(move || Self::parse(text)).await;
        checked.unwrap_or(Err(InvalidPayload::Interrupted))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Made of one string, cut at member boundaries: always text.
        std::str::from_utf8(&self.json).unwrap_or_default()
    }

    /// The JSON bytes, shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.json
    }

    /// Length of the JSON text in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.json.len()
    }

    /// Never true of a checked payload: the empty text is no JSON.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json.is_empty()
    }

    /// The id under which the publisher asked to hear of a failed delivery, taken out of the text.
    #[must_use]
    pub fn delivery_id(&self) -> Option<Uuid> {
        self.delivery
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads hold what users say; no log of a struct may print them.
        f.debug_struct("Payload").field("len", &self.json.len()).finish_non_exhaustive()
    }
}

/// Counts brackets outside strings. Whether they pair up is the parser's question, not this one's.
fn is_shallow(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        if depth > MAX_NESTING {
            return false;
        }
    }
    true
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

//! Two durable records for each request that leaves the host.

use std::time::SystemTime;

use astrid_host_context::{AuditEvent, CallContext, HostServices, Op, Outcome, Target};
use bytes::Bytes;
use hyper::Method;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::fields::Field;
use crate::op_table::{WIRE_REQUEST, WIRE_RESPONSE};
use crate::outcomes::Outcomes;
use crate::target::HttpUrl;

/// Query names whose values never reach a digest.
const SECRET_QUERY: [&str; 12] = [
    "key",
    "api_key",
    "apikey",
    "api-key",
    "access_token",
    "token",
    "auth",
    "password",
    "secret",
    "client_secret",
    "signature",
    "sig",
];

/// Bodies above this are hashed on a thread of their own, so that no worker stands still.
const HASH_INLINE: usize = 1024 * 1024;

const REDACTED: &str = "[REDACTED]";

/// Who asked, for every record of one request.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) services: HostServices,
    pub(crate) call: CallContext,
    pub(crate) outcomes: Outcomes,
}

/// What is about to be sent.
pub(crate) struct Leaving<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a HttpUrl,
    pub(crate) fields: &'a [Field],
    pub(crate) body: &'a Bytes,
    pub(crate) hop: u32,
    pub(crate) secrets: &'a [String],
    pub(crate) told: &'a [Zeroizing<String>],
}

/// A request that left; its second record is written when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Exchange {
    journal: Journal,
    facts: Vec<(&'static str, String)>,
    endpoint: Option<String>,
    at: SystemTime,
    started: Instant,
    ended: bool,
}

impl Journal {
    /// Writes the first record, which is there when this returns.
    pub(crate) async fn leaving(&self, what: &Leaving<'_>) -> Exchange {
        let target = Target::Endpoint { host: &what.url.host().text(), port: what.url.port() }.describe();
        let mut facts = vec![("method", what.method.to_string()), ("hop", what.hop.to_string())];
        let common = facts.clone();
        if !what.secrets.is_empty() {
            facts.push(("secrets", what.secrets.join(" ")));
        }
        facts.push(("path-blake3", digest(redact(&path(what.url), what.told).as_bytes())));
        facts.push(("header-blake3", digest(redact(&canonical(what.fields), what.told).as_bytes())));
        facts.push(("body-blake3", body_digest(what.body, what.told).await));
        facts.push(("body-length", what.body.len().to_string()));
        let (at, started) = (SystemTime::now(), Instant::now());
        let open = Exchange {
            journal: self.clone(),
            facts: common,
            endpoint: target.clone(),
            at,
            started,
            ended: false,
        };
        open.write(&WIRE_REQUEST, facts, Outcome::Allowed, 0);
        // A crash from here on leaves a record of what may have reached the server.
        self.services.audit().written().await;
        open
    }
}

impl Exchange {
    /// Notes the status; a record without one says that no response began.
    pub(crate) fn status(&mut self, status: u16) {
        self.facts.push(("status", status.to_string()));
    }

    /// Writes the second record.
    pub(crate) fn end(mut self, outcome: Outcome, bytes: u64, complete: bool) {
        self.facts.push(("complete", complete.to_string()));
        self.finish(outcome, bytes);
    }

    fn finish(&mut self, outcome: Outcome, bytes: u64) {
        self.ended = true;
        self.journal.outcomes.count(self.journal.call.capsule(), outcome);
        let facts = std::mem::take(&mut self.facts);
        self.write(&WIRE_RESPONSE, facts, outcome, bytes);
    }

    fn write(&self, op: &'static Op, facts: Vec<(&'static str, String)>, outcome: Outcome, bytes: u64) {
        let Journal { services, call, .. } = &self.journal;
        services.audit().record(AuditEvent {
            op,
            capsule: call.capsule().clone(),
            capsule_uuid: call.capsule_uuid(),
            principal: call.principal().cloned(),
            invocation: call.invocation(),
            target: self.endpoint.clone(),
            outcome,
            detail: None,
            facts,
            bytes,
            at: self.at,
            elapsed: self.started.elapsed(),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.facts.push(("complete", "false".to_owned()));
            self.finish(Outcome::Cancelled("abandoned"), 0);
        }
    }
}

/// Path and query with the values of telling names taken out.
fn path(url: &HttpUrl) -> String {
    let mut text = url.bare_path().to_owned();
    for (at, (name, value)) in url.query_pairs().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(name);
        if let Some(value) = value {
            let lower = name.to_ascii_lowercase();
            let telling = SECRET_QUERY.contains(&lower.as_str())
                || lower.starts_with("x-amz-")
                || lower.starts_with("x-goog-");
            text.push('=');
            text.push_str(if telling { REDACTED } else { value });
        }
    }
    text
}

/// Fields in the guest's own spelling: placeholders, never what they stand for.
fn canonical(fields: &[Field]) -> String {
    let mut sorted: Vec<&Field> = fields.iter().collect();
    sorted.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
    let mut text = String::new();
    for field in sorted {
        // A placeholder is no secret; what a guest wrote itself may be one.
        let hidden = field.is_credential() && !field.secret;
        let value = if hidden { REDACTED } else { field.value.as_str() };
        text.extend([field.name.as_str(), ":", value, "\n"]);
    }
    text
}

/// One pass from the left, the longest secret first.
fn redact(text: &str, told: &[Zeroizing<String>]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found =
            told.iter().filter(|s| !s.is_empty() && rest.starts_with(s.as_str())).max_by_key(|s| s.len());
        let (piece, width) = match found {
            Some(secret) => (REDACTED, secret.len()),
            None => (rest.get(..first.len_utf8()).unwrap_or_default(), first.len_utf8()),
        };
        out.push_str(piece);
        rest = rest.get(width..).unwrap_or_default();
    }
    out
}

async fn body_digest(body: &Bytes, told: &[Zeroizing<String>]) -> String {
    if !told.is_empty()
        && body.len() <= HASH_INLINE
        && let Ok(text) = std::str::from_utf8(body)
    {
        return digest(redact(text, told).as_bytes());
    }
    if body.len() <= HASH_INLINE {
        return digest(body);
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || digest(&body)).await.unwrap_or_default()
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_query_values_and_known_secrets_are_taken_out() {
        let url = HttpUrl::parse("http://h/p?a=1&Token=t&sig=&x-amz-date=2&flag").unwrap();
        assert_eq!(path(&url), "/p?a=1&Token=[REDACTED]&sig=[REDACTED]&x-amz-date=[REDACTED]&flag");
        let told: Vec<_> = ["ab", "abc"].map(|s| Zeroizing::new(s.to_owned())).into();
        assert_eq!(redact("xabcaby", &told).as_str(), "x[REDACTED][REDACTED]y");
    }
}

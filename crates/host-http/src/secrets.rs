//! Placeholders for secrets in header values, filled in at the last moment.

use std::future::Future;
use std::pin::Pin;

use astrid_host_context::Scope;
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use crate::Error;
use crate::fields::Field;

/// The secret store did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret store did not answer")]
pub struct SecretsUnavailable;

/// One answer of a secret store.
pub type SecretAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Zeroizing<String>>, SecretsUnavailable>> + Send + 'a>>;

/// Whence `{{secret:NAME}}` in a header value comes. A kernel implements it over its secret store.
pub trait Secrets: Send + Sync {
    /// Whether the capsule's manifest declares `name` as a key of type secret.
    fn declares(&self, name: &str) -> bool;

    /// The secret in the principal's scope, else the host-wide one. The future may be dropped.
    fn get<'a>(&'a self, scope: &'a Scope, name: &'a str) -> SecretAnswer<'a>;
}

/// Declares none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn declares(&self, _: &str) -> bool {
        false
    }

    fn get<'a>(&'a self, _: &'a Scope, _: &'a str) -> SecretAnswer<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A header as it goes over the wire, and what of it may be told.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// Sensitive where a secret is in it.
    pub(crate) values: Vec<(Field, HeaderValue)>,
    /// Names of the secrets that were filled in.
    pub(crate) used: Vec<String>,
    /// The values, to keep them out of digests.
    pub(crate) told: Vec<Zeroizing<String>>,
}

enum Part<'a> {
    Text(&'a str),
    Secret(&'a str),
}

const OPEN: &str = "{{secret:";

/// Fills in every placeholder. A field whose secret is unset or blank is left out.
pub(crate) async fn fill(fields: Vec<Field>, secrets: &dyn Secrets, scope: &Scope) -> Result<Filled, Error> {
    let mut filled = Filled::default();
    for mut field in fields {
        let parts = parts(&field.value)?;
        // All names are checked before any is looked up.
        for part in &parts {
            if let Part::Secret(name) = part
                && !secrets.declares(name)
            {
                return Err(Error::UndeclaredSecret((*name).to_owned()));
            }
        }
        let mut value = Zeroizing::new(String::with_capacity(field.value.len()));
        let mut complete = true;
        let mut secret = false;
        for part in parts {
            match part {
                Part::Text(text) => value.push_str(text),
                Part::Secret(name) => {
                    secret = true;
                    let found = secrets.get(scope, name).await.map_err(|_| Error::SecretStore)?;
                    match found.as_ref().map(|s| s.trim()).filter(|s| !s.is_empty()) {
                        Some(text) => {
                            value.push_str(text);
                            filled.told.push(Zeroizing::new(text.to_owned()));
                            filled.used.push(name.to_owned());
                        }
                        None => complete = false,
                    }
                }
            }
        }
        if complete {
            let mut wire = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| Error::Invalid("a secret holds characters that no header may"))?;
            wire.set_sensitive(secret);
            field.secret = secret;
            filled.values.push((field, wire));
        }
    }
    filled.used.sort();
    filled.used.dedup();
    Ok(filled)
}

fn parts(value: &str) -> Result<Vec<Part<'_>>, Error> {
    let malformed = Error::Invalid(
        "a secret placeholder is not valid; write {{secret:NAME}} with NAME of A-Z a-z 0-9 _ . -",
    );
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once(OPEN) {
        parts.push(Part::Text(before));
        let Some((name, behind)) = after.split_once("}}") else { return Err(malformed) };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(malformed);
        }
        parts.push(Part::Secret(name));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

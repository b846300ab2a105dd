//! Consent for good as bytes that this host signed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use astrid_host_approval::{Allowance, Holder, Lasting, Pattern, Workspace};
use astrid_host_context::{CapsuleId, Principal, Uuid};
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, Signer, SigningKey, VerifyingKey};

/// Name and version of the format.
const HEAD: &[u8] = b"astrid-allowance 1";

/// Head and fields, each with its length before it, so that no two allowances are the same bytes; then the
/// signature of all that.
pub(super) fn seal(allowance: &Allowance, key: &SigningKey) -> Vec<u8> {
    let mut bytes = fields(allowance);
    let signature = key.sign(&bytes);
    bytes.extend_from_slice(&signature.to_bytes());
    bytes
}

/// What was sealed with this key, or what is wrong with the bytes.
pub(super) fn open(bytes: &[u8], key: &VerifyingKey) -> Result<Allowance, &'static str> {
    let at = bytes.len().checked_sub(SIGNATURE_LENGTH).ok_or("it is cut off")?;
    let (signed, signature) = bytes.split_at_checked(at).ok_or("it is cut off")?;
    let signature = Signature::from_slice(signature).map_err(|_| "its signature is malformed")?;
    key.verify_strict(signed, &signature).map_err(|_| "its signature is not this host's")?;
    Fields(signed).allowance().ok_or("this version cannot read it")
}

fn fields(allowance: &Allowance) -> Vec<u8> {
    let Allowance { id, holder, pattern, lasting, created, expires, uses, request } = allowance;
    let number = |number: Option<u64>| number.map_or_else(Vec::new, |number| number.to_be_bytes().to_vec());
    let uuid = |id: &Uuid| id.as_u128().to_be_bytes().to_vec();
    let mut bytes = Vec::new();
    for field in [
        HEAD,
        &uuid(id),
        holder.principal.as_str().as_bytes(),
        holder.capsule.as_str().as_bytes(),
        holder.workspace.as_str().as_bytes(),
        pattern.as_str().as_bytes(),
        lasting.as_str().as_bytes(),
        &number(Some(millis(*created))),
        &number(expires.map(millis)),
        &number(*uses),
        &request.as_ref().map_or_else(Vec::new, uuid),
    ] {
        // Names, a path and a pattern are far below 4 GiB.
        bytes.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn allowance(mut self) -> Option<Allowance> {
        if self.next()? != HEAD {
            return None;
        }
        let allowance = Allowance {
            id: self.uuid()??,
            holder: Holder {
                principal: Principal::parse(self.text()?).ok()?,
                capsule: CapsuleId::parse(self.text()?).ok()?,
                workspace: Workspace::new(self.text()?),
            },
            pattern: Pattern::parse(self.text()?).ok()?,
            lasting: (self.text()? == Lasting::Always.as_str()).then_some(Lasting::Always)?,
            created: self.time()??,
            expires: self.time()?,
            uses: self.number()?,
            request: self.uuid()?,
        };
        self.0.is_empty().then_some(allowance)
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(field)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.next()?).ok()
    }

    /// The inner one is absence.
    fn number(&mut self) -> Option<Option<u64>> {
        match self.next()? {
            [] => Some(None),
            bytes => Some(Some(u64::from_be_bytes(bytes.try_into().ok()?))),
        }
    }

    fn uuid(&mut self) -> Option<Option<Uuid>> {
        match self.next()? {
            [] => Some(None),
            bytes => Some(Some(Uuid::from_u128(u128::from_be_bytes(bytes.try_into().ok()?)))),
        }
    }

    fn time(&mut self) -> Option<Option<SystemTime>> {
        match self.number()? {
            None => Some(None),
            Some(millis) => Some(Some(UNIX_EPOCH.checked_add(Duration::from_millis(millis))?)),
        }
    }
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance() -> Allowance {
        let holder = Holder {
            principal: "alice".parse().unwrap(),
            capsule: "shell".parse().unwrap(),
            workspace: Workspace::new("/home/alice/é"),
        };
        let created = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let pattern = Pattern::parse("git push *").unwrap();
        Allowance { created, ..Allowance::new(holder, pattern, Lasting::Always) }
    }

    #[test]
    fn what_was_sealed_comes_back_as_it_was() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let full = Allowance {
            expires: Some(UNIX_EPOCH + Duration::from_millis(5)),
            uses: Some(0),
            request: Some(Uuid::nil()),
            ..allowance()
        };
        for one in [allowance(), full] {
            assert_eq!(open(&seal(&one, &key), &key.verifying_key()), Ok(one));
        }
    }

    // approval case 28
    #[test]
    fn a_flipped_bit_a_lost_end_or_another_hosts_key_is_found() {
        let (key, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
        let good = seal(&allowance(), &key);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            open(&bad, &key.verifying_key()).unwrap_err();
            open(&good[..at], &key.verifying_key()).unwrap_err();
        }
        open(&[&good[..], &[0]].concat(), &key.verifying_key()).unwrap_err();
        open(&good, &other.verifying_key()).unwrap_err();
    }
}

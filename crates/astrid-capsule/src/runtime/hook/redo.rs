//! What a hook stored, as bytes that outlive a crash.

use std::collections::HashMap;

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Change, Key, Value};
use serde::{Deserialize, Serialize};

use crate::{CapsuleError, Code};

/// Name and version of the format; then the changes, then BLAKE3 of both.
const HEAD: &[u8] = b"astrid-kv-redo 1";
const SUM: usize = blake3::OUT_LEN;

/// The changes to one namespace.
#[derive(Serialize, Deserialize)]
struct Namespace<'a> {
    principal: Option<&'a str>,
    capsule: &'a str,
    /// A key and the value it is to have, none to remove it.
    #[serde(borrow)]
    rows: Vec<(&'a str, Option<&'a [u8]>)>,
}

/// Nothing for no changes.
pub(super) fn encode(changes: &[Change]) -> Result<Vec<u8>, CapsuleError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut namespaces: HashMap<&Scope, Namespace<'_>> = HashMap::new();
    for Change { scope, key, value } in changes {
        let namespace = namespaces.entry(scope).or_insert_with(|| Namespace {
            principal: scope.principal.as_ref().map(Principal::as_str),
            capsule: scope.capsule.as_str(),
            rows: Vec::new(),
        });
        namespace.rows.push((key.as_str(), value.as_deref()));
    }
    let namespaces: Vec<_> = namespaces.into_values().collect();
    let mut bytes = postcard::to_extend(&namespaces, HEAD.to_vec()).map_err(CapsuleError::host)?;
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    Ok(bytes)
}

/// All of the changes, or none and why.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Change>, CapsuleError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let (whole, sum) = bytes
        .len()
        .checked_sub(SUM)
        .and_then(|at| bytes.split_at_checked(at))
        .ok_or_else(|| damaged("it is cut off"))?;
    if blake3::hash(whole).as_bytes() != sum {
        return Err(damaged("its checksum is another"));
    }
    let rest = whole.strip_prefix(HEAD).ok_or_else(|| {
        damaged(format!("it is of another version; this one reads {}", String::from_utf8_lossy(HEAD)))
    })?;
    let namespaces: Vec<Namespace<'_>> = postcard::from_bytes(rest).map_err(damaged)?;
    let changes = namespaces.iter().flat_map(|namespace| {
        namespace.rows.iter().map(|(key, value)| {
            Ok(Change {
                scope: Scope {
                    principal: namespace.principal.map(Principal::parse).transpose().map_err(damaged)?,
                    capsule: CapsuleId::parse(namespace.capsule).map_err(damaged)?,
                },
                key: Key::parse(*key).map_err(damaged)?,
                value: value.map(|value| Value::from(value.to_vec())),
            })
        })
    });
    changes.collect()
}

fn damaged(problem: impl std::fmt::Display) -> CapsuleError {
    CapsuleError::new(
        Code::Integrity,
        format!("the record of what a hook stored cannot be used, and nothing of it was: {problem}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(who: Option<&str>, key: &str, value: Option<&[u8]>) -> Change {
        let principal = who.map(|who| Principal::parse(who).unwrap());
        Change {
            scope: Scope { principal, capsule: CapsuleId::parse("notes").unwrap() },
            key: Key::parse(key).unwrap(),
            value: value.map(|value| Value::from(value.to_vec())),
        }
    }

    fn some() -> Vec<Change> {
        vec![
            change(Some("alice"), "a", Some(b"")),
            change(Some("alice"), "gone", None),
            change(Some("alice"), "\u{10ffff}", Some(&[0xff; 300])),
        ]
    }

    #[test]
    fn changes_come_back_as_they_were_and_no_changes_are_no_bytes() {
        assert_eq!(decode(&encode(&some()).unwrap()).unwrap(), some());
        let mut several = some();
        several.extend([change(None, "a", Some(b"1")), change(Some("bob"), "a", None)]);
        let mut back = decode(&encode(&several).unwrap()).unwrap();
        back.sort_by_key(|one| several.iter().position(|other| one == other));
        assert_eq!(back, several);
        assert_eq!(encode(&[]).unwrap(), [0; 0]);
        assert_eq!(decode(&[]).unwrap(), []);
    }

    #[test]
    fn a_record_with_one_flipped_bit_or_a_lost_end_is_refused_whole() {
        let good = encode(&some()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            assert_eq!(decode(&bad).unwrap_err().code(), Code::Integrity, "byte {at}");
            assert_eq!(decode(&good[..at.max(1)]).unwrap_err().code(), Code::Integrity, "cut at {at}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(decode(&longer).unwrap_err().code(), Code::Integrity);
    }

    #[test]
    fn a_record_of_another_version_says_so() {
        let mut other = b"astrid-kv-redo 2".to_vec();
        other.extend_from_slice(blake3::hash(&other).as_bytes());
        let refused = decode(&other).unwrap_err().to_string();
        assert!(refused.contains("another version"), "{refused}");
    }
}

//! Notes in the host's key-value store: `note.000001`, `note.000002`, … and the last number given, `count`.

use astrid_sdk::prelude::*;
use serde::Serialize;

const COUNT: &str = "count";
const PREFIX: &str = "note.";
/// Keys asked for at a time.
const PAGE: u32 = 100;
/// Other instances of the capsule can take a number at the same moment; each of them loses at most once to each
/// other, and a pool has at most 64.
const MAX_ATTEMPTS: usize = 64;

/// One note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its number, counted from 1.
    pub id: u64,
    /// Its text.
    pub text: String,
}

impl Note {
    /// Whether the text contains `query` in any mixture of upper and lower case.
    pub fn contains(&self, query: &str) -> bool {
        self.text.to_lowercase().contains(&query.to_lowercase())
    }
}

/// Stores `text` under the next number, and answers the number.
pub fn add(text: &str) -> Result<u64, SysError> {
    let id = next_id()?;
    kv::set_bytes(&key(id), text.as_bytes())?;
    Ok(id)
}

/// Every note in the order of ids.
pub fn all() -> Result<Vec<Note>, SysError> {
    let mut notes = Vec::new();
    let mut cursor = None;
    loop {
        let page = kv::list_keys_page(PREFIX, cursor.as_deref(), PAGE)?;
        for key in &page.keys {
            // A note that was cleared since its key was listed has no bytes.
            if let (Some(id), Some(bytes)) = (id(key), kv::get_bytes_opt(key)?) {
                notes.push(Note { id, text: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            notes.sort_by_key(|note| note.id);
            return Ok(notes);
        }
    }
}

/// Removes every note and answers how many there were.
pub fn clear() -> Result<u64, SysError> {
    kv::clear_prefix(PREFIX)
}

/// Takes the next number. Compare-and-swap: two instances that read the same count cannot both have it.
fn next_id() -> Result<u64, SysError> {
    for _ in 0..MAX_ATTEMPTS {
        let before = kv::get_bytes_opt(COUNT)?;
        let next = match before.as_deref() {
            None => 1,
            Some(bytes) => parse_count(bytes)?.saturating_add(1),
        };
        if kv::cas(COUNT, before.as_deref(), next.to_string().as_bytes())? {
            return Ok(next);
        }
    }
    Err(SysError::ApiError(format!("no number after {MAX_ATTEMPTS} attempts, others were always faster")))
}

fn parse_count(bytes: &[u8]) -> Result<u64, SysError> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| SysError::ApiError(format!("the key {COUNT:?} does not hold a decimal number")))
}

fn key(id: u64) -> String {
    format!("{PREFIX}{id:06}")
}

fn id(key: &str) -> Option<u64> {
    key.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_six_digits_and_read_back() {
        assert_eq!(key(7), "note.000007");
        assert_eq!(id(&key(7)), Some(7));
        assert_eq!(id(&key(12_345_678)), Some(12_345_678));
        assert_eq!(id("note.x"), None);
        assert_eq!(id("count"), None);
    }

    #[test]
    fn a_count_that_is_no_number_is_refused() {
        assert_eq!(parse_count(b"41").unwrap(), 41);
        assert!(parse_count(b"").is_err());
        assert!(parse_count(b"-1").is_err());
        assert!(parse_count(&[0xff]).is_err());
    }

    #[test]
    fn a_query_matches_in_any_case() {
        let note = Note { id: 1, text: "Buy Milk".to_owned() };
        assert!(note.contains("milk") && note.contains("BUY") && note.contains(""));
        assert!(!note.contains("bread"));
    }
}

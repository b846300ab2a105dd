//! The principal that is reserved for a new user.

use astrid_host_context::Principal;
use astrid_host_context::identity::MAX_NAME;

use crate::{DisplayName, UserId};

/// Names that mean somebody to a host, or look as if they did.
const RESERVED: [&str; 7] = ["default", "anonymous", "system", "admin", "root", "host", "kernel"];

/// Whether no user may be given this principal.
#[must_use]
pub fn is_reserved(name: &Principal) -> bool {
    let name = name.as_str();
    name.starts_with("__") || RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// What may be tried, in this order. A display name only ever suggests a name; it never selects one that is
/// taken.
pub(crate) fn candidates(name: Option<&DisplayName>, id: UserId) -> Vec<Principal> {
    let plain = name.map(|name| plain(name.as_str())).filter(|plain| !plain.is_empty());
    let first = plain.unwrap_or_else(|| format!("user-{}", id.short()));
    let second = format!("{}-{}", cut(&first, MAX_NAME - 9), id.short());
    let parsed = [cut(&first, MAX_NAME), &second].map(|name| Principal::parse(name).ok());
    parsed.into_iter().flatten().filter(|name| !is_reserved(name)).collect()
}

/// Lower-case letters and digits, with one hyphen for each run of anything else between them.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.truncate(plain.trim_end_matches('-').len());
    plain
}

/// At most so many bytes of a text in ASCII, without a hyphen at its end.
fn cut(text: &str, most: usize) -> &str {
    text.get(..most).unwrap_or(text).trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str) -> Vec<String> {
        let id = UserId::parse("0123abcd-0000-4000-8000-000000000000").unwrap();
        let name = DisplayName::parse(name).unwrap();
        candidates(Some(&name), id).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_is_lowered_and_what_is_no_letter_or_digit_becomes_one_hyphen() {
        assert_eq!(names("Ada  Lovelace!"), ["ada-lovelace", "ada-lovelace-0123abcd"]);
        assert_eq!(names("--Ä b_c--"), ["b-c", "b-c-0123abcd"]);
        assert_eq!(names("日本"), ["user-0123abcd", "user-0123abcd-0123abcd"]);
        let id = UserId::mint();
        assert_eq!(candidates(None, id)[0].as_str(), format!("user-{}", id.short()));
    }

    #[test]
    fn a_long_name_is_cut_and_its_suffix_still_fits() {
        let [first, second] = names(&format!("{}-b", "a".repeat(63))).try_into().unwrap();
        assert_eq!(first, "a".repeat(63), "no hyphen at the end");
        assert_eq!((second.len(), second.ends_with("-0123abcd")), (64, true));
    }

    // identity case 17
    #[test]
    fn a_reserved_name_only_comes_with_a_suffix() {
        for name in RESERVED.into_iter().chain(["__host__", "Admin", "__root"]) {
            let names = names(name);
            assert_eq!(names.len(), 1, "{name}: {names:?}");
            assert!(names[0].ends_with("-0123abcd"), "{names:?}");
        }
    }
}

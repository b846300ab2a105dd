//! Changes one list of an operator's profile and leaves the rest, comments included, as it was written.

use astrid_host_context::CapsuleId;
use toml_edit::{Array, DocumentMut, Item, TomlError};

use crate::problem::Problem;
use crate::profile::{Profile, Quotas};

/// The profile's list of capsules that it may invoke.
const KEY: &str = "capsules";

/// The text with `capsule` in its list or not in it; `None` if that is so already.
///
/// # Errors
/// The text is no valid profile, or would be none.
pub(crate) fn with_access(text: &str, capsule: &CapsuleId, may: bool) -> Result<Option<String>, Problem> {
    let mut expected = parse(text)?;
    if expected.capsules.contains(capsule) == may {
        return Ok(None);
    }
    let unchangeable = || Problem::key(KEY, "cannot be changed in place").allowed("a list of texts");
    let mut document: DocumentMut =
        text.parse().map_err(|error: TomlError| Problem::file(error.message().to_owned()))?;
    let list = document.entry(KEY).or_insert_with(|| Item::from(Array::new()));
    let list = list.as_array_mut().ok_or_else(unchangeable)?;
    if may {
        list.push(capsule.as_str());
        expected.capsules.push(capsule.clone());
    } else {
        list.retain(|listed| listed.as_str() != Some(capsule.as_str()));
        expected.capsules.retain(|listed| listed != capsule);
    }
    let changed = document.to_string();
    // Whatever the text was like: what it says is what was asked for, or it is not touched.
    match parse(&changed) {
        Ok(after) if after == expected => Ok(Some(changed)),
        _ => Err(unchangeable()),
    }
}

fn parse(text: &str) -> Result<Profile, Problem> {
    Profile::parse(text, Quotas::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> CapsuleId {
        CapsuleId::parse(name).unwrap()
    }

    fn edit(text: &str, name: &str, may: bool) -> Option<String> {
        with_access(text, &id(name), may).unwrap()
    }

    #[test]
    fn adding_keeps_what_else_is_written() {
        for (before, after) in [
            ("", "capsules = [\"x\"]\n"),
            ("capsules = []\n", "capsules = [\"x\"]\n"),
            ("capsules = [ # none yet\n]\n", "capsules = [\"x\" # none yet\n]\n"),
            (
                "capsules = [\"a\"] # mine\nenabled = true\n",
                "capsules = [\"a\", \"x\"] # mine\nenabled = true\n",
            ),
            (
                "capsules = [\n  \"a\", # first, of all\n  'b',\n]\n[quotas]\n",
                "capsules = [\n  \"a\", # first, of all\n  'b', \"x\",\n]\n[quotas]\n",
            ),
            ("# alice\n\n[quotas]\n", "capsules = [\"x\"]\n# alice\n\n[quotas]\n"),
            ("# alice\n", "capsules = [\"x\"]\n# alice\n"),
            ("enabled = true\n", "enabled = true\ncapsules = [\"x\"]\n"),
        ] {
            assert_eq!(edit(before, "x", true).as_deref(), Some(after), "{before:?}");
        }
        assert_eq!(edit("capsules = [\"x\"]", "x", true), None);
    }

    #[test]
    fn removing_takes_the_item_and_one_comma() {
        for (before, after) in [
            ("capsules = [\"x\"]", "capsules = []"),
            ("capsules = [\"\\u0078\", \"x\"]", "capsules = []"),
            ("capsules = [\"x\",]", "capsules = []"),
            ("capsules = [\"x\", \"a\"]", "capsules = [ \"a\"]"),
            ("capsules = ['a', 'x', 'b']", "capsules = ['a', 'b']"),
            ("capsules = [\n  \"a\", # a, b\n  \"x\", # c\n]\n", "capsules = [\n  \"a\", # c\n]\n"),
        ] {
            let cut = edit(before, "x", false).unwrap();
            assert_eq!(parse(&cut).unwrap(), parse(after).unwrap(), "{before:?}: {cut:?}");
        }
        assert_eq!(edit("capsules = [\"a\"]", "x", false), None);
        assert_eq!(edit("", "x", false), None);
    }

    #[test]
    fn what_is_added_and_removed_again_says_what_it_said_before() {
        for text in
            ["", "enabled = true\n", "capsules = [\"a\", 'b'] # c\n", "capsules = [\n]\n[auth]\nx = 1\n"]
        {
            let with = edit(text, "x", true).unwrap();
            let without = edit(&with, "x", false).unwrap();
            assert_eq!(parse(&without).unwrap(), parse(text).unwrap(), "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_profile_is_not_touched() {
        for text in ["capsules = 1", "capsules = [", "enabld = true", "capsules = [\"not an id!\"]"] {
            assert!(with_access(text, &id("x"), true).is_err(), "{text:?}");
        }
    }
}

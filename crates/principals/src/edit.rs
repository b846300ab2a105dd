//! Changes one list of an operator's profile and leaves every other byte, comments included, as it was.

use std::ops::Range;

use astrid_host_context::CapsuleId;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;
use crate::profile::{Profile, Quotas};

/// The profile's list of capsules that it may invoke.
const KEY: &str = "capsules";

/// The text with `capsule` in its list or not in it; `None` if that is so already.
///
/// # Errors
/// The text is no valid profile, or would be none.
pub(crate) fn with_access(text: &str, capsule: &CapsuleId, may: bool) -> Result<Option<String>, Problem> {
    let before = parse(text)?;
    if before.capsules.contains(capsule) == may {
        return Ok(None);
    }
    let changed = if may { added(text, capsule)? } else { removed(text, capsule)? };
    let mut expected = before;
    match may {
        true => expected.capsules.push(capsule.clone()),
        false => expected.capsules.retain(|listed| listed != capsule),
    }
    // Whatever the text was like: what it says is what was asked for, or it is not touched.
    match parse(&changed) {
        Ok(after) if after == expected => Ok(Some(changed)),
        _ => Err(Problem::key(KEY, "cannot be changed in place").allowed("a list of texts, one of each")),
    }
}

fn parse(text: &str) -> Result<Profile, Problem> {
    Profile::parse(text, Quotas::default())
}

fn added(text: &str, capsule: &CapsuleId) -> Result<String, Problem> {
    let item = format!("\"{capsule}\"");
    let Some((list, items)) = list(text)? else {
        let at = first_line(text);
        return Ok(spliced(text, at..at, &format!("{KEY} = [{item}]\n")));
    };
    match items.last() {
        Some(last) => Ok(spliced(text, last.end..last.end, &format!(", {item}"))),
        None => Ok(spliced(text, list.start + 1..list.start + 1, &item)),
    }
}

fn removed(text: &str, capsule: &CapsuleId) -> Result<String, Problem> {
    let Some((list, items)) = list(text)? else { return Ok(text.to_owned()) };
    let named = |at: &Range<usize>| {
        let written = text.get(at.clone()).unwrap_or_default();
        written.get(1..written.len().saturating_sub(1)) == Some(capsule.as_str())
    };
    let Some(place) = items.iter().position(named) else { return Ok(text.to_owned()) };
    let Some(item) = items.get(place).cloned() else { return Ok(text.to_owned()) };
    // With the comma that parts it from its neighbour: the one before it where there is one.
    let cut = match place.checked_sub(1).and_then(|before| items.get(before)) {
        Some(before) => comma(text, before.end..item.start).map_or(item.clone(), |at| at..item.end),
        None => {
            let until = items.get(1).map_or(list.end, |next| next.start);
            comma(text, item.end..until).map_or(item.clone(), |at| item.start..at + 1)
        }
    };
    Ok(spliced(text, cut, ""))
}

/// Where a list is, and where its items are.
type Places = (Range<usize>, Vec<Range<usize>>);

/// `None` without a list.
fn list(text: &str) -> Result<Option<Places>, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem::file(error.message()))?;
    let found = table.get_ref().iter().find(|(key, _)| key.get_ref() == KEY).map(|(_, value)| value);
    let items = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Array(array) => Some((value.span(), array.iter().map(Spanned::span).collect())),
        _ => None,
    };
    Ok(found.and_then(items))
}

/// The comma in a stretch between two items, comments passed over.
fn comma(text: &str, within: Range<usize>) -> Option<usize> {
    let mut in_comment = false;
    let bytes = text.as_bytes().get(within.clone())?;
    let at = bytes.iter().position(|byte| {
        in_comment = match byte {
            b'#' => true,
            b'\n' => false,
            _ => in_comment,
        };
        *byte == b',' && !in_comment
    });
    at.map(|at| within.start + at)
}

/// Where a key of the file itself may stand: behind the comments at its head, before any table.
fn first_line(text: &str) -> usize {
    let head = text.split_inclusive('\n').take_while(|line| {
        let line = line.trim_start_matches('\u{feff}').trim_start();
        (line.starts_with('#') || line.is_empty()) && text.contains('\n')
    });
    let length: usize = head.map(str::len).sum();
    // A last line without an end would take the key into its comment.
    if text.get(..length).is_some_and(|head| head.is_empty() || head.ends_with('\n')) { length } else { 0 }
}

fn spliced(text: &str, at: Range<usize>, with: &str) -> String {
    let (before, after) = (text.get(..at.start).unwrap_or_default(), text.get(at.end..).unwrap_or_default());
    [before, with, after].concat()
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
    fn adding_keeps_every_other_byte() {
        for (before, after) in [
            ("", "capsules = [\"x\"]\n"),
            ("capsules = []", "capsules = [\"x\"]"),
            ("capsules = [ # none yet\n]\n", "capsules = [\"x\" # none yet\n]\n"),
            (
                "capsules = [\"a\"] # mine\nenabled = true\n",
                "capsules = [\"a\", \"x\"] # mine\nenabled = true\n",
            ),
            (
                "capsules = [\n  \"a\", # first, of all\n  'b',\n]\n[quotas]\n",
                "capsules = [\n  \"a\", # first, of all\n  'b', \"x\",\n]\n[quotas]\n",
            ),
            ("# alice\n\n[quotas]\n", "# alice\n\ncapsules = [\"x\"]\n[quotas]\n"),
            ("# alice", "capsules = [\"x\"]\n# alice"),
            ("enabled = true", "capsules = [\"x\"]\nenabled = true"),
        ] {
            assert_eq!(edit(before, "x", true).as_deref(), Some(after), "{before:?}");
        }
        assert_eq!(edit("capsules = [\"x\"]", "x", true), None);
    }

    #[test]
    fn removing_takes_the_item_and_one_comma() {
        for (before, after) in [
            ("capsules = [\"x\"]", "capsules = []"),
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
        // Written with an escape, or twice, it is not where one looks for it.
        assert!(with_access("capsules = [\"\\u0078\"]", &id("x"), false).is_err());
        assert!(with_access("capsules = [\"x\", \"x\"]", &id("x"), false).is_err());
    }
}

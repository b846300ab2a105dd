//! Names of entries: which are paths below a directory, and which would meet there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    File,
    Directory,
}

/// The parts of a path below a directory; none for the directory itself.
pub(super) fn split(name: &str) -> Result<Vec<&str>, String> {
    if name.contains('\0') {
        return Err("has a NUL in its name".to_owned());
    }
    // A backslash separates on systems where the archive may be unpacked too, and `C:` is a drive there.
    if name.starts_with(['/', '\\']) || name.get(1..2) == Some(":") {
        return Err("is an absolute path".to_owned());
    }
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Err("leads out of the directory with \"..\"".to_owned());
    }
    Ok(name.split('/').filter(|part| !part.is_empty() && *part != ".").collect())
}

/// The names taken so far. Names that differ only in case or in how letters are composed are one file on some
/// systems, so they are twins here.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Taken>);

struct Taken {
    spelling: String,
    slot: Slot,
    /// An entry of its own, rather than only part of another's path.
    named: bool,
}

impl Names {
    /// Takes a name and those of the directories it lies in.
    pub(super) fn take(&mut self, parts: &[&str], slot: Slot) -> Result<(), String> {
        for end in 1..=parts.len() {
            let spelling = parts.get(..end).unwrap_or_default().join("/");
            let last = end == parts.len();
            let slot = if last { slot } else { Slot::Directory };
            self.take_one(spelling, slot, last)?;
        }
        Ok(())
    }

    fn take_one(&mut self, spelling: String, slot: Slot, named: bool) -> Result<(), String> {
        let key: String = spelling.nfc().flat_map(char::to_lowercase).nfc().collect();
        match self.0.entry(key) {
            Entry::Vacant(free) => {
                free.insert(Taken { spelling, slot, named });
                Ok(())
            }
            Entry::Occupied(mut taken) => {
                let taken = taken.get_mut();
                if taken.spelling != spelling {
                    return Err(format!("is {:?} in other letters", taken.spelling));
                }
                if taken.slot != slot {
                    return Err(format!("needs {spelling:?} to be a directory and a file"));
                }
                if named && taken.named {
                    return Err("is there twice".to_owned());
                }
                taken.named |= named;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "\\x", "C:\\x", "a\\..\\x", "a\0b"] {
            assert!(split(name).is_err(), "{name:?}");
        }
        assert_eq!(split("./a//b/.").unwrap(), ["a", "b"]);
        assert_eq!(split("a..b/...").unwrap(), ["a..b", "..."]);
        assert!(split("./").unwrap().is_empty());
    }

    #[test]
    fn twins_are_refused_and_siblings_are_not() {
        let mut names = Names::default();
        for (path, slot) in
            [("a/b", Slot::File), ("a", Slot::Directory), ("a/c", Slot::File), ("é", Slot::File)]
        {
            names.take(&split(path).unwrap(), slot).unwrap();
        }
        for (path, slot) in [
            ("a/b", Slot::File),
            ("a", Slot::Directory),
            ("A/d", Slot::File),
            ("a/B", Slot::File),
            ("e\u{301}", Slot::File),
            ("É", Slot::File),
            ("a/b/c", Slot::File),
            ("a", Slot::File),
        ] {
            assert!(names.take(&split(path).unwrap(), slot).is_err(), "{path:?}");
        }
    }
}

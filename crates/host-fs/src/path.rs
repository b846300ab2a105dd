//! A guest's path, parsed once: which place, which components, and whether it stays below its root.

use unicode_normalization::is_nfc;

/// Longest path string in bytes; the contract's figure, Linux's own `PATH_MAX`.
pub const MAX_PATH: usize = 4096;

/// Longest component in bytes; the contract's figure, what every common file system stores.
pub const MAX_COMPONENT: usize = 255;

/// How the names of the host's temporaries begin; 16 hexadecimal digits follow.
const TEMPORARY: &str = ".astrid-tmp.";

/// The places a path can lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `workspace://`, also spelt `cwd://` and as a bare relative path: what the capsule works on.
    Workspace,
    /// `home://`: the effective principal's own directory.
    Home,
    /// `tmp://`, also spelt `/tmp`: the effective principal's scratch directory.
    Tmp,
}

impl Scheme {
    /// The canonical spelling, with `://`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Workspace => "workspace://",
            Self::Home => "home://",
            Self::Tmp => "tmp://",
        }
    }
}

/// Why a string is no path of this package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It breaks a rule of syntax.
    #[error("the path {0}")]
    Invalid(&'static str),
    /// Its components climb above the root.
    #[error("the path climbs above its root; allowed: `..` below it")]
    Escape,
}

/// A well-formed path that, read as text, stays below its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VfsPath {
    scheme: Scheme,
    /// Scheme and collapsed components.
    spelling: String,
    /// The components as written, where `..` makes them differ from the collapsed ones.
    raw: Option<String>,
    wants_directory: bool,
}

impl VfsPath {
    /// Parses what a guest wrote. Touches no file.
    ///
    /// # Errors
    /// [`PathError::Invalid`] for control characters, decomposed characters, an unknown scheme, an
    /// absolute path outside `/tmp` or a length above [`MAX_PATH`] or [`MAX_COMPONENT`];
    /// [`PathError::Escape`] if a prefix of it climbs above the root.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        use PathError::Invalid;
        if text.len() > MAX_PATH {
            return Err(Invalid("is longer than 4096 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("has a control character; allowed: none of U+0000-1F, U+007F-9F"));
        }
        if !text.is_ascii() && !is_nfc(text) {
            return Err(Invalid("has decomposed characters; allowed: normal form NFC"));
        }
        let (scheme, rest) = split(text)?;
        let mut spelling = String::with_capacity(scheme.prefix().len() + rest.len());
        spelling.push_str(scheme.prefix());
        let (root, mut climbs) = (spelling.len(), false);
        for part in parts(rest) {
            if part.len() > MAX_COMPONENT {
                return Err(Invalid("has a component longer than 255 bytes"));
            }
            if part == ".." {
                climbs = true;
                if spelling.len() == root {
                    return Err(PathError::Escape);
                }
                let shorter = spelling.rfind('/').map_or(root, |slash| slash.max(root));
                spelling.truncate(shorter);
                continue;
            }
            if spelling.len() > root {
                spelling.push('/');
            }
            spelling.push_str(part);
        }
        let wants_directory = rest.ends_with('/') || parts_end_in_dots(rest);
        Ok(Self { scheme, spelling, raw: climbs.then(|| rest.to_owned()), wants_directory })
    }

    /// The place it lies in.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The canonical spelling of the collapsed path, such as `workspace://a/b`; a root is the bare scheme.
    #[must_use]
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// The collapsed path below the root, such as `a/b`; empty for the root.
    #[must_use]
    pub fn relative(&self) -> &str {
        self.spelling.get(self.scheme.prefix().len()..).unwrap_or_default()
    }

    /// Whether the path has no `..`, so that the collapsed form is what was written.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.raw.is_none()
    }

    /// Whether it can name nothing but a directory: a slash, `.` or `..` ends it.
    #[must_use]
    pub fn wants_directory(&self) -> bool {
        self.wants_directory
    }

    /// The path of resolved components, whose names may be such as no guest could write.
    pub(crate) fn resolved(scheme: Scheme, relative: &str) -> Self {
        let spelling = format!("{}{relative}", scheme.prefix());
        Self { scheme, spelling, raw: None, wants_directory: false }
    }

    /// The same without the demand for a directory: what stands at the end is named, not followed.
    #[must_use]
    pub(crate) fn naming(mut self) -> Self {
        self.wants_directory = false;
        self
    }

    /// Whether it is its place's root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.relative().is_empty()
    }

    /// The components as written, `..` among them, without `.` and empty ones.
    pub fn written(&self) -> impl DoubleEndedIterator<Item = &str> {
        parts(self.raw.as_deref().unwrap_or_else(|| self.relative()))
    }

    /// The collapsed components.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        parts(self.relative())
    }
}

fn parts_end_in_dots(rest: &str) -> bool {
    matches!(rest.rsplit('/').next(), Some("." | ".."))
}

/// Components of a path text, without `.` and empty ones.
pub(crate) fn parts(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// Whether a guest could write this name, so that listings may show it.
pub(crate) fn is_visible(name: &str) -> bool {
    !name.chars().any(char::is_control) && (name.is_ascii() || is_nfc(name)) && !is_temporary(name)
}

/// Whether a name is one of the host's temporaries, which do not exist for guests.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY)
        .is_some_and(|tail| tail.len() == 16 && tail.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The name of a temporary.
pub(crate) fn temporary(id: u64) -> String {
    format!("{TEMPORARY}{id:016x}")
}

/// The number in the name of a temporary.
pub(crate) fn temporary_id(name: &str) -> Option<u64> {
    if is_temporary(name) { u64::from_str_radix(name.strip_prefix(TEMPORARY)?, 16).ok() } else { None }
}

fn split(text: &str) -> Result<(Scheme, &str), PathError> {
    const WORDS: [(&str, Scheme); 4] = [
        ("workspace", Scheme::Workspace),
        ("cwd", Scheme::Workspace),
        ("home", Scheme::Home),
        ("tmp", Scheme::Tmp),
    ];
    if let Some(absolute) = text.strip_prefix('/') {
        return match absolute {
            "" => Ok((Scheme::Workspace, "")),
            "tmp" => Ok((Scheme::Tmp, "")),
            _ => match absolute.strip_prefix("tmp/") {
                Some(rest) => Ok((Scheme::Tmp, rest)),
                None => Err(PathError::Invalid("is absolute; allowed: relative, /tmp, or with a scheme")),
            },
        };
    }
    if let Some((word, rest)) = text.split_once("://").filter(|(word, _)| !word.contains('/')) {
        let known = WORDS.iter().find(|(known, _)| *known == word);
        return known.map(|(_, scheme)| (*scheme, rest)).ok_or(PathError::Invalid(
            "has an unknown scheme; allowed: workspace://, cwd://, home://, tmp://",
        ));
    }
    let halved = |word: &str| text.strip_prefix(word).is_some_and(|rest| rest.starts_with(':'));
    if WORDS.iter().any(|(word, _)| halved(word)) {
        return Err(PathError::Invalid("has a scheme without `//`"));
    }
    Ok((Scheme::Workspace, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(text: &str) -> Result<String, PathError> {
        VfsPath::parse(text).map(|path| path.spelling().to_owned())
    }

    #[test]
    fn every_spelling_of_a_place_has_one_canonical_form() {
        for (text, canonical) in [
            ("", "workspace://"),
            (".", "workspace://"),
            ("/", "workspace://"),
            ("a.txt", "workspace://a.txt"),
            ("cwd://a//b/./c/", "workspace://a/b/c"),
            ("workspace://a/../b", "workspace://b"),
            ("home://", "home://"),
            ("home:///x", "home://x"),
            ("/tmp", "tmp://"),
            ("/tmp/x/..", "tmp://"),
            ("a/b://c", "workspace://a/b:/c"),
            (".. .", "workspace://.. ."),
            ("%2e%2e/a\\b", "workspace://%2e%2e/a\\b"),
            ("é", "workspace://é"),
        ] {
            assert_eq!(spelt(text).as_deref(), Ok(canonical), "{text:?}");
        }
    }

    // fs case 6
    #[test]
    fn a_path_that_climbs_above_its_root_escapes_by_its_text_alone() {
        for text in ["../x", "workspace://../x", "a/../../x", "/tmp/..", "home://a/../.."] {
            assert_eq!(spelt(text), Err(PathError::Escape), "{text:?}");
        }
    }

    // fs case 7
    #[test]
    fn what_is_no_path_is_refused_and_not_repaired() {
        for text in [
            "/etc/passwd",
            "//tmp",
            "/tmpx",
            "file:///etc/passwd",
            "HOME://x",
            "Workspace://x",
            "workspace:/x",
            "home:x",
            "://x",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{9f}",
            "e\u{301}",
        ] {
            assert!(matches!(spelt(text), Err(PathError::Invalid(_))), "{text:?}");
        }
    }

    // fs case 8
    #[test]
    fn lengths_are_exact() {
        let long = |n: usize| format!("{}{}", "a/".repeat(n / 2), "a".repeat(n % 2));
        assert!(spelt(&long(4095)).is_ok() && spelt(&long(4096)).is_ok());
        assert!(matches!(spelt(&long(4097)), Err(PathError::Invalid(_))));
        assert!(spelt(&"n".repeat(254)).is_ok() && spelt(&"n".repeat(255)).is_ok());
        assert!(matches!(spelt(&"n".repeat(256)), Err(PathError::Invalid(_))));
    }

    #[test]
    fn a_slash_or_dot_at_the_end_wants_a_directory() {
        for (text, wants) in
            [("a/", true), ("a/.", true), ("a/..", true), ("a", false), ("a.", false), ("", false)]
        {
            assert_eq!(VfsPath::parse(text).unwrap().wants_directory(), wants, "{text:?}");
        }
    }

    #[test]
    fn only_sixteen_digits_make_a_temporary() {
        assert!(is_temporary(&temporary(7)) && temporary_id(&temporary(7)) == Some(7));
        assert!(!is_temporary(".astrid-tmp.7") && !is_temporary(".astrid-tmp.000000000000000g"));
    }
}

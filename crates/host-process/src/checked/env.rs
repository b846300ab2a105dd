//! The environment a guest gives.

use std::collections::HashSet;

use super::injections::Placed;
use super::work_dir;
use crate::limits::{MAX_ENV, MAX_ENV_KEY, MAX_ENV_VALUE};
use crate::{Error, Placement, WorkDir};

/// Names that make a loader, a shell or an interpreter run or read something else, and the host's own.
const RESERVED: [&str; 13] = [
    "PATH",
    "BASH_ENV",
    "ENV",
    "ZDOTDIR",
    "GCONV_PATH",
    "NODE_OPTIONS",
    "PERL5OPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "RUBYOPT",
    "ASTRID_HOME",
    "ASTRID_SOCKET_PATH",
    "ASTRID_SESSION_TOKEN",
];

/// Variables that are set, and the home among them if it is one of the host's directories.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) home: Option<WorkDir>,
}

impl Environment {
    pub(crate) fn parse(given: Vec<(String, String)>) -> Result<Self, Error> {
        if given.len() > MAX_ENV {
            return Err(Error::Invalid("an environment has at most 256 variables"));
        }
        let mut seen = HashSet::new();
        for (key, value) in &given {
            check_name(key)?;
            if value.len() > MAX_ENV_VALUE || value.contains('\0') {
                return Err(Error::Invalid("a variable's value has at most 65536 bytes and no NUL"));
            }
            if !seen.insert(key.as_str()) {
                return Err(Error::Invalid("a variable is given once"));
            }
        }
        let mut parsed = Self::default();
        for (key, value) in given {
            if key == "HOME" && !value.starts_with('/') {
                if !value.starts_with("home://") {
                    return Err(Error::Invalid("HOME is absolute or begins with home://"));
                }
                parsed.home = Some(work_dir::parse(Some(&value))?);
            } else {
                parsed.variables.push((key, value));
            }
        }
        Ok(parsed)
    }
}

impl Environment {
    /// A variable that points at an injected file is the host's, whatever the guest says.
    pub(crate) fn yield_to(&mut self, injections: &[Placed]) {
        let pointed = |key: &str| {
            injections.iter().any(|one| matches!(&one.placement, Placement::EnvPointer(name) if name == key))
        };
        self.variables.retain(|(key, _)| !pointed(key));
        if pointed("HOME") {
            self.home = None;
        }
    }
}

/// A name that a guest may set.
pub(crate) fn check_name(key: &str) -> Result<(), Error> {
    let mut bytes = key.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !first || key.len() > MAX_ENV_KEY || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Error::Invalid(
            "a variable's name has at most 256 letters, digits and underscores, the first no digit",
        ));
    }
    if RESERVED.contains(&key) || key.starts_with("LD_") || key.starts_with("DYLD_") {
        return Err(Error::Invalid("the variable is reserved for the host"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(n: usize) -> Vec<(String, String)> {
        (0..n).map(|n| (format!("V{n}"), String::new())).collect()
    }

    fn one(key: &str, value: &str) -> Result<Environment, Error> {
        Environment::parse(vec![(key.to_owned(), value.to_owned())])
    }

    // process case 10
    #[test]
    fn an_environment_has_at_most_256_variables_each_once_and_bounded() {
        for n in [0, 255, 256] {
            assert!(Environment::parse(variables(n)).is_ok(), "{n}");
        }
        assert!(Environment::parse(variables(257)).is_err());
        assert!(one("A", &"x".repeat(65_536)).is_ok());
        assert!(one("A", &"x".repeat(65_537)).is_err());
        assert!(one("A", "a\0").is_err());
        assert!(one(&"k".repeat(256), "").is_ok());
        assert!(one(&"k".repeat(257), "").is_err());
        assert!(Environment::parse([variables(1), variables(1)].concat()).is_err());
    }

    // process case 11
    #[test]
    fn names_that_are_none_and_reserved_ones_are_refused() {
        let reserved = ["LD_PRELOAD", "PATH", "ASTRID_SESSION_TOKEN", "DYLD_X", "LD_", "BASH_ENV"];
        for bad in reserved.into_iter().chain(["1A", "A-B", "", "A=B", "É", "BASH_FUNC_x%%"]) {
            assert!(one(bad, "x").is_err(), "{bad}");
        }
        for good in ["A", "_", "LDX", "path", "TMPDIR", "A1_"] {
            assert!(one(good, "a\nb=c").is_ok(), "{good}");
        }
    }

    #[test]
    fn a_home_is_absolute_or_below_home() {
        assert_eq!(one("HOME", "/x").unwrap().variables.len(), 1);
        let below = one("HOME", "home://a/b").unwrap();
        assert!(below.variables.is_empty());
        assert_eq!(below.home, Some(WorkDir::Home(vec!["a".to_owned(), "b".to_owned()])));
        assert!(one("HOME", "x").is_err());
        assert!(matches!(one("HOME", "home://../x"), Err(Error::Escape)));
    }
}

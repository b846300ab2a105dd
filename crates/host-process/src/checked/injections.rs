//! Injected files.

use std::collections::HashSet;
use std::path::PathBuf;

use bytes::Bytes;

use super::env::check_name;
use crate::limits::{MAX_CWD, MAX_INJECTED, MAX_INJECTION, MAX_INJECTIONS};
use crate::{Error, FileInjection, Grade, InjectionPlacement, Placement};

/// A file whose hash is still to be made, which takes a while.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) content: Bytes,
    pub(crate) placement: Placement,
}

/// Checks sizes, then places. What a grade cannot do is refused here; without a sandbox there is no grade, and
/// the start fails for that.
pub(crate) fn parse(given: Vec<FileInjection>, grade: Option<Grade>) -> Result<Vec<Placed>, Error> {
    if given.len() > MAX_INJECTIONS {
        return Err(Error::TooManyInjections(MAX_INJECTIONS));
    }
    if given.iter().any(|one| one.content.len() > MAX_INJECTION) {
        return Err(Error::TooLarge { what: "an injected file", limit: MAX_INJECTION as u64 });
    }
    if given.iter().map(|one| one.content.len()).sum::<usize>() > MAX_INJECTED {
        return Err(Error::TooLarge { what: "what is injected", limit: MAX_INJECTED as u64 });
    }
    let mut places = Places::default();
    let mut placed = Vec::with_capacity(given.len());
    for one in given {
        let placement = match one.placement {
            InjectionPlacement::EnvPointer(name) => places.variable(name)?,
            InjectionPlacement::FixedPath(path) => places.path(&path)?,
        };
        placed.push(Placed { content: one.content.into(), placement });
    }
    let fixed = !places.paths.is_empty();
    match grade {
        Some(grade) if !placed.is_empty() && !grade.injections => Err(Error::InjectionNeedsSandbox),
        Some(grade) if fixed && !grade.fixed_paths => {
            Err(Error::Invalid("this host shows files at paths of its own choice alone"))
        }
        _ => Ok(placed),
    }
}

/// What is taken already.
#[derive(Default)]
struct Places {
    variables: HashSet<String>,
    paths: Vec<Vec<String>>,
}

impl Places {
    fn variable(&mut self, name: String) -> Result<Placement, Error> {
        check_name(&name)?;
        if !self.variables.insert(name.clone()) {
            return Err(Error::Invalid("a variable points at one injected file"));
        }
        Ok(Placement::EnvPointer(name))
    }

    fn path(&mut self, path: &str) -> Result<Placement, Error> {
        let bad = |c: char| matches!(c, '\0' | '"' | '\\');
        if !path.starts_with('/') || path.len() > MAX_CWD || path.contains(bad) {
            return Err(Error::Invalid(
                "an injected file's path is absolute, has at most 4096 bytes and no NUL, quote or backslash",
            ));
        }
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        let reserved = ["proc", "sys", "dev"];
        match parts.first() {
            None => return Err(Error::Invalid("an injected file's path names a file")),
            Some(first) if reserved.contains(&first.as_str()) => {
                return Err(Error::Invalid("no file is injected below /proc, /sys or /dev"));
            }
            Some(_) => {}
        }
        if parts.iter().any(|part| part == "..") || path.ends_with('/') {
            return Err(Error::Invalid("an injected file's path has no \"..\" and no slash at its end"));
        }
        if self.paths.iter().any(|taken| taken.starts_with(&parts) || parts.starts_with(taken)) {
            return Err(Error::Invalid("no injected file is another or lies below it"));
        }
        let placement = Placement::FixedPath(PathBuf::from(format!("/{}", parts.join("/"))));
        self.paths.push(parts);
        Ok(placement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Grade = Grade { name: "bwrap", persistent: true, fixed_paths: true, injections: true };

    fn env(name: &str) -> InjectionPlacement {
        InjectionPlacement::EnvPointer(name.to_owned())
    }

    fn fixed(path: &str) -> InjectionPlacement {
        InjectionPlacement::FixedPath(path.to_owned())
    }

    fn check(placements: &[InjectionPlacement], grade: Grade) -> Result<Vec<Placed>, Error> {
        let one = |placement: &InjectionPlacement| FileInjection {
            content: Vec::new(),
            placement: placement.clone(),
        };
        parse(placements.iter().map(one).collect(), Some(grade))
    }

    fn sized(sizes: &[usize]) -> Result<Vec<Placed>, Error> {
        let one = |(n, size): (usize, &usize)| FileInjection {
            content: vec![0; *size],
            placement: env(&format!("V{n}")),
        };
        parse(sizes.iter().enumerate().map(one).collect(), Some(ALL))
    }

    // process case 70
    #[test]
    fn at_most_128_files_of_8_mib_and_16_mib_together_are_injected() {
        assert_eq!(sized(&[0; 128]).unwrap().len(), 128);
        assert!(matches!(sized(&[0; 129]), Err(Error::TooManyInjections(128))));
        assert!(sized(&[MAX_INJECTION]).is_ok());
        assert!(matches!(sized(&[MAX_INJECTION + 1]), Err(Error::TooLarge { .. })));
        assert!(sized(&[MAX_INJECTION, MAX_INJECTION]).is_ok());
        assert!(matches!(sized(&[MAX_INJECTION, MAX_INJECTION, 1]), Err(Error::TooLarge { .. })));
    }

    // process case 70
    #[test]
    fn places_that_are_none_are_taken_or_are_reserved_are_refused() {
        for bad in [
            &[env("A"), env("A")][..],
            &[fixed("/a/./b"), fixed("/a/b")],
            &[fixed("/a"), fixed("/a/b")],
            &[fixed("/a/b"), fixed("/a")],
            &[fixed("/a/../b")],
            &[fixed("a/b")],
            &[fixed("/")],
            &[fixed("/a/")],
            &[fixed("/proc/x")],
            &[fixed("//sys/x")],
            &[fixed("/dev")],
            &[fixed("/a\"b")],
            &[fixed("/a\\b")],
            &[fixed("/a\0")],
            &[env("LD_PRELOAD")],
            &[env("1A")],
        ] {
            assert!(matches!(check(bad, ALL), Err(Error::Invalid(_))), "{bad:?}");
        }
        let placed = check(&[fixed("//a/./b"), fixed("/ab"), env("A")], ALL).unwrap();
        assert_eq!(placed[0].placement, Placement::FixedPath("/a/b".into()));
    }

    // process case 69
    #[test]
    fn a_grade_without_mounts_has_no_fixed_paths_and_one_without_sandbox_no_injections() {
        let landlock = Grade { fixed_paths: false, ..ALL };
        assert!(matches!(check(&[fixed("/a")], landlock), Err(Error::Invalid(_))));
        assert!(check(&[env("A")], landlock).is_ok());
        let off = Grade { injections: false, ..ALL };
        assert!(matches!(check(&[env("A")], off), Err(Error::InjectionNeedsSandbox)));
        assert!(check(&[], off).is_ok());
    }
}

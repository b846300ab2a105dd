//! `cwd`.

use crate::limits::MAX_CWD;
use crate::{Error, WorkDir};

/// Nothing means the workspace itself. Whether the directory is there is found out when it is opened.
pub(crate) fn parse(cwd: Option<&str>) -> Result<WorkDir, Error> {
    let cwd = cwd.unwrap_or_default();
    if cwd.len() > MAX_CWD {
        return Err(Error::Invalid("a working directory has at most 4096 bytes"));
    }
    if cwd.chars().any(char::is_control) {
        return Err(Error::Invalid("a working directory has no control character"));
    }
    let (home, path) = match (cwd.strip_prefix("cwd://"), cwd.strip_prefix("home://")) {
        (Some(path), _) => (false, path),
        (_, Some(path)) => (true, path),
        (None, None) => (false, cwd),
    };
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Error::Escape);
    }
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned);
    let parts = parts.collect();
    Ok(if home { WorkDir::Home(parts) } else { WorkDir::Workspace(parts) })
}

/// Whether it lies in the principal's home, which needs a grant of its own.
pub(crate) fn needs_home(dir: &WorkDir) -> bool {
    matches!(dir, WorkDir::Home(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(parts: &[&str]) -> WorkDir {
        WorkDir::Workspace(parts.iter().map(|&part| part.to_owned()).collect())
    }

    // process case 17
    #[test]
    fn nothing_is_the_root_and_relative_paths_lie_in_it() {
        for root in [None, Some(""), Some("."), Some("cwd://"), Some("./")] {
            assert_eq!(parse(root).unwrap(), workspace(&[]), "{root:?}");
        }
        for below in ["sub/x", "cwd://sub/x", "./sub//x/", "sub/./x"] {
            assert_eq!(parse(Some(below)).unwrap(), workspace(&["sub", "x"]), "{below}");
        }
        assert_eq!(parse(Some("home://a")).unwrap(), WorkDir::Home(vec!["a".to_owned()]));
    }

    // process case 17
    #[test]
    fn absolute_paths_and_dot_dot_leave_it() {
        for bad in ["../x", "/etc", "a/../b", "..", "cwd://..", "cwd:///etc", "home://a/..", "home:///x"] {
            assert!(matches!(parse(Some(bad)), Err(Error::Escape)), "{bad}");
        }
    }

    // process case 18
    #[test]
    fn control_characters_and_overlong_paths_are_invalid() {
        for bad in ["a\0", "a\n", &"x".repeat(4097)] {
            assert!(matches!(parse(Some(bad)), Err(Error::Invalid(_))), "{bad:?}");
        }
        assert!(parse(Some(&"x".repeat(4096))).is_ok());
    }
}

//! `host_process` and `process.allow`: which programs, with which leading arguments.

use std::collections::HashMap;

/// What an entry that grants nothing should have been.
pub(crate) const ALLOWED: &str = "a bare command name or an absolute path, with or without leading arguments";

/// Commands by program. An entry `git status` allows that program with arguments that begin so.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommandRules {
    by_program: HashMap<Box<str>, Vec<Box<str>>>,
}

impl CommandRules {
    /// The entries that grant nothing are told to `unusable`.
    pub(crate) fn parse<'a>(
        entries: impl IntoIterator<Item = &'a str>,
        mut unusable: impl FnMut(&'a str),
    ) -> Self {
        let mut rules = Self::default();
        for entry in entries {
            let (program, arguments) = entry.split_once(' ').unwrap_or((entry, ""));
            match is_program(program)
                && program != "*"
                && (program.starts_with('/') || !program.contains('/'))
            {
                true => rules.by_program.entry(program.into()).or_default().push(arguments.into()),
                false => unusable(entry),
            }
        }
        rules
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_program.is_empty()
    }

    /// Whether an entry allows the program, named verbatim, with these arguments.
    pub(crate) fn cover(&self, program: &str, args: &[String]) -> bool {
        let entries = self.by_program.get(program);
        entries.is_some_and(|entries| entries.iter().any(|leading| begins(leading, args)))
    }
}

/// What the host refuses to run at all, whatever is declared.
pub(crate) fn is_program(program: &str) -> bool {
    !program.is_empty() && !program.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether `args`, joined with spaces, are `leading` or go on after it with another word.
fn begins(leading: &str, args: &[String]) -> bool {
    if leading.is_empty() {
        return true;
    }
    let mut joined = args.iter().enumerate().flat_map(|(at, arg)| {
        let space = (at > 0).then_some(b' ');
        space.into_iter().chain(arg.bytes())
    });
    leading.bytes().all(|byte| joined.next() == Some(byte)) && matches!(joined.next(), None | Some(b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins_with(leading: &str, args: &[&str]) -> bool {
        begins(leading, &args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn leading_arguments_are_whole_words() {
        assert!(begins_with("", &["anything"]));
        assert!(begins_with("status", &["status"]));
        assert!(begins_with("status", &["status", "-s"]));
        assert!(begins_with("remote show", &["remote", "show", "origin"]));
        assert!(!begins_with("status", &[]));
        assert!(!begins_with("status", &["statusx"]));
        assert!(!begins_with("remote show", &["remote"]));
        assert!(!begins_with("status", &["-s", "status"]));
    }
}

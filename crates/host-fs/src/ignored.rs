//! `.astridignore`: what a workspace's owner keeps from every capsule, in the syntax of gitignore.
//!
//! A pattern that ends with `/` matches what has the name, be it a directory or not: whether it is one may
//! not be looked up before a path is granted.

use crate::fold::folded;

/// The name of the file, at the root. Itself it is always kept from capsules.
pub(crate) const FILE: &str = ".astridignore";

/// Largest file that is read: far above what a person writes.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// The patterns of one file.
#[derive(Debug)]
pub(crate) struct Ignored {
    rules: Vec<Rule>,
    /// Whether names that differ in case are the same there.
    folds: bool,
}

#[derive(Debug)]
struct Rule {
    /// Whether it takes back what an earlier one said.
    takes_back: bool,
    /// The pattern by components; `**` is any number of them.
    parts: Vec<Vec<char>>,
}

impl Ignored {
    pub(crate) fn parse(text: &str, folds: bool) -> Self {
        let own = Rule { takes_back: false, parts: vec![FILE.chars().collect()] };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rules = text.lines().filter_map(|line| rule(line, folds)).chain([own]).collect();
        Self { rules, folds }
    }

    /// Whether a path below the root is kept from capsules: by a pattern, or by one for a directory above it.
    pub(crate) fn covers(&self, relative: &str) -> bool {
        let folded = self.folds.then(|| folded(relative));
        let relative = folded.as_deref().unwrap_or(relative);
        let components: Vec<Vec<char>> =
            crate::path::parts(relative).map(|part| part.chars().collect()).collect();
        // What lies in an ignored directory cannot be taken back.
        (1..=components.len()).any(|length| self.says(components.get(..length).unwrap_or_default()))
    }

    /// What the last pattern that matches says.
    fn says(&self, path: &[Vec<char>]) -> bool {
        let last = self.rules.iter().rev().find(|rule| matches_path(&rule.parts, path));
        last.is_some_and(|rule| !rule.takes_back)
    }
}

fn rule(line: &str, folds: bool) -> Option<Rule> {
    let line = trimmed(line);
    let (takes_back, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    if pattern.is_empty() || pattern.starts_with('#') && !takes_back {
        return None;
    }
    let pattern = if folds { folded(pattern) } else { pattern.to_owned() };
    let whole = pattern.strip_suffix('/').unwrap_or(&pattern);
    // A slash before the end ties it to the root; any other matches at every depth.
    let tied = whole.contains('/');
    let mut parts: Vec<Vec<char>> =
        whole.split('/').filter(|part| !part.is_empty()).map(|part| part.chars().collect()).collect();
    if parts.is_empty() {
        return None;
    }
    if !tied {
        parts.insert(0, vec!['*', '*']);
    }
    Some(Rule { takes_back, parts })
}

/// Without the blanks at the end, unless a backslash keeps them.
fn trimmed(line: &str) -> &str {
    let mut line = line.strip_suffix('\r').unwrap_or(line);
    while let Some(shorter) = line.strip_suffix([' ', '\t']) {
        if shorter.ends_with('\\') {
            break;
        }
        line = shorter;
    }
    line
}

fn is_any_depth(part: &[char]) -> bool {
    matches!(part, ['*', '*'])
}

/// Whether components match; `reach` says for how much of the path each number of parts has matched.
fn matches_path(parts: &[Vec<char>], path: &[Vec<char>]) -> bool {
    let mut reach = vec![false; path.len() + 1];
    if let Some(start) = reach.first_mut() {
        *start = true;
    }
    for (n, part) in parts.iter().enumerate() {
        let mut next = vec![false; path.len() + 1];
        let mut before = false;
        for (at, (reached, into)) in reach.iter().zip(&mut next).enumerate() {
            if is_any_depth(part) {
                // At the end it is what lies below, and not the directory itself.
                *into = before || (*reached && n + 1 < parts.len());
                before |= *reached;
            } else if let Some(name) = at.checked_sub(1).and_then(|at| path.get(at)) {
                *into = before && matches_name(part, name);
                before = *reached;
            } else {
                before = *reached;
            }
        }
        reach = next;
    }
    reach.last() == Some(&true)
}

/// One component: `*`, `?`, sets and backslashes. Steps back to the last `*` alone, so it takes at most
/// the product of both lengths.
fn matches_name(mut pattern: &[char], mut name: &[char]) -> bool {
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        if let Some((first, rest)) = pattern.split_first()
            && *first == '*'
        {
            pattern = rest;
            star = Some((rest, name));
            continue;
        }
        let stepped = match name.split_first() {
            None if pattern.is_empty() => return true,
            None => return false,
            Some((c, left)) => one(pattern, *c).map(|rest| (rest, left)),
        };
        (pattern, name) = match (stepped, &mut star) {
            (Some(stepped), _) => stepped,
            (None, Some((after, from))) => {
                let Some((_, shorter)) = from.split_first() else { return false };
                *from = shorter;
                (*after, shorter)
            }
            (None, None) => return false,
        };
    }
}

/// What is left of the pattern if its first element matches the character.
fn one(pattern: &[char], c: char) -> Option<&[char]> {
    let (first, rest) = pattern.split_first()?;
    match first {
        '?' => Some(rest),
        '\\' => rest.split_first().filter(|(literal, _)| **literal == c).map(|(_, rest)| rest),
        '[' => match set(rest, c) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            // A bracket that is never closed is one.
            None => (c == '[').then_some(rest),
        },
        literal => (*literal == c).then_some(rest),
    }
}

/// Whether a set holds the character, and what follows it; none if it has no end.
fn set(pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let (inverted, mut rest) = match pattern.split_first() {
        Some(('!' | '^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    let (mut held, mut first) = (false, true);
    loop {
        let (low, after) = literal(rest)?;
        if low.1 == ']' && !low.0 && !first {
            return Some((held != inverted, after));
        }
        first = false;
        rest = after;
        let mut high = low.1;
        if let Some(('-', tail)) = rest.split_first()
            && let Some((end, after)) = literal(tail)
            && (end.0 || end.1 != ']')
        {
            (high, rest) = (end.1, after);
        }
        held |= (low.1..=high).contains(&c);
    }
}

/// A character of a set, with whether a backslash made it one.
fn literal(pattern: &[char]) -> Option<((bool, char), &[char])> {
    let (first, rest) = pattern.split_first()?;
    match (first, rest.split_first()) {
        ('\\', Some((escaped, rest))) => Some(((true, *escaped), rest)),
        _ => Some(((false, *first), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        let rows: [(&str, &[&str], &[&str]); 17] = [
            ("*.pem", &["a.pem", "d/e/a.pem", "x.pem/below"], &["a.pem.txt", "pem"]),
            ("/secret", &["secret", "secret/x"], &["d/secret", "secrets"]),
            ("build/", &["build/x", "d/build/x", "build"], &["builder", "rebuild"]),
            ("d/e", &["d/e", "d/e/f"], &["x/d/e", "d/ef"]),
            ("**/logs", &["logs", "a/logs", "a/b/logs/c"], &["log", "a/logs2"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a/zz", "b/a/z"]),
            ("keys/**", &["keys/a", "keys/a/b"], &["keys", "x/keys/a"]),
            ("a/*/c", &["a/b/c"], &["a/c", "a/b/b/c"]),
            ("f?o", &["foo", "d/fxo"], &["fo", "f/o", "fooo"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x", "[a-c]x"]),
            ("[!a-c]x", &["dx"], &["ax"]),
            ("[]-]x", &["]x", "-x"], &["ax"]),
            ("[open", &["[open"], &["open", "o"]),
            ("\\#x\n\\!y\nz\\ ", &["#x", "!y", "z "], &["x", "y", "z"]),
            ("# comment\n\n   \n", &[], &["# comment", "comment", " "]),
            ("*.key\n!public.key", &["a.key"], &["public.key", "d/public.key"]),
            ("d\n!d/kept", &["d", "d/kept", "d/x"], &["kept"]),
        ];
        for (text, covered, others) in rows {
            let ignored = Ignored::parse(text, false);
            for path in covered {
                assert!(ignored.covers(path), "{text:?} {path}");
            }
            for path in others {
                assert!(!ignored.covers(path), "{text:?} {path}");
            }
        }
    }

    #[test]
    fn the_file_itself_is_kept_from_capsules_whatever_it_says() {
        for text in ["", "!.astridignore", "!*"] {
            assert!(Ignored::parse(text, false).covers(".astridignore"));
            assert!(!Ignored::parse(text, false).covers("d/.astridignore"));
        }
    }

    #[test]
    fn where_case_is_folded_so_are_patterns() {
        assert!(Ignored::parse("Secret/\n", true).covers("sECRET/x"));
        assert!(!Ignored::parse("Secret/\n", false).covers("secret/x"));
    }

    #[test]
    fn many_stars_take_no_more_time_than_their_product() {
        let text = "*a".repeat(100);
        assert!(!Ignored::parse(&text, false).covers(&"a".repeat(99)));
        assert!(Ignored::parse(&text, false).covers(&"a".repeat(200)));
    }
}

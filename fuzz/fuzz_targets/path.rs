//! The parser of paths against rules said in another way: components in a list, no string arithmetic.
#![no_main]

use astrid_host_fs::{MAX_COMPONENT, MAX_PATH, PathError, Scheme, VfsPath};
use libfuzzer_sys::fuzz_target;

/// What a path means: its place and its components, or why not.
fn model(text: &str) -> Result<(Scheme, Vec<&str>, bool), PathError> {
    let invalid = PathError::Invalid("");
    if text.len() > MAX_PATH || text.chars().any(|c| matches!(c as u32, 0..=0x1f | 0x7f..=0x9f)) {
        return Err(invalid);
    }
    let words = [
        ("workspace", Scheme::Workspace),
        ("cwd", Scheme::Workspace),
        ("home", Scheme::Home),
        ("tmp", Scheme::Tmp),
    ];
    let (scheme, rest) = if text == "/" {
        (Scheme::Workspace, "")
    } else if text == "/tmp" || text.starts_with("/tmp/") {
        (Scheme::Tmp, &text["/tmp".len()..])
    } else if text.starts_with('/') {
        return Err(invalid);
    } else if let Some((word, scheme)) =
        words.iter().find(|(word, _)| text.starts_with(&format!("{word}://")))
    {
        (*scheme, &text[word.len() + "://".len()..])
    } else if text.split('/').next().is_some_and(|first| {
        // Any other word before `://`, and a known one before a single colon.
        let known = words.iter().any(|(word, _)| first.starts_with(&format!("{word}:")));
        known || (first.ends_with(':') && text[first.len()..].starts_with("//"))
    }) || (text.starts_with("://"))
    {
        return Err(invalid);
    } else {
        (Scheme::Workspace, text)
    };
    let mut stack = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            _ if part.len() > MAX_COMPONENT => return Err(invalid),
            ".." => {
                stack.pop().ok_or(PathError::Escape)?;
            }
            _ => stack.push(part),
        }
    }
    let last = rest.rsplit('/').next().unwrap_or_default();
    let directory = (rest.contains('/') && last.is_empty()) || last == "." || last == "..";
    Ok((scheme, stack, directory))
}

fuzz_target!(|text: &str| {
    let parsed = VfsPath::parse(text);
    match (&parsed, model(text)) {
        (Ok(path), Ok((scheme, stack, directory))) => {
            assert_eq!(path.scheme(), scheme, "{text:?}");
            assert_eq!(path.components().collect::<Vec<_>>(), stack, "{text:?}");
            assert_eq!(path.relative(), stack.join("/"), "{text:?}");
            // A root is a directory whether it is asked for or not.
            assert!(path.is_root() || path.wants_directory() == directory, "{text:?}");
            assert_eq!(path.is_root(), stack.is_empty(), "{text:?}");
            assert_eq!(path.is_plain(), !path.written().any(|part| part == ".."), "{text:?}");
            // The canonical spelling means itself, unless a longer scheme made it too long.
            match VfsPath::parse(path.spelling()) {
                Ok(again) => {
                    assert_eq!(again.spelling(), path.spelling(), "{text:?}");
                    assert!(again.is_plain(), "{text:?}");
                }
                Err(_) => assert!(path.spelling().len() > MAX_PATH, "{text:?}"),
            }
        }
        (Err(PathError::Escape), Err(PathError::Escape)) => {}
        (Err(PathError::Invalid(why)), Err(PathError::Invalid(_))) => {
            assert!(!why.is_empty() && why.is_ascii(), "{why}");
        }
        // What is not in its normal form is invalid whatever else it is; the model leaves that to the library.
        (Err(PathError::Invalid(why)), _) => {
            assert!(why.contains("NFC") && !text.is_ascii(), "{text:?}: {why}")
        }
        (said, expected) => panic!("{text:?}: {said:?}, expected {expected:?}"),
    }
});

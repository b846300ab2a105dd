//! Paths a manifest may name: relative to the capsule's directory, and never out of it.

use std::path::PathBuf;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink};
use crate::text::quote;

const ALLOWED: &str = "a relative path without \"..\"";

/// Whether some segment of `path` is `..`. Both separators count, so that a path means the same on every system.
pub(crate) fn climbs(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| segment == "..")
}

/// Reads the path at `key`, if it is given.
pub(crate) fn relative_at(
    table: &Cursor<'_>,
    key: &str,
    sink: &mut Sink<'_>,
) -> Result<Option<PathBuf>, Faulted> {
    table
        .get(key)
        .map(|found| relative(&found, sink))
        .transpose()
}

/// Reads the path at `cursor`.
pub(crate) fn relative(cursor: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<PathBuf, Faulted> {
    let path = inside(cursor, sink)?;
    if path.has_root() {
        let problem = format!("{} is absolute", quote(&path.to_string_lossy()));
        return Err(sink.fault(cursor, Code::PathEscape, problem, ALLOWED));
    }
    Ok(path)
}

/// Reads a path that may be absolute, because the loader decides whether it accepts those.
pub(crate) fn inside(cursor: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<PathBuf, Faulted> {
    let path = cursor.text().unwrap_or_default();
    let problem = if path.is_empty() {
        return Err(sink.fault(cursor, Code::EmptyValue, "the path is empty", ALLOWED));
    } else if path.contains('\0') {
        "holds a NUL"
    } else if climbs(path) {
        "leaves the capsule's directory with \"..\""
    } else if has_drive(path) {
        "starts with a Windows drive"
    } else if path.starts_with('\\') {
        "is absolute"
    } else {
        return Ok(PathBuf::from(path));
    };
    Err(sink.fault(
        cursor,
        Code::PathEscape,
        format!("{} {problem}", quote(path)),
        ALLOWED,
    ))
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

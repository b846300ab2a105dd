//! Unknown keys, and the known key that was probably meant.

use crate::code::Code;
use crate::cursor::Cursor;
use crate::schema::{Schema, Shape};
use crate::sink::{Sink, key_of};

/// A key further away than this is a different word, not a slip.
const MAX_DISTANCE: usize = 2;

pub(super) fn warn_unknown(schema: &Schema, name: &str, entry: &Cursor<'_>, sink: &mut Sink<'_>) {
    let mut message = format!("unknown key \"{}\" {}", entry.path, schema.unknown);
    if let Some(near) = nearest(schema, name) {
        message.push_str(&format!(" (did you mean \"{near}\"?)"));
    }
    sink.warn(key_of(entry), Code::UnknownKey, message);
}

fn nearest(schema: &Schema, name: &str) -> Option<&'static str> {
    let known = schema
        .fields
        .iter()
        .filter(|field| !matches!(field.shape, Shape::Refused(_)));
    let names = known.flat_map(|field| field.names.iter().copied());
    names
        .filter_map(|known| Some((distance(known, name)?, known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

fn distance(known: &str, name: &str) -> Option<usize> {
    if known.len().abs_diff(name.len()) > 4 * MAX_DISTANCE {
        return None;
    }
    if known.replace('-', "_") == name.replace('-', "_") {
        return Some(0);
    }
    Some(strsim::damerau_levenshtein(known, name)).filter(|distance| *distance <= MAX_DISTANCE)
}

//! Finds the top-level members a publish takes out or unwraps, as ranges of the original text.

use std::fmt;
use std::ops::Range;

use astrid_host_context::Uuid;
use bytes::{Bytes, BytesMut};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::payload::InvalidPayload;

const DELIVERY_MEMBER: &str = "_astrid_delivery_id";

/// What happens to a checked text.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) delivery: Option<Uuid>,
    edit: Edit,
}

#[derive(Debug)]
enum Edit {
    Keep,
    /// Only this range stays.
    Unwrap(Range<usize>),
    /// An object of these members; `outer` is what stood between the braces.
    Members {
        outer: Range<usize>,
        kept: Vec<Range<usize>>,
    },
}

impl Change {
    pub(crate) fn apply(self, text: Bytes) -> Bytes {
        match self.edit {
            Edit::Keep => text,
            Edit::Unwrap(range) => text.slice(range),
            Edit::Members { outer, kept } => {
                let mut out = BytesMut::with_capacity(text.len());
                out.extend_from_slice(&text.slice(..outer.start));
                for (index, member) in kept.into_iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b",");
                    }
                    out.extend_from_slice(&text.slice(member));
                }
                out.extend_from_slice(&text.slice(outer.end..));
                out.freeze()
            }
        }
    }
}

/// Checks that `text` is one JSON value, and finds what is to be changed in it.
pub(crate) fn plan(text: &str) -> Result<Change, InvalidPayload> {
    let not_json = |e: serde_json::Error| InvalidPayload::NotJson { line: e.line(), column: e.column() };
    let mut parser = serde_json::Deserializer::from_str(text);
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        serde::Deserialize::deserialize(&mut parser).map(|_: IgnoredAny| ()).map_err(not_json)?;
        parser.end().map_err(not_json)?;
        return Ok(Change { delivery: None, edit: Edit::Keep });
    }
    let members = parser.deserialize_map(Members { text }).map_err(not_json)?;
    parser.end().map_err(not_json)?;
    members.change(text)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Type,
    Data,
    Delivery,
    Other,
}

/// What of an object matters to the rewrite. Memory follows the members it is about, not all of them.
#[derive(Debug, Default)]
struct Found {
    /// Values of the last member of each name.
    kind: Option<Range<usize>>,
    data: Option<Range<usize>>,
    delivery: Option<Range<usize>>,
    /// The text between commas: each `type` and delivery member alone, the rest in runs.
    pieces: Vec<(Role, Range<usize>)>,
}

struct Members<'a> {
    text: &'a str,
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let text = self.text;
        let mut found = Found::default();
        let mut open: Option<(Role, Range<usize>)> = None;
        while let Some((key, value)) = map.next_entry::<&'de RawValue, &'de RawValue>()? {
            let (key, value) = (range_in(text, key.get()), range_in(text, value.get()));
            let start = match open.take() {
                Some((role, piece)) => {
                    let comma = comma(text, piece.end..key.start);
                    found.piece(role, piece.start..comma);
                    comma + 1
                }
                None => inside(text).start,
            };
            let role = role(text.get(key).unwrap_or_default());
            match role {
                Role::Type => found.kind = Some(value.clone()),
                Role::Data => found.data = Some(value.clone()),
                Role::Delivery => found.delivery = Some(value.clone()),
                Role::Other => {}
            }
            open = Some((role, start..value.end));
        }
        if let Some((role, piece)) = open {
            found.piece(role, piece.start..inside(text).end);
        }
        Ok(found)
    }
}

/// What stands between the outermost braces of an object.
fn inside(text: &str) -> Range<usize> {
    text.find('{').map_or(0, |at| at + 1)..text.rfind('}').unwrap_or(text.len())
}

/// Both are slices of the same text, so their addresses differ by the offset.
fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// The key with its quotes; one with escapes may still spell a name that matters.
fn role(key: &str) -> Role {
    let plain = key.trim_matches('"');
    if plain.contains('\\') {
        return serde_json::from_str::<String>(key).map_or(Role::Other, |name| role_of(&name));
    }
    role_of(plain)
}

fn role_of(name: &str) -> Role {
    match name {
        "type" => Role::Type,
        "data" => Role::Data,
        DELIVERY_MEMBER => Role::Delivery,
        _ => Role::Other,
    }
}

impl Found {
    fn piece(&mut self, role: Role, range: Range<usize>) {
        let role = if role == Role::Data { Role::Other } else { role };
        match self.pieces.last_mut() {
            Some((Role::Other, run)) if role == Role::Other => run.end = range.end,
            _ => self.pieces.push((role, range)),
        }
    }

    fn change(self, text: &str) -> Result<Change, InvalidPayload> {
        let value = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let delivery = self.delivery.as_ref().map(|range| delivery_id(value(range))).transpose()?;
        let kind = self.kind.as_ref().and_then(|range| serde_json::from_str::<String>(value(range)).ok());
        let raw = kind.as_deref() == Some("raw_json");
        let edit = match self.data {
            Some(data) if kind.as_deref() == Some("custom") => Edit::Unwrap(data),
            _ if raw || delivery.is_some() => {
                let goes = |role| (role == Role::Type && raw) || role == Role::Delivery;
                let kept = self.pieces.into_iter().filter(|(role, _)| !goes(*role));
                Edit::Members { outer: inside(text), kept: kept.map(|(_, range)| range).collect() }
            }
            _ => Edit::Keep,
        };
        Ok(Change { delivery, edit })
    }
}

/// Between a value and the next key there is spacing and exactly one comma.
fn comma(text: &str, between: Range<usize>) -> usize {
    let start = between.start;
    text.get(between).and_then(|gap| gap.find(',')).map_or(start, |at| start + at)
}

fn delivery_id(value: &str) -> Result<Uuid, InvalidPayload> {
    let text: String = serde_json::from_str(value).map_err(|_| InvalidPayload::DeliveryId)?;
    let well_formed = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match uuid::Uuid::try_parse(&text) {
        Ok(id) if well_formed && !id.is_nil() => Ok(id.into()),
        _ => Err(InvalidPayload::DeliveryId),
    }
}

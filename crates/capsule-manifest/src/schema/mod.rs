//! The shape of the files as data, and the one walk that compares a document with it: types, required keys,
//! enumerated values and unknown keys of every section are checked here and nowhere else.

mod capsule;
mod distro;
mod suggest;

pub(crate) use capsule::{CAPSULE, COMMAND_KINDS, ENV_TYPES, SERVER_TYPES};
pub(crate) use distro::DISTRO;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Sink, Spot, key_of};
use crate::text::quote;
use crate::tree::Data;

/// The keys of one table.
pub(crate) struct Schema {
    pub(crate) fields: &'static [Field],
    /// What becomes of a key that is not listed, for the warning.
    pub(crate) unknown: &'static str,
}

/// One key: its spellings, the first being the canonical one.
pub(crate) struct Field {
    pub(crate) names: &'static [&'static str],
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

pub(crate) enum Shape {
    Text,
    /// A string that is not empty.
    Word,
    Bool,
    /// An integer from 0 to `u32::MAX`.
    Count,
    Texts,
    /// One of a set; the second list is accepted beside it but not advertised.
    Enum(&'static [&'static str], &'static [&'static str]),
    Enums(&'static [&'static str]),
    /// Any JSON scalar, or an array of strings.
    ScalarOrTexts,
    FreeTable,
    TextOrFreeTable,
    Table(&'static Schema),
    Tables(&'static Schema),
    /// An array of tables, or the one table that older files have.
    OneOrMore(&'static Schema),
    /// A table whose keys are chosen by the author.
    Map(&'static Shape),
    TextOr(&'static Schema),
    /// A table of interfaces: `"ns:iface"` or nested by namespace.
    Interfaces(&'static Schema),
    /// A known key that is not honoured, with the reason.
    Refused(&'static str),
}

pub(crate) const fn required(names: &'static [&'static str], shape: Shape) -> Field {
    Field {
        names,
        shape,
        required: true,
    }
}

pub(crate) const fn optional(names: &'static [&'static str], shape: Shape) -> Field {
    Field {
        names,
        shape,
        required: false,
    }
}

pub(crate) const fn schema(fields: &'static [Field]) -> Schema {
    Schema {
        fields,
        unknown: "is ignored",
    }
}

impl Schema {
    /// Checks the table at `cursor`.
    pub(crate) fn check(&self, cursor: &Cursor<'_>, sink: &mut Sink<'_>) {
        for field in self.fields {
            field.check(cursor, sink);
        }
        for (name, entry) in cursor.entries() {
            if !self.fields.iter().any(|field| field.names.contains(&name)) {
                suggest::warn_unknown(self, name, &entry, sink);
            }
        }
    }
}

impl Field {
    fn check(&self, table: &Cursor<'_>, sink: &mut Sink<'_>) {
        let mut given = self
            .names
            .iter()
            .filter_map(|name| table.get(name).map(|found| (*name, found)));
        let Some((name, found)) = given.next() else {
            if self.required {
                self.report_missing(table, sink);
            }
            return;
        };
        self.shape.check(&found, sink);
        for (again, other) in given {
            sink.fault(
                key_of(&other),
                Code::DuplicateKey,
                format!(
                    "{} and {} are spellings of one key",
                    quote(name),
                    quote(again)
                ),
                format!("only one of {}", self.names.join(", ")),
            );
        }
    }

    fn report_missing(&self, table: &Cursor<'_>, sink: &mut Sink<'_>) {
        let Some(name) = self.names.first() else {
            return;
        };
        let path = table.path.key(name);
        let spot = Spot::new(&path, table.node.at);
        sink.fault(
            spot,
            Code::MissingKey,
            format!("\"{path}\" is missing"),
            self.shape.accepts(),
        );
    }
}

impl Shape {
    fn check(&self, cursor: &Cursor<'_>, sink: &mut Sink<'_>) {
        match (self, &cursor.node.data) {
            (Self::Text, Data::Text(_))
            | (Self::Bool, Data::Bool(_))
            | (Self::FreeTable | Self::TextOrFreeTable, Data::Table(_))
            | (Self::TextOrFreeTable | Self::TextOr(_), Data::Text(_))
            | (Self::ScalarOrTexts, Data::Text(_) | Data::Integer(_) | Data::Bool(_)) => {}
            (Self::Word, Data::Text(text)) => {
                if text.is_empty() {
                    sink.fault(cursor, Code::EmptyValue, "is empty", "a non-empty string");
                }
            }
            (Self::Count, Data::Integer(number)) => {
                if u32::try_from(*number).is_err() {
                    let problem = format!("{number} is out of range");
                    sink.fault(
                        cursor,
                        Code::OutOfRange,
                        problem,
                        format!("0 to {}", u32::MAX),
                    );
                }
            }
            (Self::ScalarOrTexts, Data::Float(number)) if number.is_finite() => {}
            (Self::Texts | Self::ScalarOrTexts, Data::Array(_)) => {
                for element in cursor.elements() {
                    Self::Text.check(&element, sink);
                }
            }
            (Self::Enum(advertised, accepted), Data::Text(text)) => {
                if !advertised.contains(&text.as_str()) && !accepted.contains(&text.as_str()) {
                    let problem = format!("{} is not accepted here", quote(text));
                    sink.fault(cursor, Code::BadEnum, problem, advertised.join(", "));
                }
            }
            (Self::Enums(words), Data::Array(_)) => {
                for element in cursor.elements() {
                    Self::Enum(words, &[]).check(&element, sink);
                }
            }
            (Self::Table(inner) | Self::TextOr(inner), Data::Table(_)) => inner.check(cursor, sink),
            (Self::Tables(inner) | Self::OneOrMore(inner), Data::Array(_))
            | (Self::OneOrMore(inner), Data::Table(_)) => {
                for element in cursor.elements() {
                    Self::Table(inner).check(&element, sink);
                }
            }
            (Self::Map(inner), Data::Table(_)) => {
                for (_, entry) in cursor.entries() {
                    inner.check(&entry, sink);
                }
            }
            (Self::Interfaces(inner), Data::Table(_)) => check_interfaces(inner, cursor, sink),
            (Self::Refused(reason), _) => {
                let message = format!("key \"{}\" is ignored: {reason}", cursor.path);
                sink.warn(key_of(cursor), Code::RefusedKey, message);
            }
            (_, data) => {
                sink.fault(
                    cursor,
                    Code::WrongType,
                    format!("is {}", type_name(data)),
                    self.accepts(),
                );
            }
        }
    }

    /// What to write, for a message.
    fn accepts(&self) -> String {
        let text = match self {
            Self::Text | Self::Word => "a string",
            Self::Bool => "true, false",
            Self::Count => "an integer",
            Self::Texts => "an array of strings",
            Self::Enum(words, _) => return words.join(", "),
            Self::Enums(words) => return format!("an array of {}", words.join(", ")),
            Self::ScalarOrTexts => "a string, a finite number, true, false, or an array of strings",
            Self::FreeTable | Self::Table(_) | Self::Map(_) | Self::Interfaces(_) => "a table",
            Self::TextOrFreeTable | Self::TextOr(_) => "a string or a table",
            Self::Tables(_) => "an array of tables",
            Self::OneOrMore(_) => "an array of tables, or one table",
            Self::Refused(_) => "nothing",
        };
        text.to_owned()
    }
}

/// A key with `:` is an interface; a table under any other key is a namespace, whose values are interfaces.
fn check_interfaces(leaf: &'static Schema, cursor: &Cursor<'_>, sink: &mut Sink<'_>) {
    for (name, entry) in cursor.entries() {
        match entry.node.data {
            Data::Table(_) if !name.contains(':') => {
                for (_, inner) in entry.entries() {
                    Shape::TextOr(leaf).check(&inner, sink);
                }
            }
            _ => Shape::TextOr(leaf).check(&entry, sink),
        }
    }
}

fn type_name(data: &Data) -> &'static str {
    match data {
        Data::Text(_) => "a string",
        Data::Integer(_) => "an integer",
        Data::Float(number) if !number.is_finite() => "a number that is not finite",
        Data::Float(_) => "a float",
        Data::Bool(_) => "a boolean",
        Data::Datetime(_) => "a date or time",
        Data::Array(_) => "an array",
        Data::Table(_) => "a table",
    }
}

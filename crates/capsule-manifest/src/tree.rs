//! The document as one kind of tree. TOML has two spellings each for tables and for arrays of tables; everything
//! after this module sees one, with the byte offset of every key and value.

use indexmap::IndexMap;
use toml_edit::{Document, Item, TableLike, Value};

/// How deep values may nest. No known key needs more than six levels; the rest is room for free-form tables.
const MAX_DEPTH: usize = 64;

pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) data: Data,
}

pub(crate) enum Data {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(IndexMap<String, Entry>),
}

pub(crate) struct Entry {
    pub(crate) key_at: usize,
    pub(crate) node: Node,
}

/// Why a text is no tree: the sentence, and where.
pub(crate) struct SyntaxError {
    pub(crate) problem: String,
    pub(crate) at: Option<usize>,
}

pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let document = Document::parse(text).map_err(|error| SyntaxError {
        problem: sentence(error.message()),
        at: error.span().map(|span| span.start),
    })?;
    table(document.as_table(), 0, 0)
}

fn item(item: &Item, fallback: usize, depth: usize) -> Result<Node, SyntaxError> {
    match item {
        Item::None => Ok(Node {
            at: fallback,
            data: Data::Table(IndexMap::new()),
        }),
        Item::Value(value) => self::value(value, fallback, depth),
        Item::Table(inner) => table(
            inner,
            inner.span().map_or(fallback, |span| span.start),
            depth,
        ),
        Item::ArrayOfTables(tables) => {
            let at = tables.span().map_or(fallback, |span| span.start);
            let elements = tables
                .iter()
                .map(|inner| table(inner, inner.span().map_or(at, |span| span.start), depth + 1))
                .collect::<Result<_, _>>()?;
            Ok(Node {
                at,
                data: Data::Array(elements),
            })
        }
    }
}

fn value(value: &Value, fallback: usize, depth: usize) -> Result<Node, SyntaxError> {
    let at = value.span().map_or(fallback, |span| span.start);
    let data = match value {
        Value::String(text) => Data::Text(text.value().clone()),
        Value::Integer(number) => Data::Integer(*number.value()),
        Value::Float(number) => Data::Float(*number.value()),
        Value::Boolean(flag) => Data::Bool(*flag.value()),
        Value::Datetime(moment) => Data::Datetime(moment.value().to_string()),
        Value::Array(array) => {
            check_depth(depth, at)?;
            Data::Array(
                array
                    .iter()
                    .map(|element| self::value(element, at, depth + 1))
                    .collect::<Result<_, _>>()?,
            )
        }
        Value::InlineTable(inner) => return table(inner, at, depth),
    };
    Ok(Node { at, data })
}

fn table(source: &dyn TableLike, at: usize, depth: usize) -> Result<Node, SyntaxError> {
    check_depth(depth, at)?;
    let mut entries = IndexMap::with_capacity(source.len());
    for (name, inner) in source.iter() {
        let key_at = source
            .key(name)
            .and_then(toml_edit::Key::span)
            .map_or(at, |span| span.start);
        entries.insert(
            name.to_owned(),
            Entry {
                key_at,
                node: item(inner, key_at, depth + 1)?,
            },
        );
    }
    Ok(Node {
        at,
        data: Data::Table(entries),
    })
}

fn check_depth(depth: usize, at: usize) -> Result<(), SyntaxError> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(SyntaxError {
        problem: format!("values nest deeper than {MAX_DEPTH} levels"),
        at: Some(at),
    })
}

fn sentence(message: &str) -> String {
    message
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

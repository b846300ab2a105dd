//! A place in the document: the value there, and the dotted path that leads to it.

use std::fmt;
use std::rc::Rc;

use crate::text::clip;
use crate::tree::{Data, Entry, Node};

/// The dotted path of a value. Cheap to extend and to clone; rendered only when something is reported.
#[derive(Clone, Default)]
pub(crate) struct KeyPath<'t>(Option<Rc<Step<'t>>>);

struct Step<'t> {
    parent: KeyPath<'t>,
    segment: Segment<'t>,
}

enum Segment<'t> {
    Key(&'t str),
    Index(usize),
}

impl<'t> KeyPath<'t> {
    fn push(&self, segment: Segment<'t>) -> Self {
        Self(Some(Rc::new(Step {
            parent: self.clone(),
            segment,
        })))
    }

    /// The path of `key` below this one, whether or not the key exists.
    pub(crate) fn key(&self, key: &'t str) -> Self {
        self.push(Segment::Key(key))
    }

    fn is_topic_table(&self) -> bool {
        self.0.as_ref().is_some_and(|step| {
            step.parent.0.is_none() && matches!(step.segment, Segment::Key("publish" | "subscribe"))
        })
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(step) = &self.0 else { return Ok(()) };
        step.parent.fmt(f)?;
        match step.segment {
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => {
                if step.parent.0.is_some() {
                    f.write_str(".")?;
                }
                // Topics hold dots more often than not: quoting all of them keeps the paths of one table alike.
                if is_bare(key) && !step.parent.is_topic_table() {
                    f.write_str(&clip(key))
                } else {
                    write!(f, "\"{}\"", clip(key))
                }
            }
        }
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A value of the document with its path. The readers behind the schema check use the typed getters, which answer
/// nothing for an absent key; a wrong type never gets past the schema check.
#[derive(Clone)]
pub(crate) struct Cursor<'t> {
    pub(crate) path: KeyPath<'t>,
    pub(crate) node: &'t Node,
    pub(crate) key_at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn root(node: &'t Node) -> Self {
        Self {
            path: KeyPath::default(),
            node,
            key_at: node.at,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        match &self.node.data {
            Data::Table(entries) => entries
                .get_key_value(key)
                .map(|(name, entry)| self.below(name, entry)),
            _ => None,
        }
    }

    /// The value of a required key. Behind the schema check it exists; an absent one would answer the table itself,
    /// which holds no text and is refused by every reader.
    pub(crate) fn field(&self, key: &str) -> Self {
        self.get(key).unwrap_or_else(|| self.clone())
    }

    /// The first of several spellings of one key.
    pub(crate) fn get_any(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The entries of a table in declaration order; none for anything else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'t str, Self)> + use<'t> {
        let table = match &self.node.data {
            Data::Table(entries) => Some(entries),
            _ => None,
        };
        let here = self.clone();
        table
            .into_iter()
            .flatten()
            .map(move |(name, entry)| (name.as_str(), here.below(name, entry)))
    }

    /// The elements of an array; a table counts as an array of itself, the legacy spelling of `[component]`.
    pub(crate) fn elements(&self) -> Vec<Self> {
        let element = |(index, node): (usize, &'t Node)| Self {
            path: self.path.push(Segment::Index(index)),
            node,
            key_at: node.at,
        };
        match &self.node.data {
            Data::Array(nodes) => nodes.iter().enumerate().map(element).collect(),
            Data::Table(_) => vec![element((0, self.node))],
            _ => Vec::new(),
        }
    }

    /// The elements of the array of tables at `key`.
    pub(crate) fn tables(&self, key: &str) -> Vec<Self> {
        self.get(key)
            .map(|found| found.elements())
            .unwrap_or_default()
    }

    pub(crate) fn text(&self) -> Option<&'t str> {
        match &self.node.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text_at(&self, key: &str) -> Option<&'t str> {
        self.get(key)?.text()
    }

    /// The string at `key`, owned.
    pub(crate) fn string_at(&self, key: &str) -> Option<String> {
        self.text_at(key).map(str::to_owned)
    }

    pub(crate) fn bool_at(&self, key: &str) -> Option<bool> {
        match self.get(key)?.node.data {
            Data::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    pub(crate) fn u32_at(&self, key: &str) -> Option<u32> {
        match self.get(key)?.node.data {
            Data::Integer(number) => u32::try_from(number).ok(),
            _ => None,
        }
    }

    /// The strings of the array at `key`, each with its place.
    pub(crate) fn texts_at(&self, key: &str) -> Vec<(&'t str, Self)> {
        self.tables(key)
            .into_iter()
            .filter_map(|element| Some((element.text()?, element)))
            .collect()
    }

    /// The strings of the array at `key`.
    pub(crate) fn strings_at(&self, key: &str) -> Vec<String> {
        self.texts_at(key)
            .into_iter()
            .map(|(text, _)| text.to_owned())
            .collect()
    }

    fn below(&self, name: &'t str, entry: &'t Entry) -> Self {
        Self {
            path: self.path.key(name),
            node: &entry.node,
            key_at: entry.key_at,
        }
    }
}

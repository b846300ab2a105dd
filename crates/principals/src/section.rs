//! Walking a TOML table key by key: every key is asked for, and what is left over is a slip.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use crate::problem::Problem;

/// A key further away than this is a different word, not a slip.
const MAX_DISTANCE: usize = 2;

/// One table of a file, with the keys it may have.
pub(crate) struct Section {
    path: String,
    table: Table,
    known: Vec<&'static str>,
}

impl Section {
    /// A whole file.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // Its first line says what and not where in a drawing of the file.
            Problem::file(format!("is not TOML: {}", error.message()))
        })?;
        Ok(Self::of(String::new(), table))
    }

    pub(crate) fn of(path: String, table: Table) -> Self {
        Self { path, table, known: Vec::new() }
    }

    /// The dotted path of `key`.
    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes a value out, noting that the key is known.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    pub(crate) fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, Problem> {
        match self.take(key) {
            None => Ok(default),
            Some(Value::Boolean(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(key, &other, "true or false")),
        }
    }

    pub(crate) fn number(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, Problem> {
        let allowed = match *range.end() {
            u64::MAX => format!("{} or more", range.start()),
            end => format!("{}..={end}", range.start()),
        };
        match self.take(key) {
            None => Ok(default),
            Some(Value::Integer(number)) => u64::try_from(number)
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| Problem::key(self.at(key), format!("is {number}")).allowed(allowed)),
            Some(other) => Err(self.wrong(key, &other, &allowed)),
        }
    }

    /// A list of texts, each parsed; `None` when the key is not there.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let Some(value) = self.take(key) else { return Ok(None) };
        texts(&self.at(key), value, parse).map(Some)
    }

    /// A table below; empty when the key is not there.
    pub(crate) fn section(&mut self, key: &'static str) -> Result<Self, Problem> {
        match self.take(key) {
            None => Ok(Self::of(self.at(key), Table::new())),
            Some(Value::Table(table)) => Ok(Self::of(self.at(key), table)),
            Some(other) => Err(self.wrong(key, &other, "a table")),
        }
    }

    /// What is in it, for tables whose keys are names.
    pub(crate) fn entries(self) -> Table {
        self.table
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let Some(unknown) = self.table.keys().next() else { return Ok(()) };
        let distances = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, unknown), known));
        let what = match distances.min().filter(|(distance, _)| *distance <= MAX_DISTANCE) {
            Some((_, known)) => format!("is not a known key, did you mean {known}"),
            None => "is not a known key".to_owned(),
        };
        Err(Problem::key(self.at(unknown), what).allowed(self.known.join(", ")))
    }

    fn wrong(&self, key: &str, found: &Value, allowed: &str) -> Problem {
        Problem::key(self.at(key), format!("is of type {}", found.type_str())).allowed(allowed)
    }
}

/// A value as a list of texts, each parsed.
pub(crate) fn texts<T>(
    path: &str,
    value: Value,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Problem> {
    let wrong = |found: &Value| {
        Problem::key(path, format!("holds a value of type {}", found.type_str())).allowed("a list of texts")
    };
    let Value::Array(items) = value else { return Err(wrong(&value)) };
    let item = |item: &Value| match item {
        Value::String(text) => parse(text).map_err(|what| Problem::key(path, what)),
        other => Err(wrong(other)),
    };
    items.iter().map(item).collect()
}

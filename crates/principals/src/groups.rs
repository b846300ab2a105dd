//! Named sets of capabilities, `etc/groups.toml`.

use std::collections::BTreeMap;

use crate::capability::CapabilityPattern;
use crate::problem::Problem;
use crate::section::Section;

/// Groups every host has and no file can change.
const BUILT_IN: [(&str, &[&str]); 3] = [
    ("admin", &["*"]),
    ("agent", &["self:*", "self:quota:get", "self:agent:list", "delegate:self:*"]),
    ("restricted", &[]),
];
const MAX_NAME: usize = 64;

/// All groups of a host: the built-in ones and those of the operator's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, Vec<CapabilityPattern>>);

impl Default for Groups {
    /// The built-in groups alone.
    fn default() -> Self {
        let groups = BUILT_IN.iter().map(|(name, texts)| {
            let patterns = texts.iter().filter_map(|text| CapabilityPattern::parse(text).ok());
            ((*name).to_owned(), patterns.collect())
        });
        Self(groups.collect())
    }
}

impl Groups {
    /// Parses a file of tables `[groups.{name}]`, each with `capabilities` and, for a group that holds
    /// `*`, `unsafe_admin = true`.
    ///
    /// # Errors
    /// The first [`Problem`]; a file is taken whole or not at all.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut groups = Self::default();
        let mut file = Section::parse(text)?;
        let tables = file.section("groups")?;
        file.finish()?;
        let path = tables.at("");
        for (name, value) in tables.entries() {
            let at = format!("{path}{name}");
            group_name(&name).map_err(|what| Problem::key(&at, what))?;
            if BUILT_IN.iter().any(|(built_in, _)| *built_in == name) {
                return Err(Problem::key(at, "is built in and cannot be changed").allowed("another name"));
            }
            let toml::Value::Table(table) = value else {
                return Err(Problem::key(at, "is not a table").allowed("capabilities, unsafe_admin"));
            };
            let patterns = group(Section::of(at, table))?;
            groups.0.insert(name, patterns);
        }
        Ok(groups)
    }

    /// What a group gives; `None` for an unknown name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[CapabilityPattern]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

fn group(mut table: Section) -> Result<Vec<CapabilityPattern>, Problem> {
    let parse = |text: &str| CapabilityPattern::parse(text).map_err(|error| error.to_string());
    let patterns = table.list("capabilities", parse)?.unwrap_or_default();
    let admin = table.flag("unsafe_admin", false)?;
    if !admin && patterns.iter().any(CapabilityPattern::is_everything) {
        let problem = Problem::key(table.at("capabilities"), "holds \"*\", which is everything");
        return Err(problem.allowed("\"*\" together with unsafe_admin = true"));
    }
    table.finish()?;
    Ok(patterns)
}

pub(crate) fn group_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().take(MAX_NAME).collect();
    Err(format!("holds group name {shown:?}; allowed: 1 to 64 characters of A-Z a-z 0-9 _ -"))
}

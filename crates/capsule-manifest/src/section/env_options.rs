//! `options_from` of an env key: where an installer fetches the options of a select, and in which order it must ask.
//! Loading never performs the fetch.

use std::collections::VecDeque;

use indexmap::IndexMap;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::section::env::EnvDef;
use crate::sink::{Faulted, Sink, Spot};
use crate::text::quote;

const SPELLINGS: [&str; 2] = ["options_from", "options-from"];
const DEFAULT_SELECT: &str = "data[].id";

/// A list of options on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionsFrom {
    /// URL to GET; `{key}` stands for the value of another env key.
    pub http: String,
    /// Bearer token, with the same placeholders.
    pub bearer: Option<String>,
    /// Where in the answer the options are: a dotted path, `[]` for each element of an array.
    pub select: String,
    /// Keys to ask for first.
    pub after: Vec<String>,
    placeholders: Vec<String>,
}

impl OptionsFrom {
    /// Every key whose value is needed before the fetch: those of `after`, then those of placeholders, with repeats.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.after
            .iter()
            .chain(&self.placeholders)
            .map(String::as_str)
    }
}

/// Reads the table of an env key.
pub(crate) fn read(
    entry: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> Result<Option<OptionsFrom>, Faulted> {
    let Some(table) = entry.get_any(&SPELLINGS) else {
        return Ok(None);
    };
    let mut placeholders = Vec::new();
    for found in ["http", "bearer"].iter().filter_map(|key| table.get(key)) {
        let names = template_names(found.text().unwrap_or_default()).map_err(|problem| {
            sink.fault(
                &found,
                Code::BadTemplate,
                problem,
                "text with {key} placeholders",
            )
        })?;
        placeholders.extend(names.into_iter().map(str::to_owned));
    }
    Ok(Some(OptionsFrom {
        http: table.string_at("http").unwrap_or_default(),
        bearer: table.string_at("bearer"),
        select: table
            .string_at("select")
            .unwrap_or_else(|| DEFAULT_SELECT.to_owned()),
        after: table.strings_at("after"),
        placeholders,
    }))
}

fn template_names(template: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        if before.contains('}') {
            break;
        }
        let Some((name, tail)) = after.split_once('}') else {
            return Err(format!("{} has an unclosed \"{{\"", quote(template)));
        };
        if name.is_empty() || name.contains('{') {
            return Err(format!(
                "{} has a placeholder without a name",
                quote(template)
            ));
        }
        names.push(name);
        rest = tail;
    }
    if rest.contains('}') {
        return Err(format!("{} has a \"}}\" without a \"{{\"", quote(template)));
    }
    Ok(names)
}

/// Checks that every key referred to is declared and that no keys wait for each other.
pub(crate) fn check_references(
    root: &Cursor<'_>,
    env: &IndexMap<String, EnvDef>,
    sink: &mut Sink<'_>,
) {
    let Some(table) = root.get("env") else { return };
    for (name, def) in env {
        let Some(options) = &def.options_from else {
            continue;
        };
        let place = table.field(name);
        let place = place.get_any(&SPELLINGS).unwrap_or(place);
        // A key that was declared but refused for another reason is reported there.
        for needed in options.needs().filter(|needed| table.get(needed).is_none()) {
            let problem = format!("{} is no declared env key", quote(needed));
            sink.fault(&place, Code::UnknownEnvRef, problem, "a key of [env]");
        }
    }
    let mut waiting = order(env).err().unwrap_or_default();
    waiting.sort_unstable();
    if let Some(first) = waiting.first() {
        let place = table.field(first);
        let place = place.get_any(&SPELLINGS).unwrap_or(place);
        let names = waiting
            .iter()
            .take(16)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let spot = Spot::from(&place);
        sink.fault(
            spot,
            Code::EnvCycle,
            format!("env keys wait for each other: {names}"),
            "an order in which the keys can be asked",
        );
    }
}

/// The keys in the order to ask: declaration order, except that a key comes after those it needs. When that is
/// impossible, the keys that wait for each other.
pub(crate) fn order(env: &IndexMap<String, EnvDef>) -> Result<Vec<&str>, Vec<&str>> {
    let mut blocked: Vec<usize> = Vec::with_capacity(env.len());
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); env.len()];
    for (index, def) in env.values().enumerate() {
        let needs = def.options_from.iter().flat_map(OptionsFrom::needs);
        let known: Vec<usize> = needs.filter_map(|name| env.get_index_of(name)).collect();
        blocked.push(known.len());
        for needed in known {
            if let Some(list) = dependants.get_mut(needed) {
                list.push(index);
            }
        }
    }
    let sorted = release(&mut blocked.clone(), &dependants);
    if sorted.len() == env.len() {
        return Ok(sorted
            .into_iter()
            .filter_map(|index| name_of(env, index))
            .collect());
    }
    Err(cyclic(&blocked, &dependants, &sorted)
        .into_iter()
        .filter_map(|index| name_of(env, index))
        .collect())
}

fn name_of(env: &IndexMap<String, EnvDef>, index: usize) -> Option<&str> {
    env.get_index(index).map(|(name, _)| name.as_str())
}

/// Takes what is not blocked, smallest index first among what is free at the start of a round.
fn release(blocked: &mut [usize], dependants: &[Vec<usize>]) -> Vec<usize> {
    let mut free: VecDeque<usize> = (0..blocked.len())
        .filter(|index| blocked.get(*index) == Some(&0))
        .collect();
    let mut sorted = Vec::with_capacity(blocked.len());
    while let Some(index) = free.pop_front() {
        sorted.push(index);
        for dependant in dependants.get(index).into_iter().flatten() {
            if let Some(count) = blocked.get_mut(*dependant) {
                *count -= 1;
                if *count == 0 {
                    free.push_back(*dependant);
                }
            }
        }
    }
    sorted
}

/// Of the keys that could not be sorted, those that others of them wait for: without the ones merely behind a cycle.
fn cyclic(blocked: &[usize], dependants: &[Vec<usize>], sorted: &[usize]) -> Vec<usize> {
    let mut stuck = vec![true; blocked.len()];
    for index in sorted {
        if let Some(flag) = stuck.get_mut(*index) {
            *flag = false;
        }
    }
    let is_stuck = |stuck: &[bool], index: usize| stuck.get(index).copied().unwrap_or_default();
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); blocked.len()];
    let mut waiters = vec![0_usize; blocked.len()];
    for (needed, list) in dependants.iter().enumerate() {
        for dependant in list.iter().filter(|index| is_stuck(&stuck, **index)) {
            if let (Some(count), Some(list)) = (waiters.get_mut(needed), needs.get_mut(*dependant))
            {
                *count += 1;
                list.push(needed);
            }
        }
    }
    for index in release(&mut waiters, &needs) {
        if let Some(flag) = stuck.get_mut(index) {
            *flag = false;
        }
    }
    (0..blocked.len())
        .filter(|index| is_stuck(&stuck, *index))
        .collect()
}

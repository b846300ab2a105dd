//! `[[cron]]`.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::json;
use crate::schedule::Schedule;
use crate::sink::{Faulted, Sink};
use crate::text::{is_name, lower_ident, quote};
use crate::tree::Data;

/// Most jobs of one manifest, as many as a principal may schedule at run time.
pub const MAX_CRON_JOBS: usize = 32;

/// Which clock a schedule is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CronTimezone {
    /// Coordinated universal time.
    Utc,
    /// The time zone of the host.
    Local,
}

/// What a job hands to its action.
#[derive(Debug, Clone, PartialEq)]
pub enum CronPayload {
    /// Text; empty when the manifest gives no payload.
    Text(String),
    /// A JSON object.
    Json(Map<String, Value>),
}

/// A scheduled action.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CronJobDef {
    /// `[a-z0-9_-]`, 1 to 64 bytes.
    pub name: String,
    /// When.
    pub schedule: Schedule,
    /// The action triggered; the name when the manifest states none.
    pub action: String,
    /// What it is given.
    pub payload: CronPayload,
    /// Which clock.
    pub timezone: CronTimezone,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<CronJobDef> {
    let entries = root.tables("cron");
    if entries.len() > MAX_CRON_JOBS {
        let problem = format!("\"cron\" has {} entries", entries.len());
        sink.fault(
            &root.field("cron"),
            Code::TooManyEntries,
            problem,
            format!("at most {MAX_CRON_JOBS}"),
        );
    }
    let mut names = HashSet::new();
    entries
        .iter()
        .filter_map(|entry| read_one(entry, &mut names, sink).ok())
        .collect()
}

fn read_one<'t>(
    entry: &Cursor<'t>,
    names: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<CronJobDef, Faulted> {
    let name = read_name(&entry.field("name"), names, sink);
    let schedule = read_schedule(&entry.field("schedule"), sink);
    let (name, schedule) = (name?, schedule?);
    Ok(CronJobDef {
        name: name.to_owned(),
        schedule,
        action: entry.string_at("action").unwrap_or_else(|| name.to_owned()),
        payload: match entry.get("payload") {
            Some(found) if matches!(found.node.data, Data::Table(_)) => {
                CronPayload::Json(json::object(found.node))
            }
            found => CronPayload::Text(
                found
                    .and_then(|found| found.text())
                    .unwrap_or_default()
                    .to_owned(),
            ),
        },
        timezone: match entry.text_at("timezone") {
            Some("local") => CronTimezone::Local,
            _ => CronTimezone::Utc,
        },
    })
}

fn read_name<'t>(
    found: &Cursor<'t>,
    names: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<&'t str, Faulted> {
    let name = found.text().unwrap_or_default();
    if !is_name(name, 64, lower_ident, lower_ident) {
        let problem = format!("{} is no job name", quote(name));
        return Err(sink.fault(
            found,
            Code::BadName,
            problem,
            "1 to 64 lowercase letters, digits, \"_\", \"-\"",
        ));
    }
    if !names.insert(name) {
        return Err(sink.fault(
            found,
            Code::DuplicateCron,
            format!("job {} is declared twice", quote(name)),
            "",
        ));
    }
    Ok(name)
}

fn read_schedule(found: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<Schedule, Faulted> {
    Schedule::parse(found.text().unwrap_or_default()).map_err(|error| {
        let allowed =
            "five or six cron fields, @hourly, @daily, @weekly, @monthly, @every <n>{s,m,h,d}";
        sink.fault(found, Code::BadSchedule, error.to_string(), allowed)
    })
}

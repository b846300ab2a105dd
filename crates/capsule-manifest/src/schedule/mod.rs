//! Cron schedules, as manifests and capsules at run time write them.

mod field;

use std::fmt;
use std::time::Duration;

use crate::text::quote;
use field::{DAY, HOUR, MINUTE, MONTH, SECOND, WEEKDAY};

/// The longest schedule text in bytes; a text with every number of every field written out is shorter.
const MAX_BYTES: usize = 1024;

/// When a job fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    rule: ScheduleRule,
}

/// The two kinds of schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleRule {
    /// `@every`: at this interval, at least one second.
    Every(Duration),
    /// Cron fields: at every second of every day that they match.
    Calendar(CronFields),
}

/// The sets of a cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronFields {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

/// Why a text is no [`Schedule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchedule(pub(crate) String);

impl Schedule {
    /// Parses five fields (`minute hour day-of-month month day-of-week`), six (seconds first), `@hourly`, `@daily`,
    /// `@weekly`, `@monthly`, or `@every <n>{s,m,h,d}`.
    ///
    /// Fields are `*`, numbers, ranges, steps and lists of those; months and weekdays also have their English
    /// three-letter names, and Sunday is 0 or 7.
    ///
    /// # Errors
    /// [`BadSchedule`] names the field and value that is wrong, or says that the schedule never fires.
    pub fn parse(text: &str) -> Result<Self, BadSchedule> {
        if text.len() > MAX_BYTES {
            return Err(BadSchedule(format!(
                "the schedule has {} bytes, more than {MAX_BYTES}",
                text.len()
            )));
        }
        let rule = match text.trim() {
            "@hourly" => calendar("0 0 * * * *")?,
            "@daily" => calendar("0 0 0 * * *")?,
            "@weekly" => calendar("0 0 0 * * 0")?,
            "@monthly" => calendar("0 0 0 1 * *")?,
            other => match other.strip_prefix("@every ") {
                Some(interval) => ScheduleRule::Every(parse_interval(interval.trim())?),
                None if other.starts_with('@') => {
                    return Err(BadSchedule(format!("{} is no schedule", quote(other))));
                }
                None => calendar(other)?,
            },
        };
        Ok(Self {
            text: text.to_owned(),
            rule,
        })
    }

    /// The schedule as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the schedule means.
    #[must_use]
    pub fn rule(&self) -> &ScheduleRule {
        &self.rule
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CronFields {
    /// Whether the schedule fires within this day. `month` and `day` count from 1, `weekday` from Sunday = 0. When
    /// both the day of the month and the day of the week are restricted, either suffices.
    #[must_use]
    pub fn matches_date(&self, month: u8, day: u8, weekday: u8) -> bool {
        let (in_days, in_weekdays) = (has(self.days, day), has(self.weekdays, weekday));
        let any_day = if self.restricts_days() && self.restricts_weekdays() {
            in_days || in_weekdays
        } else {
            in_days && in_weekdays
        };
        any_day && has(self.months, month)
    }

    /// Whether the schedule fires at this time of a day that [`matches_date`](Self::matches_date).
    #[must_use]
    pub fn matches_time(&self, hour: u8, minute: u8, second: u8) -> bool {
        has(self.hours, hour) && has(self.minutes, minute) && has(self.seconds, second)
    }

    /// The first time of day at or after the given one, as hour, minute and second; none if it is past the last.
    #[must_use]
    pub fn time_at_or_after(&self, hour: u8, minute: u8, second: u8) -> Option<(u8, u8, u8)> {
        let (first_minute, first_second) = (next(self.minutes, 0)?, next(self.seconds, 0)?);
        if has(self.hours, hour) {
            let same_minute = next(self.seconds, second).filter(|_| has(self.minutes, minute));
            if let Some(second) = same_minute {
                return Some((hour, minute, second));
            }
            if let Some(minute) = next(self.minutes, minute.saturating_add(1)) {
                return Some((hour, minute, first_second));
            }
        }
        Some((
            next(self.hours, hour.saturating_add(1))?,
            first_minute,
            first_second,
        ))
    }

    fn restricts_days(&self) -> bool {
        self.days != DAY.all()
    }

    fn restricts_weekdays(&self) -> bool {
        self.weekdays != 0x7F
    }

    /// A weekday recurs in every month; a day of the month must exist in one of the months asked for.
    fn can_fire(&self) -> bool {
        let last_day = |month: u8| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        self.restricts_weekdays()
            || (1..=12).any(|month| {
                has(self.months, month)
                    && next(self.days, 1).is_some_and(|day| day <= last_day(month))
            })
    }
}

fn calendar(text: &str) -> Result<ScheduleRule, BadSchedule> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (second, [minute, hour, day, month, weekday]) = match *fields.as_slice() {
        [minute, hour, day, month, weekday] => ("0", [minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => {
            (second, [minute, hour, day, month, weekday])
        }
        _ => {
            return Err(BadSchedule(format!(
                "{} has {} fields",
                quote(text),
                fields.len()
            )));
        }
    };
    let weekdays = WEEKDAY.parse(weekday)?;
    let fields = CronFields {
        seconds: SECOND.parse(second)?,
        minutes: MINUTE.parse(minute)?,
        hours: HOUR.parse(hour)?,
        days: DAY.parse(day)?,
        months: MONTH.parse(month)?,
        // 7 is another name of Sunday.
        weekdays: (weekdays | (weekdays >> 7)) & 0x7F,
    };
    if fields.can_fire() {
        Ok(ScheduleRule::Calendar(fields))
    } else {
        Err(BadSchedule(format!(
            "{} never fires: no month it names has such a day",
            quote(text)
        )))
    }
}

fn parse_interval(text: &str) -> Result<Duration, BadSchedule> {
    let bad = |problem: &str| BadSchedule(format!("interval {} {problem}", quote(text)));
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3600,
        Some(b'd') => 86_400,
        _ => return Err(bad("does not end in s, m, h or d")),
    };
    let digits = text.get(..text.len() - 1).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("is no whole number with a unit"));
    }
    let seconds = digits
        .parse::<u32>()
        .ok()
        .map(|count| u64::from(count) * unit)
        .ok_or_else(|| bad("is too long"))?;
    if seconds == 0 {
        return Err(bad("is shorter than one second"));
    }
    Ok(Duration::from_secs(seconds))
}

fn has(set: u64, value: u8) -> bool {
    value < 64 && set >> value & 1 == 1
}

/// The smallest member that is not below `from`.
fn next(set: u64, from: u8) -> Option<u8> {
    (from..64).find(|value| has(set, *value))
}

#[cfg(test)]
mod tests;

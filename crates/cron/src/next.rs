//! The next instant of a cron expression.

use astrid_capsule_manifest::CronFields;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// Days looked through for the next match. 29 February is at most eight years away: 2096 to 2104.
const MAX_DAYS: usize = 9 * 366;
/// Matches that may lie in a stretch of local time that a zone repeats: every second of a day.
const MAX_REPEATED: usize = 86_400;

/// The first instant after `after` at which the fields match the clock on the wall of `zone`.
///
/// A local time that the zone skips fires at the first instant after the gap, together with everything else that was
/// skipped; one that it repeats fires the first time only. `None` if the calendar ends before.
#[must_use]
pub fn next_slot(fields: &CronFields, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let mut civil = zone.to_datetime(after);
    for _ in 0..=MAX_REPEATED {
        civil = next_civil(fields, civil)?;
        let at = instant(zone, civil)?;
        // Not so in the second pass of a repeated stretch, whose times all fired in the first.
        if at > after {
            return Some(at);
        }
    }
    None
}

/// The first local time after `after`, in whole seconds, that matches.
fn next_civil(fields: &CronFields, after: DateTime) -> Option<DateTime> {
    let from = after.with().subsec_nanosecond(0).build().ok()?.checked_add(1.second()).ok()?;
    let mut date = from.date();
    let mut time = (from.hour(), from.minute(), from.second());
    for _ in 0..MAX_DAYS {
        let weekday = date.weekday().to_sunday_zero_offset();
        if fields.matches_date(byte(date.month()), byte(date.day()), byte(weekday))
            && let Some((hour, minute, second)) =
                fields.time_at_or_after(byte(time.0), byte(time.1), byte(time.2))
        {
            let signed = |value: u8| i8::try_from(value).unwrap_or_default();
            return Some(date.at(signed(hour), signed(minute), signed(second), 0));
        }
        date = date.tomorrow().ok()?;
        time = (0, 0, 0);
    }
    None
}

fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    }
}

/// The calendar's numbers are small and never negative.
fn byte(value: i8) -> u8 {
    u8::try_from(value).unwrap_or_default()
}

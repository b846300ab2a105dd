//! The next instant: plain, over the ends of months and years, and where local time jumps.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up must fail")]

use astrid_capsule_manifest::{CronFields, Schedule, ScheduleRule};
use astrid_cron::next_slot;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn fields(text: &str) -> CronFields {
    match Schedule::parse(text).unwrap().rule() {
        ScheduleRule::Calendar(fields) => fields.clone(),
        ScheduleRule::Every(_) => panic!("{text} is an interval"),
    }
}

/// The first `n` firings after `after`, in local time with offset.
fn firings(text: &str, zone: &TimeZone, after: &str, n: usize) -> Vec<String> {
    let fields = fields(text);
    let mut at: Timestamp = after.parse().unwrap();
    let mut list = Vec::new();
    for _ in 0..n {
        at = next_slot(&fields, zone, at).unwrap();
        list.push(at.to_zoned(zone.clone()).strftime("%F %T%:z").to_string());
    }
    list
}

fn utc(text: &str, after: &str) -> String {
    firings(text, &TimeZone::UTC, after, 1).remove(0)
}

/// 02:00 becomes 03:00 on 8 March 2026, and 02:00 becomes 01:00 on 1 November 2026.
fn new_york() -> TimeZone {
    TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap()
}

// dispatch case 28
#[test]
fn every_quarter_of_an_hour_at_seven_past_ten_is_a_quarter_past() {
    assert_eq!(utc("*/15 * * * *", "2026-11-21T10:07:00Z"), "2026-11-21 10:15:00+00:00");
    assert_eq!(utc("*/15 * * * *", "2026-11-21T10:15:00Z"), "2026-11-21 10:30:00+00:00");
    assert_eq!(utc("*/15 * * * *", "2026-11-21T10:14:59.999Z"), "2026-11-21 10:15:00+00:00");
}

#[test]
fn slots_cross_the_ends_of_days_months_and_years_and_wait_for_leap_days() {
    assert_eq!(utc("0 0 1 1 *", "2026-11-21T10:07:00Z"), "2027-01-01 00:00:00+00:00");
    assert_eq!(utc("59 59 23 31 12 *", "2026-12-31T23:59:59Z"), "2027-12-31 23:59:59+00:00");
    assert_eq!(utc("0 0 29 2 *", "2096-02-29T00:00:00Z"), "2104-02-29 00:00:00+00:00");
    assert_eq!(utc("0 12 13 * FRI", "2026-11-01T00:00:00Z"), "2026-11-06 12:00:00+00:00");
}

#[test]
fn what_local_time_skips_runs_once_at_the_first_instant_after_the_gap() {
    let zone = new_york();
    assert_eq!(
        firings("30 2 * * *", &zone, "2026-03-07T12:00:00Z", 2),
        ["2026-03-08 03:00:00-04:00", "2026-03-09 02:30:00-04:00"]
    );
    assert_eq!(
        firings("*/20 1-3 * * *", &zone, "2026-03-08T06:30:00Z", 4),
        [
            "2026-03-08 01:40:00-05:00",
            "2026-03-08 03:00:00-04:00",
            "2026-03-08 03:20:00-04:00",
            "2026-03-08 03:40:00-04:00"
        ]
    );
}

#[test]
fn what_local_time_repeats_runs_once_also_when_asked_in_the_repetition() {
    let zone = new_york();
    assert_eq!(
        firings("30 1 * * *", &zone, "2026-11-01T00:00:00Z", 2),
        ["2026-11-01 01:30:00-04:00", "2026-11-02 01:30:00-05:00"]
    );
    // 01:10 of the second pass: 01:30 has run in the first.
    assert_eq!(firings("30 1 * * *", &zone, "2026-11-01T06:10:00Z", 1), ["2026-11-02 01:30:00-05:00"]);
    assert_eq!(firings("* * * * * *", &zone, "2026-11-01T06:10:00Z", 1), ["2026-11-01 02:00:00-05:00"]);
}

#[test]
fn a_zone_without_jumps_is_its_offset() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    assert_eq!(firings("0 9 * * 1", &zone, "2026-11-21T00:00:00Z", 1), ["2026-11-23 09:00:00+02:00"]);
}

proptest! {
    #[test]
    fn slots_match_come_later_and_leave_none_out_between(
        seconds in 1_700_000_000i64..1_800_000_000,
        minute in 0u8..60, hour in 0u8..24, day in 1u8..29,
    ) {
        let after = Timestamp::from_second(seconds).unwrap();
        let fields = fields(&format!("{minute} {hour},12 {day} * *"));
        for zone in [TimeZone::UTC, new_york()] {
            let at = next_slot(&fields, &zone, after).unwrap();
            prop_assert!(at > after);
            // Walking minute by minute finds nothing earlier that matches by the wall.
            let first_minute = seconds - seconds.rem_euclid(60) + 60;
            let between = (first_minute..at.as_second()).step_by(60).take(5_000);
            for second in between {
                let civil = zone.to_datetime(Timestamp::from_second(second).unwrap());
                let number = |value: i8| u8::try_from(value).unwrap();
                let weekday = number(civil.weekday().to_sunday_zero_offset());
                let matches = fields.matches_date(number(civil.month()), number(civil.day()), weekday)
                    && fields.matches_time(number(civil.hour()), number(civil.minute()), 0);
                // The second pass of a repeated hour matches by the wall and has run.
                let repeated = zone.to_ambiguous_timestamp(civil).earlier().unwrap().as_second() < second;
                prop_assert!(!matches || repeated, "{civil}");
            }
        }
    }
}

//! Schedules: grammar, meaning, refusals.

use super::*;

fn fields(text: &str) -> CronFields {
    match Schedule::parse(text).unwrap().rule {
        ScheduleRule::Calendar(fields) => fields,
        ScheduleRule::Every(_) => panic!("{text} is an interval"),
    }
}

fn problem(text: &str) -> String {
    Schedule::parse(text).unwrap_err().to_string()
}

#[test]
fn five_fields_fire_at_second_zero_and_six_name_the_second() {
    assert!(fields("30 4 * * *").matches_time(4, 30, 0));
    assert!(!fields("30 4 * * *").matches_time(4, 30, 1));
    assert!(fields("15 30 4 * * *").matches_time(4, 30, 15));
    assert!(!fields("15 30 4 * * *").matches_time(4, 30, 0));
}

#[test]
fn lists_ranges_steps_and_names_combine() {
    let cron = fields("*/20,5 8-10 1,15 JAN-mar,12 MON-FRI");
    for minute in [0, 5, 20, 40] {
        assert!(cron.matches_time(9, minute, 0));
    }
    assert!(!cron.matches_time(9, 10, 0));
    assert!(!cron.matches_time(11, 0, 0));
    assert!(cron.matches_date(12, 15, 0));
    assert!(!cron.matches_date(4, 15, 1));
    assert!(fields("50/5 * * * *").matches_time(0, 55, 0));
    assert!(!fields("50/5 * * * *").matches_time(0, 45, 0));
}

#[test]
fn seven_and_zero_are_sunday_also_at_the_end_of_a_range() {
    assert_eq!(fields("0 0 * * 7"), fields("0 0 * * 0"));
    assert_eq!(fields("0 0 * * SUN"), fields("0 0 * * 0"));
    assert_eq!(fields("0 0 * * FRI-SUN"), fields("0 0 * * 0,5,6"));
    assert_eq!(fields("0 0 * * 0-7"), fields("0 0 * * *"));
}

#[test]
fn either_day_suffices_when_both_are_restricted() {
    let both = fields("0 0 13 * FRI");
    assert!(both.matches_date(1, 13, 0));
    assert!(both.matches_date(1, 2, 5));
    assert!(!both.matches_date(1, 2, 4));
    let one = fields("0 0 * * FRI");
    assert!(one.matches_date(1, 2, 5));
    assert!(!one.matches_date(1, 13, 0));
}

#[test]
fn nicknames_are_the_expressions_they_stand_for() {
    assert_eq!(fields("@hourly"), fields("0 * * * *"));
    assert_eq!(fields("@daily"), fields("0 0 * * *"));
    assert_eq!(fields("@weekly"), fields("0 0 * * 0"));
    assert_eq!(fields("@monthly"), fields("0 0 1 * *"));
    assert_eq!(
        Schedule::parse("@every 90s").unwrap().rule,
        ScheduleRule::Every(Duration::from_secs(90))
    );
    assert_eq!(
        Schedule::parse("@every 2d").unwrap().rule,
        ScheduleRule::Every(Duration::from_secs(172_800))
    );
}

#[test]
fn the_next_time_of_day_is_found_across_minutes_and_hours() {
    let cron = fields("10,20 30 8,9 * * *");
    assert_eq!(cron.time_at_or_after(0, 0, 0), Some((8, 30, 10)));
    assert_eq!(cron.time_at_or_after(8, 30, 10), Some((8, 30, 10)));
    assert_eq!(cron.time_at_or_after(8, 30, 11), Some((8, 30, 20)));
    assert_eq!(cron.time_at_or_after(8, 30, 21), Some((9, 30, 10)));
    assert_eq!(cron.time_at_or_after(9, 31, 0), None);
}

#[test]
fn a_value_out_of_range_names_its_field_and_range() {
    assert_eq!(problem("61 * * * *"), "minute 61 out of range 0-59");
    assert_eq!(problem("* 24 * * *"), "hour 24 out of range 0-23");
    assert_eq!(problem("* * 0 * *"), "day of month 0 out of range 1-31");
    assert_eq!(problem("* * * 13 *"), "month 13 out of range 1-12");
    assert_eq!(problem("* * * * 8"), "day of week 8 out of range 0-7");
    assert_eq!(problem("60 * * * * *"), "second 60 out of range 0-59");
    assert_eq!(problem("*/0 * * * *"), "minute step 0 out of range 1-60");
    assert_eq!(
        problem("9-3 * * * *"),
        "minute range \"9-3\" runs backwards"
    );
}

#[test]
fn what_is_no_schedule_is_refused() {
    for bad in [
        "",
        "*",
        "* * * *",
        "* * * * * * *",
        "@yearly",
        "@every",
        "@every 0s",
        "@every 1w",
        "@every -1s",
        "@every 1.5s",
        "@every 99999999999d",
        "a * * * *",
        ", * * * *",
        "1- * * * *",
        "-1 * * * *",
        "*/ * * * *",
        "** * * * *",
        "* * * FOO *",
        "99999999999999999999 * * * *",
        "L * * * *",
        "? * * * *",
    ] {
        assert!(Schedule::parse(bad).is_err(), "{bad:?}");
    }
    assert!(Schedule::parse(&"*,".repeat(5000)).is_err());
}

// dispatch §9: a schedule that never fires is an error
#[test]
fn a_day_that_no_named_month_has_never_fires() {
    for bad in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert!(problem(bad).contains("never fires"), "{bad}");
    }
    for good in ["0 0 29 2 *", "0 0 31 2,3 *", "0 0 31 2 MON", "0 0 30 4 *"] {
        assert!(Schedule::parse(good).is_ok(), "{good}");
    }
}

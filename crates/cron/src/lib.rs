//! Fires jobs by cron schedule.

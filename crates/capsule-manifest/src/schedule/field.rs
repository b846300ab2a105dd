//! One field of a cron expression.

use super::BadSchedule;
use crate::text::quote;

/// What a field is called and which numbers and names it takes.
pub(super) struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the numbers from `low` on.
    names: &'static [&'static str],
    /// The highest number that `*` stands for.
    star_high: u8,
}

const fn plain(name: &'static str, low: u8, high: u8) -> Field {
    Field {
        name,
        low,
        high,
        names: &[],
        star_high: high,
    }
}

pub(super) const SECOND: Field = plain("second", 0, 59);
pub(super) const MINUTE: Field = plain("minute", 0, 59);
pub(super) const HOUR: Field = plain("hour", 0, 23);
pub(super) const DAY: Field = plain("day of month", 1, 31);
pub(super) const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    star_high: 12,
};
pub(super) const WEEKDAY: Field = Field {
    name: "day of week",
    low: 0,
    high: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    star_high: 6,
};

impl Field {
    /// The set of every number of the field.
    pub(super) fn all(&self) -> u64 {
        (self.low..=self.star_high).fold(0, |set, value| set | 1 << value)
    }

    /// The set that `text` stands for.
    pub(super) fn parse(&self, text: &str) -> Result<u64, BadSchedule> {
        text.split(',')
            .try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, part: &str) -> Result<u64, BadSchedule> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let (low, high) = match (range, range.split_once('-')) {
            ("*", _) => (self.low, self.star_high),
            (_, Some((low, high))) => (self.value(low)?, self.end(low, high)?),
            (_, None) => {
                let value = self.value(range)?;
                // A step without a range counts on from its start.
                (
                    value,
                    if step.is_some() {
                        self.star_high.max(value)
                    } else {
                        value
                    },
                )
            }
        };
        if low > high {
            return Err(BadSchedule(format!(
                "{} range {} runs backwards",
                self.name,
                quote(range)
            )));
        }
        Ok((low..=high)
            .step_by(step.unwrap_or(1))
            .fold(0, |set, value| set | 1 << value))
    }

    /// The end of a range. Sunday at the end is the day after Saturday.
    fn end(&self, low: &str, high: &str) -> Result<u8, BadSchedule> {
        let end = self.value(high)?;
        Ok(
            if self.high > self.star_high && end == 0 && self.value(low)? > 0 {
                self.high
            } else {
                end
            },
        )
    }

    fn step(&self, text: &str) -> Result<usize, BadSchedule> {
        let span = usize::from(self.high - self.low) + 1;
        match number(text) {
            Some(step) if step >= 1 && usize::from(step) <= span => Ok(usize::from(step)),
            Some(_) => Err(BadSchedule(format!(
                "{} step {text} out of range 1-{span}",
                self.name
            ))),
            None => Err(BadSchedule(format!(
                "{} step {} is no number",
                self.name,
                quote(text)
            ))),
        }
    }

    fn value(&self, text: &str) -> Result<u8, BadSchedule> {
        let named = (self.low..)
            .zip(self.names)
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        if let Some((value, _)) = named {
            return Ok(value);
        }
        let Some(value) = number(text) else {
            return Err(BadSchedule(format!(
                "{} {} is no number",
                self.name,
                quote(text)
            )));
        };
        match u8::try_from(value) {
            Ok(value) if (self.low..=self.high).contains(&value) => Ok(value),
            _ => Err(BadSchedule(format!(
                "{} {value} out of range {}-{}",
                self.name, self.low, self.high
            ))),
        }
    }
}

/// Digits only; anything too large for any field is `u16::MAX`, which is out of every range.
fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u16::MAX))
}

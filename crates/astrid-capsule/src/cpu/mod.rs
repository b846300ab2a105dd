//! How much a guest may compute: per invocation, per second and per wall clock.

mod marks;
mod metered;

pub(crate) use marks::{FuelGauge, Stop};
pub(crate) use metered::{metered, placed};

//! Which of the four exports of a guest a component has.

use std::fmt;

use astrid_guest::{Exports, HOOK, INSTALL, RUN, UPGRADE};
use serde::Serialize;

/// What a host makes of one of the four exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is there and worth calling.
    Real,
    /// It is there with an empty body, because the SDK always writes all four.
    Stub,
    /// It is not there.
    Absent,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Stub => "stub",
            Self::Absent => "absent",
        })
    }
}

/// The state of each export, in the order of the contract.
pub(crate) fn states(real: Exports, functions: &[String]) -> [(&'static str, State); 4] {
    let named = [
        (HOOK, real.has_hook),
        (RUN, real.has_run),
        (INSTALL, real.has_install),
        (UPGRADE, real.has_upgrade),
    ];
    named.map(|(name, is_real)| {
        let there = functions.iter().any(|function| function == name);
        let state = match (there, is_real) {
            (_, true) => State::Real,
            (true, false) => State::Stub,
            (false, false) => State::Absent,
        };
        (name, state)
    })
}

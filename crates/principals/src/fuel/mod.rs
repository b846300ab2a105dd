//! How much principals compute: a running total, and a rate that paces.

mod budget;
mod ledger;
mod window;

pub use budget::{Admission, FuelAccount, FuelBudget, FuelRate};
pub use ledger::FuelLedger;

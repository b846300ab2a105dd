//! The functions of the contract, as methods of the view.

mod attempt;
mod by_id;
mod end;
mod events;
mod handles;
mod listing;
mod logs;
mod lookup;
mod pollables;
mod start;
mod wait;

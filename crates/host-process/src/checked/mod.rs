//! What guests hand in, parsed once. Each check is one step of the chapter's order (§2.2).

mod command;
mod env;
mod injections;
mod keep;
mod limits;
mod stdin;
mod suffix;
mod work_dir;

pub(crate) use command::{check_program, check_sizes};
pub(crate) use env::Environment;
pub(crate) use injections::{Placed, parse as parse_injections};
pub(crate) use keep::Keeping;
pub(crate) use limits::parse as parse_limits;
pub(crate) use stdin::{check_prelude, check_write};
pub(crate) use suffix::Suffix;
pub(crate) use work_dir::{needs_home, parse as parse_work_dir};

//! A live subscription as the bus sees it.

use crate::admission::Audience;
use crate::gate::Gate;
use crate::mailbox::Mailbox;
use crate::{Draft, Pattern};

#[derive(Debug)]
pub(crate) struct Route {
    /// Creation number: who is served first when there are too many.
    pub(crate) number: u64,
    pub(crate) pattern: Pattern,
    pub(crate) audience: Audience,
    pub(crate) gate: Gate,
    pub(crate) mailbox: Mailbox,
}

impl Route {
    pub(crate) fn admits(&self, message: &Draft) -> bool {
        self.gate.is_open() && self.audience.admits(message)
    }
}

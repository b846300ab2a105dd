//! What a host function is, for the envelope: its name and how it is audited.

/// How much of a trace a function leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audit {
    /// None: the contract does not audit it. No clock is read and nothing is allocated.
    Silent,
    /// A count per (principal, capsule, function) with the bytes moved.
    Counted,
    /// One event in the high-volume stream.
    Event,
    /// One durable record.
    Record,
    /// One durable record, and no effect if the sink cannot take it.
    Required,
}

/// A host function as the envelope sees it. Domain crates declare one constant per function.
#[derive(Debug, PartialEq, Eq)]
pub struct Op {
    /// The WIT package, without `astrid:` and version.
    pub domain: &'static str,
    /// The function's WIT name.
    pub function: &'static str,
    /// How it is audited when it is allowed. A denial or failure of an audited function is recorded alike.
    pub audit: Audit,
}

impl Op {
    /// Declares a function.
    #[must_use]
    pub const fn new(domain: &'static str, function: &'static str, audit: Audit) -> Self {
        Self { domain, function, audit }
    }
}

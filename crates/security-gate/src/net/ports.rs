//! Which ports of a host.

/// Every port, or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ports {
    Any,
    Only(Vec<u16>),
}

impl Default for Ports {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Ports {
    /// Adds a port; `None` adds all of them.
    pub(crate) fn insert(&mut self, port: Option<u16>) {
        match (&mut *self, port) {
            (Self::Any, _) => {}
            (Self::Only(_), None) => *self = Self::Any,
            (Self::Only(ports), Some(port)) => ports.push(port),
        }
    }

    /// Whether the port is among them; `None` asks for any port at all.
    pub(crate) fn cover(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::Only(ports), None) => !ports.is_empty(),
            (Self::Only(ports), Some(port)) => ports.contains(&port),
        }
    }
}

/// `*` or a decimal from 1 to 65535; the outer option says whether it is either.
pub(crate) fn parse(text: &str) -> Option<Option<u16>> {
    if text == "*" {
        return Some(None);
    }
    number(text).filter(|port| *port > 0).map(Some)
}

/// Digits alone: `parse` would take a sign.
pub(crate) fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

//! Suites that a backend runs on itself. Each is a generic function over a maker of fresh backends,
//! and panics with the name of the case that failed.

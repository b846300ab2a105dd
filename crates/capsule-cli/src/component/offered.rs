//! The host packages that a component can import here.

/// Name and version of each package, such as `("kv", "1.0.0")` for `astrid:kv@1.0.0`.
pub(crate) fn offered() -> &'static [(&'static str, &'static str)] {
    &[("io", "1.0.0"), ("sys", "1.0.0"), ("kv", "1.0.0"), ("ipc", "1.0.0"), ("guest", "1.0.0")]
}

//! Unsafe code is forbidden, not merely denied, in every library but two.

use crate::tidy::source::Source;

/// One's compile cache loads what it compiled, the other has a file of system calls without a safe interface.
const MAY: [&str; 2] = ["astrid-capsule", "process-sandbox"];

/// Libraries whose `lib.rs` does not say so.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let libraries =
        sources.iter().filter(|s| s.path.ends_with("/src/lib.rs") && !MAY.contains(&s.krate.as_str()));
    let lacking = libraries.filter(|source| !forbids(&source.file));
    lacking.map(|source| format!("{}: lacks `#![forbid(unsafe_code)]`", source.path)).collect()
}

fn forbids(file: &syn::File) -> bool {
    file.attrs.iter().any(|attribute| {
        attribute.path().is_ident("forbid")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|lint| lint == "unsafe_code")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, text: &str) -> usize {
        breaches(&[Source::parse(krate, &format!("crates/{krate}/src/lib.rs"), text).unwrap()]).len()
    }

    #[test]
    fn a_library_forbids_unsafe_code_except_the_two() {
        assert_eq!(found("host-kv", "//! Docs.\n#![forbid(unsafe_code)]\n"), 0);
        assert_eq!(found("host-kv", "#![deny(unsafe_code)]"), 1);
        assert_eq!(found("host-kv", "// #![forbid(unsafe_code)]"), 1);
        assert_eq!(found("astrid-capsule", ""), 0);
        assert_eq!(found("process-sandbox", "#![deny(unsafe_code)]"), 0);
    }
}

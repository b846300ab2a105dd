//! A face converts: its methods are short.

use crate::tidy::source::{Source, impls, methods};

const MAX_BODY: usize = 12;

/// Methods of `Host…` traits in the files of a face that do more than converting.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| is_face(&source.path)) {
        for item in impls(&source.file).into_iter().filter(|item| is_host(item)) {
            for method in methods(item) {
                let braces = method.block.brace_token.span;
                let lines = braces.close().start().line.saturating_sub(braces.open().start().line + 1);
                if lines > MAX_BODY {
                    let (at, name) = (source.at(method.sig.ident.span()), &method.sig.ident);
                    breaches.push(format!(
                        "{at}: {name} has {lines} lines; a face's methods have at most {MAX_BODY}"
                    ));
                }
            }
        }
    }
    breaches
}

/// `src/v1_0.rs`, `src/v1_1.rs`, and files in folders of such names.
pub(super) fn is_face(path: &str) -> bool {
    let version = |name: &str| {
        let parts = name.strip_prefix('v').and_then(|rest| rest.split_once('_'));
        parts.is_some_and(|(a, b)| [a, b].iter().all(|n| n.parse::<u32>().is_ok()))
    };
    let within = path.split_once("/src/").map_or(path, |(_, within)| within);
    within.split('/').any(|part| version(part.trim_end_matches(".rs")))
}

pub(super) fn is_host(item: &syn::ItemImpl) -> bool {
    let name = item.trait_.as_ref().and_then(|trait_| trait_.0.segments.last());
    name.is_some_and(|segment| segment.ident.to_string().starts_with("Host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, trait_: &str, lines: usize) -> Vec<String> {
        let body = "        self.x();\n".repeat(lines);
        let text = format!("impl {trait_} for V<'_> {{\n    fn f(&mut self) {{\n{body}    }}\n}}\n");
        breaches(&[Source::parse("host-x", path, &text).unwrap()])
    }

    #[test]
    fn twelve_lines_pass_and_thirteen_do_not() {
        assert_eq!(found("crates/host-x/src/v1_0.rs", "Host", 12), [""; 0]);
        let found = found("crates/host-x/src/v1_0.rs", "Host", 13);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/host-x/src/v1_0.rs:2: f has 13 lines"));
    }

    #[test]
    fn faces_in_folders_and_traits_of_resources_count() {
        assert_eq!(found("crates/host-x/src/v1_1/streams.rs", "streams::HostInputStream", 13).len(), 1);
    }

    #[test]
    fn engines_and_other_traits_may_be_long() {
        assert_eq!(found("crates/host-x/src/ops.rs", "Host", 50), [""; 0]);
        assert_eq!(found("crates/host-x/src/v1_0.rs", "Default", 50), [""; 0]);
    }
}

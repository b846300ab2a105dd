//! No host function blocks a worker of the runtime, and nothing is left to do.

use proc_macro2::TokenTree;
use quote::ToTokens;

use crate::tidy::source::{Source, tokens};

/// Where a blocking call is right: a program's own main has a runtime to start.
const STARTS_RUNTIME: (&str, usize) = ("capsule-cli", 1);

/// Blocking calls and unfinished code.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut started = 0;
    for source in sources {
        tokens(source.file.to_token_stream(), &mut |ident, next| {
            let name = ident.to_string();
            let is_macro = matches!(next, Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
            let banned = match name.as_str() {
                "block_on" if source.krate == STARTS_RUNTIME.0 => {
                    started += 1;
                    started > STARTS_RUNTIME.1
                }
                "block_on" | "block_in_place" => true,
                "todo" | "unimplemented" => is_macro,
                _ => false,
            };
            if banned {
                breaches.push(format!("{}: {name} is not for this repository", source.at(ident.span())));
            }
        });
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, text: &str) -> usize {
        breaches(&[Source::parse(krate, "x.rs", text).unwrap()]).len()
    }

    #[test]
    fn blocking_and_unfinished_code_is_found_also_inside_macros() {
        for text in [
            "fn a() { runtime.block_on(async {}); }",
            "use tokio::task::block_in_place;",
            "fn a() { todo!() }",
            "fn a() { unimplemented!(\"later\") }",
            "fn a() { select! { _ = x => runtime.block_on(y) } }",
        ] {
            assert_eq!(found("host-x", text), 1, "{text}");
        }
    }

    #[test]
    fn comments_docs_texts_tests_and_other_names_are_not() {
        for text in [
            "// block_on\n/// todo!()\nfn a() {}",
            "fn a() { say(\"block_on\") }",
            "fn todo() {}",
            "#[cfg(test)]\nmod tests { fn a() { r.block_on(x); } }",
        ] {
            assert_eq!(found("host-x", text), 0, "{text}");
        }
    }

    #[test]
    fn the_program_starts_one_runtime() {
        assert_eq!(found("capsule-cli", "fn main() { r.block_on(a); }"), 0);
        assert_eq!(found("capsule-cli", "fn main() { r.block_on(a); r.block_on(b); }"), 1);
    }
}

//! Only who receives a message may take on its sender's identity.

use syn::visit::{self, Visit};

use crate::tidy::source::Source;

const MAY: [&str; 3] = ["host-context", "host-ipc", "astrid-capsule"];

/// Calls of `.adopt(` elsewhere.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !MAY.contains(&source.krate.as_str())) {
        let mut calls = Calls { source, breaches: &mut breaches };
        calls.visit_file(&source.file);
    }
    breaches
}

struct Calls<'a> {
    source: &'a Source,
    breaches: &'a mut Vec<String>,
}

impl<'a> Visit<'a> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        if call.method == "adopt" {
            let at = self.source.at(call.method.span());
            self.breaches.push(format!("{at}: only {} may adopt a call context", MAY.join(", ")));
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str) -> usize {
        let text = "fn f() { if true { self.host.call.adopt(next); } }";
        breaches(&[Source::parse(krate, "x.rs", text).unwrap()]).len()
    }

    #[test]
    fn only_the_bus_and_the_runtime_adopt() {
        assert_eq!(found("host-ipc"), 0);
        assert_eq!(found("astrid-capsule"), 0);
        assert_eq!(found("host-kv"), 1);
    }
}

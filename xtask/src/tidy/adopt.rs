//! Identity is exchanged in two places: by the kernel, and by who receives a message.

use syn::visit::{self, Visit};

use crate::tidy::source::Source;

/// Crates that adopt the context of a message. The kernel may do everything with its slot, and the
/// testkit stands in for a kernel.
const ADOPTS: &str = "host-ipc";
const KERNELS: [&str; 3] = ["host-context", "astrid-capsule", "host-testkit"];

/// Calls of `.adopt(` elsewhere, and any other hold on the slot.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !KERNELS.contains(&source.krate.as_str())) {
        let mut uses = Uses { source, breaches: &mut breaches };
        uses.visit_file(&source.file);
    }
    breaches
}

struct Uses<'a> {
    source: &'a Source,
    breaches: &'a mut Vec<String>,
}

impl<'a> Visit<'a> for Uses<'_> {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let at = self.source.at(call.method.span());
        if call.method == "adopt" && self.source.krate != ADOPTS {
            self.breaches.push(format!("{at}: only {ADOPTS} and the kernel may adopt a call context"));
        }
        if (call.method == "replace" || call.method == "exchange") && is_slot(&call.receiver) {
            self.breaches.push(format!("{at}: only the kernel may replace the call context"));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if let Some(slot) = path.segments.iter().find(|segment| segment.ident == "CallSlot") {
            let at = self.source.at(slot.ident.span());
            self.breaches.push(format!("{at}: only the kernel may name CallSlot; read `host.call`"));
        }
        visit::visit_path(self, path);
    }
}

/// The field `call` of a `HostCx`.
fn is_slot(receiver: &syn::Expr) -> bool {
    matches!(receiver, syn::Expr::Field(field)
        if matches!(&field.member, syn::Member::Named(name) if name == "call"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, body: &str) -> usize {
        let text = format!("fn f() {{ if true {{ {body} }} }}");
        breaches(&[Source::parse(krate, "x.rs", &text).unwrap()]).len()
    }

    #[test]
    fn only_the_bus_and_the_kernel_adopt() {
        let body = "self.host.call.adopt(next);";
        assert_eq!(found("host-ipc", body), 0);
        assert_eq!(found("astrid-capsule", body), 0);
        assert_eq!(found("host-kv", body), 1);
    }

    #[test]
    fn only_the_kernel_replaces_or_makes_a_slot() {
        for body in [
            "self.host.call.replace(next);",
            "self.host.call.exchange(&mut next);",
            "CallSlot::replace(&mut *cx.call, next);",
            "CallSlot::adopt(slot, next);",
            "*self.host.call = astrid_host_context::CallSlot::new(next);",
        ] {
            for krate in ["host-ipc", "host-kv"] {
                assert_eq!(found(krate, body), 1, "{krate}: {body}");
            }
            assert_eq!(found("astrid-capsule", body), 0, "{body}");
        }
    }

    #[test]
    fn other_replacing_is_nobodys_business() {
        assert_eq!(found("host-kv", "text.replace(\"a\", \"b\"); std::mem::replace(a, b);"), 0);
    }
}

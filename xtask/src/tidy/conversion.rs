//! A face answers nothing by itself: its methods call the engine.

use syn::visit::{self, Visit};

use crate::tidy::enter::{Calls, operations};
use crate::tidy::faces::{is_face, is_host};
use crate::tidy::source::{Source, impls, methods, type_name};

/// Methods of `Host…` traits that call no operation of their view, or look into the view's state.
/// Those that `bindgen!` asks for to convert an error have none to call.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let operations = operations(sources);
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| is_face(&source.path)) {
        for item in impls(&source.file).into_iter().filter(|item| is_host(item)) {
            let Some(view) = type_name(&item.self_ty) else { continue };
            for method in methods(item) {
                let name = method.sig.ident.to_string();
                if name.starts_with("convert_") {
                    continue;
                }
                let at = source.at(method.sig.ident.span());
                let called = Calls::of(&view, method).own;
                if !called.into_iter().any(|called| operations.contains(&(view.clone(), called))) {
                    breaches.push(format!("{at}: {name} calls no operation of {view}; a face only converts"));
                }
                for field in fields(method) {
                    breaches
                        .push(format!("{at}: {name} uses `self.{field}`; a face leaves state to the engine"));
                }
            }
        }
    }
    breaches
}

/// The fields of `self` that a method names.
fn fields(method: &syn::ImplItemFn) -> Vec<String> {
    #[derive(Default)]
    struct Fields(Vec<String>);
    impl<'a> Visit<'a> for Fields {
        fn visit_expr_field(&mut self, field: &'a syn::ExprField) {
            if matches!(&*field.base, syn::Expr::Path(base) if base.path.is_ident("self"))
                && let syn::Member::Named(name) = &field.member
            {
                self.0.push(name.to_string());
            }
            visit::visit_expr_field(self, field);
        }
    }
    let mut fields = Fields::default();
    fields.visit_block(&method.block);
    fields.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: &str = "impl XCtxView<'_> {
        pub fn get(&mut self) { let e = self.host.enter(&GET); }
        fn past(&mut self) { self.host.table.len() }
    }";

    fn found(krate: &str, body: &str) -> Vec<String> {
        let face = format!("impl Host for XCtxView<'_> {{\n{body}\n}}");
        let path = format!("crates/{krate}/src/v1_0.rs");
        breaches(&[
            Source::parse("host-x", "crates/host-x/src/ops.rs", ENGINE).unwrap(),
            Source::parse(krate, &path, &face).unwrap(),
        ])
    }

    #[test]
    fn a_method_that_calls_an_operation_passes_also_from_a_later_versions_crate() {
        for krate in ["host-x", "host-x-v1-1"] {
            assert_eq!(found(krate, "async fn x_get(&mut self) { Ok(self.get().await?.into()) }"), [""; 0]);
            assert_eq!(found(krate, "fn get(&mut self) { XCtxView::get(self) }"), [""; 0]);
        }
    }

    #[test]
    fn an_answer_without_the_engine_is_named() {
        for body in ["Ok(None)", "self.past()", "other.get()"] {
            let found = found("host-x", &format!("fn x_get(&mut self) {{ {body} }}"));
            assert_eq!(
                found,
                ["crates/host-x/src/v1_0.rs:2: x_get calls no operation of XCtxView; a face only converts"]
            );
        }
    }

    #[test]
    fn work_on_the_state_beside_the_call_is_named() {
        let found = found("host-x", "fn x_get(&mut self) { self.ctx.cache(1); self.get() }");
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("x_get uses `self.ctx`; a face leaves state to the engine"), "{found:?}");
    }

    #[test]
    fn converting_an_error_needs_no_operation() {
        assert_eq!(found("host-x", "fn convert_error_code(&mut self) { self.host.push() }"), [""; 0]);
    }
}

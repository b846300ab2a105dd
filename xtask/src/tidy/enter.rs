//! Every operation of a view goes through the envelope.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use crate::tidy::source::{Source, impls, methods, type_name};

/// Operations that are no calls of the contract, as crate, view and method.
/// Giving a handle back is always possible, takes nothing and is nobody's to forbid.
const OUTSIDE: [(&str, &str, &str); 1] = [("host-ipc", "IpcCtxView", "unsubscribe")];

struct Method<'a> {
    source: &'a Source,
    item: &'a syn::ImplItemFn,
    calls: Calls,
}

/// Public methods of `…CtxView` that neither enter the envelope nor call one of the view that does.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for ((krate, view), methods) in &views(sources) {
        let entering = entering(methods);
        for Method { source, item, .. } in methods {
            let name = item.sig.ident.to_string();
            let is_operation =
                matches!(item.vis, syn::Visibility::Public(_)) && item.sig.receiver().is_some();
            let outside = OUTSIDE.contains(&(krate.as_str(), view.as_str(), name.as_str()));
            if is_operation && !outside && !entering.contains(&name) {
                let at = source.at(item.sig.ident.span());
                breaches.push(format!("{at}: {view}::{name} does not go through the envelope (`.enter(`)"));
            }
        }
    }
    breaches
}

/// What a face may call, as view and method: the operations that pass the rule above.
pub(super) fn operations(sources: &[Source]) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for ((_, view), methods) in views(sources) {
        operations.extend(entering(&methods).into_iter().map(|name| (view.clone(), name)));
    }
    operations.extend(OUTSIDE.map(|(_, view, name)| (view.to_owned(), name.to_owned())));
    operations
}

/// The inherent methods of every view, by crate and view.
fn views(sources: &[Source]) -> BTreeMap<(String, String), Vec<Method<'_>>> {
    let mut views: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.krate.starts_with("host-")) {
        for item in impls(&source.file).into_iter().filter(|item| item.trait_.is_none()) {
            let Some(view) = type_name(&item.self_ty).filter(|name| name.ends_with("CtxView")) else {
                continue;
            };
            let known: &mut Vec<_> = views.entry((source.krate.clone(), view.clone())).or_default();
            known.extend(methods(item).map(|item| Method { source, item, calls: Calls::of(&view, item) }));
        }
    }
    views
}

/// The methods of a view that enter, themselves or through each other.
fn entering(methods: &[Method<'_>]) -> BTreeSet<String> {
    let mut entering = BTreeSet::new();
    loop {
        let before = entering.len();
        for Method { item, calls, .. } in methods {
            if calls.enters || !calls.own.is_disjoint(&entering) {
                entering.insert(item.sig.ident.to_string());
            }
        }
        if entering.len() == before {
            return entering;
        }
    }
}

/// What a body calls.
pub(super) struct Calls {
    view: String,
    enters: bool,
    /// Methods of the same view.
    pub(super) own: BTreeSet<String>,
}

impl Calls {
    pub(super) fn of(view: &str, item: &syn::ImplItemFn) -> Self {
        let mut calls = Self { view: view.to_owned(), enters: false, own: BTreeSet::new() };
        calls.visit_block(&item.block);
        calls
    }
}

impl<'a> Visit<'a> for Calls {
    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.enters |= call.method == "enter";
        if matches!(&*call.receiver, syn::Expr::Path(path) if path.path.is_ident("self")) {
            self.own.insert(call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        if let (Some(method), Some(ty)) = (names.next(), names.next())
            && (ty == "Self" || ty == self.view)
        {
            self.own.insert(method);
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(krate: &str, methods: &str) -> Vec<String> {
        let text = format!("impl XCtxView<'_> {{\n{methods}\n}}");
        breaches(&[Source::parse(krate, "ops.rs", &text).unwrap()])
    }

    #[test]
    fn a_method_that_enters_or_calls_one_that_does_passes() {
        let methods = "pub fn a(&mut self) { let e = self.host.enter(&A); }
            pub async fn b(&mut self) { self.a(); }
            pub async fn c(&mut self) { Self::b(self).await }
            pub fn new() -> Self { todo() }
            fn helper(&self) {}";
        assert_eq!(found("host-x", methods), [""; 0]);
    }

    #[test]
    fn a_method_that_works_past_the_envelope_is_named() {
        let methods = "pub fn a(&mut self) { self.helper() }\nfn helper(&self) { self.host.table.push(1) }";
        let found = found("host-x", methods);
        assert_eq!(found, ["ops.rs:2: XCtxView::a does not go through the envelope (`.enter(`)"]);
    }

    #[test]
    fn the_exception_is_for_its_crate_alone_and_other_crates_have_no_views() {
        assert_eq!(found("host-x", "pub fn unsubscribe(&mut self) {}").len(), 1);
        assert_eq!(found("astrid-capsule", "pub fn a(&mut self) {}"), [""; 0]);
    }
}

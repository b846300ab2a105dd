//! Source files as the rules see them.

use anyhow::{Context, Result};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::workspace::{Workspace, files_below, read};

/// A file of a crate.
pub(crate) struct Source {
    /// The crate's folder, such as `host-kv`.
    pub(crate) krate: String,
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// How many lines it has.
    pub(crate) lines: usize,
    /// What it says, without what exists for tests alone.
    pub(crate) file: syn::File,
}

impl Source {
    /// Parses a file of `crates/<krate>/src`.
    pub(crate) fn parse(krate: &str, path: &str, text: &str) -> Result<Self> {
        let mut file = syn::parse_file(text).with_context(|| path.to_owned())?;
        drop_tests(&mut file.items);
        Ok(Self { krate: krate.to_owned(), path: path.to_owned(), lines: text.lines().count(), file })
    }

    /// `path:line` of a piece of it.
    pub(crate) fn at(&self, span: Span) -> String {
        format!("{}:{}", self.path, span.start().line)
    }
}

/// Every file of every `crates/*/src`, without modules that exist for tests alone.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Source>> {
    let (mut sources, mut for_tests) = (Vec::new(), Vec::new());
    for folder in workspace.crates()? {
        let krate = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in files_below(&folder.join("src"))? {
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = read(&path)?;
            let path =
                path.strip_prefix(&workspace.root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            for_tests.extend(test_modules(&path, &text)?);
            sources.push(Source::parse(&krate, &path, &text)?);
        }
    }
    let is_test = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        for_tests.iter().any(|module| stem == module || path.starts_with(&format!("{module}/")))
    };
    sources.retain(|source| !is_test(&source.path));
    Ok(sources)
}

/// The modules `#[cfg(test)] mod name;` of a file, as paths without `.rs`.
fn test_modules(path: &str, text: &str) -> Result<Vec<String>> {
    let stem = path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let folder = if ["lib", "main", "mod"].contains(&name) { folder } else { stem };
    let file = syn::parse_file(text).with_context(|| path.to_owned())?;
    let modules = file.items.into_iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && for_tests(&module.attrs) => {
            Some(format!("{folder}/{}", module.ident))
        }
        _ => None,
    });
    Ok(modules.collect())
}

fn drop_tests(items: &mut Vec<syn::Item>) {
    items.retain(|item| !attributes(item).is_some_and(for_tests));
    for item in items {
        if let syn::Item::Mod(syn::ItemMod { content: Some((_, inner)), .. }) = item {
            drop_tests(inner);
        }
    }
}

fn attributes(item: &syn::Item) -> Option<&[syn::Attribute]> {
    match item {
        syn::Item::Fn(item) => Some(&item.attrs),
        syn::Item::Impl(item) => Some(&item.attrs),
        syn::Item::Mod(item) => Some(&item.attrs),
        syn::Item::Use(item) => Some(&item.attrs),
        syn::Item::Struct(item) => Some(&item.attrs),
        _ => None,
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// Every identifier of some syntax, also inside macros, with the token that follows it.
pub(crate) fn tokens(stream: TokenStream, found: &mut impl FnMut(&proc_macro2::Ident, Option<&TokenTree>)) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match &tree {
            TokenTree::Ident(ident) => found(ident, trees.peek()),
            TokenTree::Group(group) => tokens(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Every inherent or trait `impl` of a file, also inside modules.
pub(crate) fn impls(file: &syn::File) -> Vec<&syn::ItemImpl> {
    struct Impls<'a>(Vec<&'a syn::ItemImpl>);
    impl<'a> Visit<'a> for Impls<'a> {
        fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
            self.0.push(item);
            visit::visit_item_impl(self, item);
        }
    }
    let mut impls = Impls(Vec::new());
    impls.visit_file(file);
    impls.0
}

/// The last name of a type's path: `IpcCtxView` of `crate::IpcCtxView<'_>`.
pub(crate) fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The methods of an `impl`.
pub(crate) fn methods(item: &syn::ItemImpl) -> impl Iterator<Item = &syn::ImplItemFn> {
    item.items.iter().filter_map(|item| match item {
        syn::ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exists_for_tests_alone_is_not_seen() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n#[cfg(test)]\nfn c() {}\n";
        assert_eq!(Source::parse("x", "x.rs", text).unwrap().file.items.len(), 1);
    }

    #[test]
    fn a_test_module_is_found_beside_its_file() {
        let text = "mod a;\n#[cfg(test)]\nmod b;\n";
        assert_eq!(test_modules("crates/x/src/lib.rs", text).unwrap(), ["crates/x/src/b"]);
        assert_eq!(test_modules("crates/x/src/c/mod.rs", text).unwrap(), ["crates/x/src/c/b"]);
        assert_eq!(test_modules("crates/x/src/c.rs", text).unwrap(), ["crates/x/src/c/b"]);
    }
}

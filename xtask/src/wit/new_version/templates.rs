//! The texts of the new crate beside its face.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::wit::new_version::names::{Names, ident, pascal};

/// The manifest: of what the engine depends on, what the face names.
pub(crate) fn manifest(
    names: &Names,
    engine: &str,
    face: &[(PathBuf, String)],
    used: &[&str],
) -> Result<String> {
    let engine: toml::Table = toml::from_str(engine).context("the engine's manifest")?;
    let known = engine.get("dependencies").and_then(toml::Value::as_table);
    let known = known.context("the engine has no dependencies")?.keys();
    let named = |name: &&String| face.iter().any(|(_, text)| text.contains(&format!("{}::", ident(name))));
    let mut normal: BTreeSet<String> = known.filter(named).cloned().collect();
    normal.extend([format!("astrid-{}", names.engine_folder()), "wasmtime".to_owned()]);
    let mut testing: BTreeSet<String> = used.iter().map(|name| format!("astrid-host-{name}")).collect();
    testing.extend(["astrid-host-context", "astrid-host-testkit"].map(str::to_owned));
    let lines =
        |all: BTreeSet<String>| all.iter().map(|n| format!("{n}.workspace = true\n")).collect::<String>();
    let testing = testing.difference(&normal).cloned().collect();
    let (package, version, folder) = (&names.package, &names.version, names.crate_folder());
    let (normal, testing) = (lines(normal), lines(testing));
    Ok(format!(
        r#"[package]
name = "astrid-{folder}"
description = "astrid:{package}@{version} for wasmtime hosts: bindings and conversion over astrid-host-{package}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true

[dependencies]
{normal}
[dev-dependencies]
{testing}# The compiler features of the runtime, so that testing one crate alone builds wasmtime no second time.
wasmtime = {{ workspace = true, features = ["cranelift", "parallel-compilation", "pooling-allocator", "call-hook", "backtrace", "demangle", "wat"] }}

[lints]
workspace = true
"#
    ))
}

/// The root: the engine's way of linking, for the new bindings.
pub(crate) fn lib(names: &Names, engine_lib: &str) -> Result<String> {
    let function = engine_lib
        .split_once("pub fn add_to_linker")
        .and_then(|(_, rest)| rest.split_once("\n}\n"))
        .map(|(body, _)| body.replace("v1_0::", &format!("{}::", names.module())))
        .context("the engine's lib.rs has no add_to_linker")?;
    let Names { package, version } = names;
    let (engine, krate, module, marker) = (names.engine(), names.krate(), names.module(), names.marker());
    Ok(format!(
        r"//! `astrid:{package}@{version}` for wasmtime hosts: bindings and conversion. State, view and behaviour are
//! those of `{engine}`, so a kernel links both versions over the one it has:
//!
//! ```
//! use {engine}::{marker}View;
//! use wasmtime::component::Linker;
//!
//! fn link<T: {marker}View>(linker: &mut Linker<T>) -> wasmtime::Result<()> {{
//!     {engine}::add_to_linker(linker)?;
//!     {krate}::add_to_linker(linker)
//! }}
//! ```
#![forbid(unsafe_code)]

pub mod {module};

use {engine}::{{{marker}, {marker}View}};
use wasmtime::component::Linker;

/// Links every function of `astrid:{package}@{version}`, and nothing else.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker{function}
}}
"
    ))
}

/// The test that the file and the crate fit each other.
pub(crate) fn abi(names: &Names, used: &[&str]) -> String {
    let each = |text: &dyn Fn(&str) -> String| used.iter().map(|name| text(name)).collect::<String>();
    let imports = each(&|name| {
        let (krate, marker) = (ident(name), pascal(name));
        format!("use astrid_host_{krate}::{{{marker}Ctx, {marker}CtxView, {marker}View}};\n")
    });
    let fields = each(&|name| format!("    {}: {}Ctx,\n", ident(name), pascal(name)));
    let views = each(&|name| {
        let (field, marker) = (ident(name), pascal(name));
        format!(
            "\nimpl {marker}View for State {{\n    fn {field}(&mut self) -> {marker}CtxView<'_> {{\n        \
             {marker}CtxView {{ ctx: &mut self.{field}, host: self.fake.cx() }}\n    }}\n}}\n"
        )
    });
    let others = used.iter().filter(|name| **name != names.package);
    let others: String = others.map(|name| format!(", astrid_host_{}::add_to_linker", ident(name))).collect();
    let Names { package, version } = names;
    let krate = names.krate();
    format!(
        r#"//! The frozen file alone, against this crate and what the package uses.

use astrid_host_context::{{HostContext, HostCx}};
{imports}use astrid_host_testkit::{{FakeHost, link}};

struct State {{
    fake: FakeHost,
{fields}}}

impl HostContext for State {{
    fn host(&mut self) -> HostCx<'_> {{
        self.fake.cx()
    }}
}}
{views}
#[test]
fn a_guest_that_imports_every_function_links() {{
    let mut imports = link::<State>("wit", &[{krate}::add_to_linker{others}]).unwrap();
    imports.retain(|name| name.starts_with("astrid:{package}/"));
    assert!(!imports.is_empty() && imports.iter().all(|name| name.ends_with("@{version}")), "{{imports:?}}");
}}
"#
    )
}

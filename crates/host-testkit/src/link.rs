//! What a crate's `add_to_linker` offers, asked of a linker.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::{dummy_guest, imports_of};

/// An `add_to_linker` for a store with data of type `T`.
pub type Add<T> = fn(&mut Linker<T>) -> wasmtime::Result<()>;

/// Links the guest that imports everything of the WIT package in `wit` against what `adds` offer, and
/// returns its imports. wasmtime compares the type of every function as binaries, not by name alone.
///
/// # Errors
/// The folder does not parse, two of `adds` offer the same name, or an import is missing or has another
/// type: wasmtime's message names it.
pub fn link<T: 'static>(wit: impl AsRef<Path>, adds: &[Add<T>]) -> wasmtime::Result<Vec<String>> {
    let guest = dummy_guest(wit).map_err(wasmtime::Error::new)?;
    let engine = Engine::default();
    let linker = linker(&engine, adds)?;
    linker.instantiate_pre(&Component::new(&engine, &guest)?)?;
    imports_of(&guest)
}

/// Whether `add` alone offers `function` in `instance`, such as `kv-get` in `astrid:kv/host@1.0.0`: the
/// exact version, where a linker's own look-up would take a compatible one.
///
/// # Errors
/// `add` fails by itself.
pub fn offers<T: 'static>(add: Add<T>, instance: &str, function: &str) -> wasmtime::Result<bool> {
    let engine = Engine::default();
    let mut linker = linker(&engine, &[add])?;
    linker.allow_shadowing(false);
    let defined = linker
        .instance(instance)
        .and_then(|mut at| at.func_wrap(function, |_, (): ()| -> wasmtime::Result<()> { Ok(()) }));
    Ok(defined.is_err())
}

fn linker<T: 'static>(engine: &Engine, adds: &[Add<T>]) -> wasmtime::Result<Linker<T>> {
    let mut linker = Linker::new(engine);
    for add in adds {
        add(&mut linker)?;
    }
    Ok(linker)
}

//! Components made from WIT text alone.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve, WorldItem, WorldKey};

/// Why a directory of WIT could not be made into a component.
#[derive(Debug, thiserror::Error)]
#[error("dummy guest for {wit}: {problem}")]
pub struct DummyError {
    wit: String,
    problem: String,
}

/// A component that imports every function of every interface of the WIT package in `wit` (a folder
/// with `deps/`), and calls none. If it instantiates, the linker has them all, with the right types.
///
/// # Errors
/// The folder does not parse, or a component cannot be encoded from it.
pub fn dummy_guest(wit: impl AsRef<Path>) -> Result<Vec<u8>, DummyError> {
    let wit = wit.as_ref();
    let failed = |problem: &dyn std::fmt::Display| DummyError {
        wit: wit.display().to_string(),
        problem: format!("{problem:#}"),
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|e| failed(&e))?;
    let world = importing_world(&mut resolve, package).map_err(|e| failed(&e))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(|e| failed(&e))?;
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|e| failed(&e))
}

/// The import names of a component, such as `astrid:kv/host@1.0.0`, sorted.
///
/// # Errors
/// The bytes are not a component.
pub fn imports_of(component: &[u8]) -> Result<Vec<String>, wasmtime::Error> {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, component)?;
    let mut names: Vec<_> =
        component.component_type().imports(&engine).map(|(name, _)| name.to_owned()).collect();
    names.sort();
    Ok(names)
}

fn importing_world(resolve: &mut Resolve, package: PackageId) -> Result<wit_parser::WorldId, String> {
    let name = resolve.packages.get(package).map(|p| p.name.clone()).ok_or("no package")?;
    let source = format!("package testkit:dummy; world everything {{ {} }}", {
        let mut imports = String::new();
        let interfaces = resolve.packages.get(package).map(|p| p.interfaces.clone()).unwrap_or_default();
        for interface in interfaces.keys() {
            let version = name.version.as_ref().map(|v| format!("@{v}")).unwrap_or_default();
            imports.push_str(&format!("import {}:{}/{interface}{version}; ", name.namespace, name.name));
        }
        imports
    });
    let dummy = resolve.push_str("dummy.wit", &source).map_err(|e| format!("{e:#}"))?;
    let world = resolve.select_world(&[dummy], None).map_err(|e| format!("{e:#}"))?;
    let empty = resolve.worlds.get(world).is_none_or(|w| {
        !w.imports
            .iter()
            .any(|(key, item)| matches!((key, item), (WorldKey::Interface(_), WorldItem::Interface { .. })))
    });
    if empty { Err("the package has no interface".to_owned()) } else { Ok(world) }
}

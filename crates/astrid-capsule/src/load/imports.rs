//! Why a component does not link, in words its author can act on.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::packages::PACKAGES;
use crate::{CapsuleError, Code};

/// Names the first import this host does not offer; falls back to wasmtime's own words.
pub(crate) fn explain_unlinked(
    engine: &Engine,
    component: &Component,
    error: &wasmtime::Error,
) -> CapsuleError {
    let missing = component
        .component_type()
        .imports(engine)
        .filter(|(_, item)| {
            matches!(item.ty, ComponentItem::ComponentInstance(_) | ComponentItem::ComponentFunc(_))
        })
        .map(|(name, _)| name.to_owned())
        .find(|name| !offered(name));
    let problem = match missing {
        Some(name) => format!("imports {name:?}, which this host does not offer; {}", advice(&name)),
        None => format!("does not link: {error:#}"),
    };
    CapsuleError::new(Code::UnlinkedImport, problem)
}

fn split(import: &str) -> Option<(&str, &str)> {
    let (package, rest) = import.strip_prefix("astrid:")?.split_once('/')?;
    Some((package, rest.split_once('@')?.1))
}

fn offered(import: &str) -> bool {
    split(import).is_some_and(|found| PACKAGES.contains(&found))
}

fn advice(import: &str) -> String {
    if import.starts_with("wasi:") {
        return "guests must target wasm32-unknown-unknown with the capsule SDK, not WASI".to_owned();
    }
    let package =
        import.strip_prefix("astrid:").and_then(|rest| rest.split(['/', '@']).next()).unwrap_or(import);
    let versions: Vec<_> = PACKAGES.iter().filter(|(name, _)| *name == package).map(|(_, v)| *v).collect();
    if versions.is_empty() {
        let names: Vec<_> =
            PACKAGES.iter().map(|(name, version)| format!("astrid:{name}@{version}")).collect();
        format!("allowed: {}", names.join(", "))
    } else {
        format!("it offers astrid:{package} in version {}", versions.join(", "))
    }
}

//! Why a component does not link, in words its author can act on.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::packages::PACKAGES;
use crate::{CapsuleError, Code};

/// Refuses the first import that this host does not offer by exactly that package and version.
///
/// The linker is more lenient than a host may be: it lets an instance pass that asks for no function, whoever
/// it is named after, and takes a version for a later one of the same line.
pub(crate) fn refuse_unoffered(engine: &Engine, component: &Component) -> Result<(), CapsuleError> {
    let unit = component.component_type();
    let missing = unit
        .imports(engine)
        // A type is a name for something that another import has or that nobody has to supply.
        .filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
        .map(|(name, _)| name)
        .find(|name| !offered(name));
    missing.map_or(Ok(()), |name| {
        let problem = format!("imports {name:?}, which this host does not offer; {}", advice(name));
        Err(CapsuleError::new(Code::UnlinkedImport, problem))
    })
}

/// A function of an offered package that is not there or has another type, in wasmtime's words.
pub(crate) fn unlinked(error: &wasmtime::Error) -> CapsuleError {
    CapsuleError::new(Code::UnlinkedImport, format!("does not link: {error:#}"))
}

fn split(import: &str) -> Option<(&str, &str)> {
    let (package, rest) = import.strip_prefix("astrid:")?.split_once('/')?;
    Some((package, rest.split_once('@')?.1))
}

fn offered(import: &str) -> bool {
    split(import).is_some_and(|found| PACKAGES.contains(&found))
}

fn advice(import: &str) -> String {
    let package = import.strip_prefix("astrid:").and_then(|rest| rest.split(['/', '@']).next());
    let versions: Vec<_> =
        PACKAGES.iter().filter(|(name, _)| Some(*name) == package).map(|(_, version)| *version).collect();
    if let (Some(package), false) = (package, versions.is_empty()) {
        return format!("it offers astrid:{package} in version {}", versions.join(", "));
    }
    let names: Vec<_> = PACKAGES.iter().map(|(name, version)| format!("astrid:{name}@{version}")).collect();
    let allowed = format!("allowed: {}", names.join(", "));
    if import.starts_with("wasi:") {
        return format!(
            "guests must target wasm32-unknown-unknown with the capsule SDK, not WASI; {allowed}"
        );
    }
    allowed
}

//! From a module to a component.

use std::path::Path;

use wit_component::{ComponentEncoder, metadata};

use crate::error::{CliError, cause};

/// Encodes the module at `path` by the types that its bindings generator put into it, and validates the result.
/// Imports that no function uses are not in it.
///
/// # Errors
/// The module cannot be read, carries no types, or does not fit them.
pub(crate) fn component(path: &Path) -> Result<Vec<u8>, CliError> {
    let module =
        std::fs::read(path).map_err(|error| CliError::at(path, format_args!("cannot be read: {error}")))?;
    let (typed, _) =
        metadata::decode(&module).map_err(|error| CliError::at(path, cause(format!("{error:#}"))))?;
    if typed.is_none() {
        return Err(CliError::at(path, "the module says nothing of its component types").allowed(
            "a crate that depends on astrid-sdk, or on bindings that wit-bindgen made, and uses them",
        ));
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| {
        CliError::at(path, format_args!("cannot become a component: {}", cause(format!("{error:#}"))))
    })
}

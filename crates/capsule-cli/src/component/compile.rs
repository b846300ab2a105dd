//! Compiles a component as a runtime does, to see what only the compiler says.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{CliError, cause};

/// Checks that the component compiles and that its exports have the types of the contract.
///
/// # Errors
/// It does not compile, or one of the four exports has another type.
pub(crate) fn check_types(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let engine = Engine::default();
    let component = Component::from_binary(&engine, bytes).map_err(|error| {
        CliError::at(path, format_args!("does not compile: {}", cause(format!("{error:#}"))))
    })?;
    astrid_guest::check_types(&component, &engine).map_err(|error| CliError::at(path, cause(error)))
}

//! The types of the four exports, checked when a capsule is loaded.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};

use crate::{HOOK, INSTALL, RUN, UPGRADE, render};

/// One of the four names is exported as a function of another type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("export {export} has the wrong type: found {found}, expected {expected}")]
pub struct WrongType {
    /// The export's name.
    pub export: &'static str,
    /// The type it has, as short WIT-like text.
    pub found: String,
    /// The type it must have.
    pub expected: &'static str,
}

/// Name, test and type in words.
type Expected = (&'static str, fn(&ComponentFunc) -> bool, &'static str);

const HOOK_TYPE: &str =
    "func(action: string, payload: list<u8>) -> record { action: string, data: option<string> }";
const PLAIN_TYPE: &str = "func()";

/// Checks that each of the four exports that is a function has its exact type. Missing exports are
/// fine, other exports are ignored, and so is a type or instance that happens to have one of the names.
///
/// # Errors
/// [`WrongType`] for the first one that is wrong.
pub fn check_types(component: &Component, engine: &Engine) -> Result<(), WrongType> {
    let ty = component.component_type();
    let expected: [Expected; 4] = [
        (HOOK, is_hook, HOOK_TYPE),
        (RUN, is_plain, PLAIN_TYPE),
        (INSTALL, is_plain, PLAIN_TYPE),
        (UPGRADE, is_plain, PLAIN_TYPE),
    ];
    for (export, fits, expected) in expected {
        if let Some(found) = ty.get_export(engine, export)
            && let ComponentItem::ComponentFunc(func) = &found.ty
            && !fits(func)
        {
            return Err(WrongType { export, found: render::item(&found.ty), expected });
        }
    }
    Ok(())
}

fn is_plain(func: &ComponentFunc) -> bool {
    !func.async_() && func.params().len() == 0 && func.results().len() == 0
}

fn is_hook(func: &ComponentFunc) -> bool {
    let params: Vec<_> = func.params().map(|(_, ty)| ty).collect();
    let results: Vec<_> = func.results().collect();
    !func.async_()
        && matches!(&params[..], [Type::String, Type::List(bytes)] if bytes.ty() == Type::U8)
        && matches!(&results[..], [result] if is_capsule_result(result))
}

fn is_capsule_result(ty: &Type) -> bool {
    let Type::Record(record) = ty else { return false };
    let fields: Vec<_> = record.fields().map(|field| (field.name, field.ty)).collect();
    matches!(
        &fields[..],
        [("action", Type::String), ("data", Type::Option(data))] if data.ty() == Type::String
    )
}

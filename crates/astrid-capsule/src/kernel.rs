//! The façade: every package of the ABI, in one call.

use wasmtime::component::Linker;

use crate::packages::{KernelView, link_all};

/// Assembles the domain crates. It has no state of its own: what a kernel keeps are the domains'
/// contexts, in its store data, behind [`KernelView`].
#[derive(Debug, Clone, Copy)]
pub struct Kernel;

impl Kernel {
    /// Links every package of [`crate::PACKAGES`] by its exact version, and nothing else: no `wasi:*`.
    ///
    /// # Errors
    /// The linker already has one of the names.
    pub fn add_to_linker<T: KernelView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
        link_all(linker)
    }
}

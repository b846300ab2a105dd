//! A linked capsule, and one instance of it with its exports ready to call.

use wasmtime::component::{ComponentExportIndex, ComponentType, Func, InstancePre, Lift, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::{Exports, HOOK, INSTALL, RUN, UPGRADE, WrongType, check_types};

/// A handler's answer, `capsule-result`, as it came from the guest and not yet judged: see
/// [`crate::HookOutcome::from_result`].
#[derive(Debug, Clone, PartialEq, Eq, Default, ComponentType, Lift)]
#[component(record)]
pub struct CapsuleResult {
    /// What to do: `continue`, `modify`, `final`, `deny`, `abort`, or something the host does not know.
    pub action: String,
    /// Replacement payload, response or reason.
    pub data: Option<String>,
}

/// A component that is linked and whose exports are known and have the right types.
pub struct GuestPre<T: 'static> {
    pre: InstancePre<T>,
    exports: Exports,
    indices: Indices,
}

#[derive(Debug, Clone, Copy)]
struct Indices {
    hook: Option<ComponentExportIndex>,
    run: Option<ComponentExportIndex>,
    install: Option<ComponentExportIndex>,
    upgrade: Option<ComponentExportIndex>,
}

/// Why a linked component cannot be a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// An export has another type.
    #[error(transparent)]
    WrongType(#[from] WrongType),
    /// The component and the inspection are not of the same bytes.
    #[error("export {0} was found by inspection and is not in the compiled component")]
    Missing(&'static str),
}

/// Why a call did not return.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The capsule has no such export, or only a placeholder of it.
    #[error("the capsule does not export {0}")]
    NotExported(&'static str),
    /// The guest trapped, ran out of fuel or memory, or a host function ended it. The instance must
    /// be discarded.
    #[error("the call of {export} ended without a result: {source}")]
    Ended {
        /// The export that was called.
        export: &'static str,
        /// What wasmtime said.
        source: wasmtime::Error,
    },
}

impl<T: Send + 'static> GuestPre<T> {
    /// Checks the types and finds the exports that `exports` says are real.
    ///
    /// # Errors
    /// [`InstanceError::WrongType`] even for a placeholder; [`InstanceError::Missing`] when `exports`
    /// belongs to another component.
    pub fn new(pre: InstancePre<T>, exports: Exports) -> Result<Self, InstanceError> {
        let component = pre.component();
        check_types(component, component.engine())?;
        let find = |real: bool, name: &'static str| match real {
            true => component.get_export_index(None, name).map(Some).ok_or(InstanceError::Missing(name)),
            false => Ok(None),
        };
        let indices = Indices {
            hook: find(exports.has_hook, HOOK)?,
            run: find(exports.has_run, RUN)?,
            install: find(exports.has_install, INSTALL)?,
            upgrade: find(exports.has_upgrade, UPGRADE)?,
        };
        Ok(Self { pre, exports, indices })
    }

    /// The exports that are real.
    #[must_use]
    pub fn exports(&self) -> Exports {
        self.exports
    }

    /// The linked component.
    #[must_use]
    pub fn instance_pre(&self) -> &InstancePre<T> {
        &self.pre
    }

    /// Makes an instance in `store`.
    ///
    /// # Errors
    /// The store's limits do not allow another instance, or start-up code of the guest trapped.
    pub async fn instantiate(&self, store: &mut Store<T>) -> wasmtime::Result<GuestInstance> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let mut func =
            |index: Option<ComponentExportIndex>| -> Option<Func> { instance.get_func(&mut *store, index?) };
        let (hook, run) = (func(self.indices.hook), func(self.indices.run));
        let (install, upgrade) = (func(self.indices.install), func(self.indices.upgrade));
        let plain = |func: Option<Func>| func.map(|func| func.typed(&*store)).transpose();
        Ok(GuestInstance {
            hook: hook.map(|func| func.typed(&*store)).transpose()?,
            run: plain(run)?,
            install: plain(install)?,
            upgrade: plain(upgrade)?,
        })
    }
}

impl<T> Clone for GuestPre<T> {
    fn clone(&self) -> Self {
        Self { pre: self.pre.clone(), exports: self.exports, indices: self.indices }
    }
}

impl<T> std::fmt::Debug for GuestPre<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestPre").field("exports", &self.exports).finish_non_exhaustive()
    }
}

/// The handler's export: action and payload in, answer out.
pub type Hook<'a> = TypedFunc<(&'a str, &'a [u8]), (CapsuleResult,)>;
type Plain = TypedFunc<(), ()>;

/// One instance with its real exports. Every call must use the store it was made in.
#[derive(Clone, Copy)]
pub struct GuestInstance {
    hook: Option<Hook<'static>>,
    run: Option<Plain>,
    install: Option<Plain>,
    upgrade: Option<Plain>,
}

impl std::fmt::Debug for GuestInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestInstance")
            .field("hook", &self.hook.is_some())
            .field("run", &self.run.is_some())
            .field("install", &self.install.is_some())
            .field("upgrade", &self.upgrade.is_some())
            .finish()
    }
}

impl GuestInstance {
    /// Calls the handler with `action`, the manifest's handler string, and the event's bytes.
    ///
    /// # Errors
    /// [`CallError`]. A host treats both kinds as a deny: skipping a guard that failed would let
    /// through what it guards.
    pub async fn call_hook<T: Send + 'static>(
        &self,
        store: impl AsContextMut<Data = T>,
        action: &str,
        payload: &[u8],
    ) -> Result<CapsuleResult, CallError> {
        let hook: &Hook<'_> = self.hook()?;
        hook.call_async(store, (action, payload)).await.map(|(result,)| result).map_err(ended_hook)
    }

    /// The handler itself, for hosts that place its future themselves. What a call of it fails with,
    /// [`ended_hook`] makes the same error of.
    ///
    /// # Errors
    /// [`CallError::NotExported`].
    pub fn hook(&self) -> Result<&Hook<'static>, CallError> {
        self.hook.as_ref().ok_or(CallError::NotExported(HOOK))
    }

    /// Runs the background loop until it returns.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_run<T: Send + 'static>(
        &self,
        store: impl AsContextMut<Data = T>,
    ) -> Result<(), CallError> {
        call(self.run, store, RUN).await
    }

    /// Runs the hook of a first installation.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_install<T: Send + 'static>(
        &self,
        store: impl AsContextMut<Data = T>,
    ) -> Result<(), CallError> {
        call(self.install, store, INSTALL).await
    }

    /// Runs the hook of a change of version.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_upgrade<T: Send + 'static>(
        &self,
        store: impl AsContextMut<Data = T>,
    ) -> Result<(), CallError> {
        call(self.upgrade, store, UPGRADE).await
    }
}

/// The error of a handler's call that did not return.
#[must_use]
pub fn ended_hook(source: wasmtime::Error) -> CallError {
    CallError::Ended { export: HOOK, source }
}

async fn call<T: Send + 'static>(
    func: Option<Plain>,
    store: impl AsContextMut<Data = T>,
    export: &'static str,
) -> Result<(), CallError> {
    let func = func.ok_or(CallError::NotExported(export))?;
    func.call_async(store, ()).await.map_err(|source| CallError::Ended { export, source })
}

//! Making one store with one instance of the capsule.

use std::sync::Arc;

use astrid_guest::{GuestInstance, GuestPre};
use astrid_host_context::{CallContext, HostServices, Principal};
use astrid_host_sys::LogRouter;
use astrid_principals::{Desk, Principals};
use wasmtime::{CallHook, Store, UpdateDeadline};

use super::meter::{MemoryStats, StoreMemoryMeter};
use super::number::Numbers;
use super::state::HostState;
use crate::cpu::FuelGauge;
use crate::domains::DomainKit;
use crate::pool::Make;

/// Fuel a new store gets so that start-up code can run; each call sets its own.
const START_FUEL: u64 = 1_000_000_000;
/// Fuel between two cooperative yields: some milliseconds of straight computation.
pub(super) const YIELD_FUEL: u64 = 10_000_000;

/// What every store of one capsule is made from.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) guest: GuestPre<HostState>,
    pub(crate) services: HostServices,
    pub(crate) domains: Arc<DomainKit>,
    pub(crate) principals: Arc<Principals>,
    pub(crate) logs: LogRouter,
    pub(crate) memory: Arc<MemoryStats>,
    /// The context between invocations: the owner, nobody calling.
    pub(crate) idle: CallContext,
}

/// A store and the guest in it.
pub(crate) struct Instance {
    pub(super) store: Store<HostState>,
    pub(super) guest: GuestInstance,
    pub(super) numbers: Numbers,
    /// Fuel between two yields, as the store was told last.
    pub(super) interval: u64,
    /// The most memory that was told of it.
    pub(super) sampled: u64,
    /// Its store's gauge, to be read while the store is in use.
    pub(super) gauge: Arc<FuelGauge>,
    /// What its principal's last call looked up, for the next.
    pub(super) desk: Option<Box<Desk>>,
}

impl Template {
    /// A fresh context between invocations, with marks of its own: the watchdog's state belongs to
    /// one store.
    pub(super) fn idle_context(&self) -> CallContext {
        self.idle.to_builder().progress(Arc::default()).build()
    }

    /// An instance for the owner.
    pub(super) async fn instantiate(&self) -> wasmtime::Result<Instance> {
        self.instantiate_for(self.idle.principal()).await
    }

    pub(super) async fn instantiate_for(&self, who: Option<&Principal>) -> wasmtime::Result<Instance> {
        let limit = self.principals.profiles.quotas(who).max_memory_bytes;
        let meter = StoreMemoryMeter::new(limit, self.memory.clone());
        let idle = self.idle_context();
        let domains = self.domains.open(&idle);
        let state = HostState::new(idle, self.services.clone(), domains, meter);
        let mut store = Store::new(self.guest.instance_pre().engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_fuel(START_FUEL)?;
        store.fuel_async_yield_interval(Some(YIELD_FUEL))?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            state.epoch.tick(&state.call)?;
            Ok(UpdateDeadline::Yield(1))
        });
        store.call_hook(|mut store, hook| {
            // Permits are lent out while a call waits in the host.
            match hook {
                CallHook::CallingWasm | CallHook::ReturningFromHost => {
                    store.data().whereabouts.guest_entered();
                }
                CallHook::CallingHost | CallHook::ReturningFromWasm => {
                    store.data().whereabouts.guest_left();
                }
            }
            if let CallHook::CallingHost = hook {
                let left = store.get_fuel()?;
                store.data_mut().gauge.set(left);
            }
            Ok(())
        });
        let guest = self.guest.instantiate(&mut store).await?;
        let gauge = store.data().gauge.clone();
        Ok(Instance {
            store,
            guest,
            numbers: Numbers::default(),
            interval: YIELD_FUEL,
            sampled: 0,
            gauge,
            desk: None,
        })
    }
}

impl Make for Template {
    type Item = Instance;
    type Error = wasmtime::Error;

    async fn make(&self, tag: Option<&Principal>) -> wasmtime::Result<Instance> {
        self.instantiate_for(tag).await
    }

    fn pinned(instance: &Instance) -> bool {
        instance.store.data().domains.process.holds_children()
    }
}

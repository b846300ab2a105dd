//! What a handler call costs beyond wasmtime's own call, in what does not depend on the machine.
//! A binary of its own: it counts allocations.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod support;

use astrid_capsule::{Config, Invoker, WasmHost};
use support::{Place, guest};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, TypedFunc};

/// Larger futures do not fit in what glibc keeps at hand for each thread, and are copied when made.
const MAX_FUTURE: usize = 1032;

type Hook = TypedFunc<(&'static str, &'static [u8]), (astrid_guest::CapsuleResult,)>;

/// The same export called through wasmtime alone.
async fn bare() -> (Store<()>, Hook) {
    let host = WasmHost::new(&Config::default()).unwrap();
    let component = Component::new(host.engine(), guest("probe")).unwrap();
    let mut linker = Linker::new(host.engine());
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(host.engine(), ());
    store.set_fuel(u64::MAX).unwrap();
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let hook = instance.get_typed_func(&mut store, "astrid-hook-trigger").unwrap();
    (store, hook)
}

/// The least of several counts: once a second a call looks its principal up again, for which it may even wait.
macro_rules! allocations {
    ($call:expr) => {{
        let mut least = u64::MAX;
        for _ in 0..20 {
            let mut call = std::pin::pin!($call);
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let mut is_ready = false;
            let counted = allocation_counter::measure(|| is_ready = call.as_mut().poll(&mut cx).is_ready());
            match is_ready {
                true => least = least.min(counted.count_total),
                false => drop(call.await),
            }
        }
        assert_ne!(least, u64::MAX, "every call waited");
        least
    }};
}

#[tokio::test]
async fn a_handler_call_allocates_nothing_but_its_future_beyond_what_wasmtime_does() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.fuel_per_second = u64::MAX / 4).await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    let invoker = Invoker::verified("alice".parse().unwrap());
    let call = || capsule.invoke_interceptor("noop", "{}".into(), Some(&invoker));
    call().await.unwrap();
    let size = size_of_val(&*call());
    assert!(size <= MAX_FUTURE, "the future takes {size} bytes");

    let (mut store, hook) = bare().await;
    hook.call_async(&mut store, ("noop", b"{}")).await.unwrap();
    let floor = allocations!(hook.call_async(&mut store, ("noop", b"{}")));
    assert_eq!(allocations!(async { call().await.unwrap() }) - floor, 1);
}

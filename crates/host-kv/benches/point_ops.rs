//! What one get or set of 100 bytes costs beside the floor: an ordered map under a mutex.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use astrid_host_context::{
    CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal, Scope,
};
use astrid_host_kv::{Key, KvCtx, KvCtxView, KvView, Limits, Memory, Mutation, Store, Terms, Value};
use parking_lot::Mutex;
use wasmtime::component::ResourceTable;

const KEYS: usize = 1000;
const CALLS: usize = 200_000;

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    kv: KvCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl KvView for State {
    fn kv(&mut self) -> KvCtxView<'_> {
        let Self { call, services, table, kv } = self;
        KvCtxView { ctx: kv, host: HostCx { call, services, table } }
    }
}

/// Best of five runs, in nanoseconds a call: other work on the machine only ever adds.
async fn best<F: Future<Output = ()>>(mut run: impl FnMut() -> F) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        run().await;
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / CALLS as f64);
    }
    best
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys: Vec<String> = (0..KEYS).map(|n| format!("session.data.{n:04}")).collect();
    let key = |n: usize| keys.get(n % KEYS).unwrap().clone();
    let value = Value::from(vec![7; 100]);
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let scope = Scope {
        principal: Some(Principal::parse("alice").unwrap()),
        capsule: CapsuleId::parse("notes").unwrap(),
    };
    let call =
        CallContext::builder(scope.capsule.clone()).principal(scope.principal.clone().unwrap()).build();
    let state = tokio::sync::Mutex::new(State {
        call: CallSlot::new(call),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        kv: KvCtx::builder().store(store.clone()).build(),
    });
    let map = Mutex::new(BTreeMap::<String, Vec<u8>>::new());
    let terms = Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 });

    let floor_set = best(|| async {
        for n in 0..CALLS {
            map.lock().insert(key(n), value.to_vec());
        }
    })
    .await;
    let store_set = best(|| async {
        for n in 0..CALLS {
            let mutation = Mutation::Set { key: Key::parse(key(n)).unwrap(), value: value.clone() };
            store.apply(&scope, mutation, terms).await.unwrap().await.unwrap();
        }
    })
    .await;
    let view_set = best(|| async {
        let mut state = state.lock().await;
        for n in 0..CALLS {
            state.kv().set(key(n), value.clone()).await.unwrap();
        }
    })
    .await;
    let floor_get = best(|| async {
        for n in 0..CALLS {
            black_box(map.lock().get(&key(n)).cloned());
        }
    })
    .await;
    let store_get = best(|| async {
        for n in 0..CALLS {
            black_box(store.get(&scope, &Key::parse(key(n)).unwrap()).await.unwrap());
        }
    })
    .await;
    let view_get = best(|| async {
        let mut state = state.lock().await;
        for n in 0..CALLS {
            black_box(state.kv().get(key(n)).await.unwrap());
        }
    })
    .await;
    println!("100 B in memory, {KEYS} keys        ns/call   of the floor");
    for (what, ns, floor) in [
        ("set  map under a mutex", floor_set, floor_set),
        ("set  Store::apply", store_set, floor_set),
        ("set  view, with record and BLAKE3", view_set, floor_set),
        ("get  map under a mutex", floor_get, floor_get),
        ("get  Store::get", store_get, floor_get),
        ("get  view, counted", view_get, floor_get),
    ] {
        println!("{what:<36} {ns:>8.0} {:>8.2}x", ns / floor);
    }
}

//! What one call costs beside the floor: a method of a trait object.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostCx, HostServices, Principal, Uuid};
use astrid_host_sys::{LogLevel, LogRouter, LogSettings, Registry, RegistryUnavailable, SysCtx, SysCtxView};
use wasmtime::component::ResourceTable;

const CALLS: usize = 100_000;

struct Always;

impl Registry for Always {
    fn holds(&self, _: Option<&Principal>, _: Uuid, _: &str) -> Result<bool, RegistryUnavailable> {
        Ok(true)
    }
}

/// Best of five runs, in nanoseconds a call: other work on the machine only ever adds.
async fn best(what: &str, mut run: impl AsyncFnMut()) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        for _ in 0..CALLS {
            run().await;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / CALLS as f64);
    }
    println!("{what:40} {best:8.0} ns/call");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let root = tempfile::tempdir().unwrap();
    let unlimited =
        LogSettings { lines_per_second: u32::MAX, bytes_per_second: u32::MAX, ..LogSettings::default() };
    let router = LogRouter::open(root.path(), unlimited).unwrap();
    let alice = Principal::parse("alice").unwrap();
    router.register(&alice).unwrap();
    let registry: Arc<dyn Registry> = Arc::new(Always);
    let mut ctx = SysCtx::builder()
        .config("base_url", "https://d")
        .registry(registry.clone())
        .log(Arc::new(router))
        .build();
    let mut call =
        CallSlot::new(CallContext::builder(CapsuleId::parse("c").unwrap()).principal(alice).build());
    let (services, mut table) = (HostServices::ruled_by(|_| Ok(())), ResourceTable::new());
    let host = HostCx { call: &mut call, services: &services, table: &mut table };
    let mut view = SysCtxView { ctx: &mut ctx, host };
    let other = Uuid::from_u128(7).to_string();

    best("a method of an Arc<dyn Trait>", async || {
        black_box(registry.holds(None, Uuid::from_u128(7), black_box("net")).unwrap());
    })
    .await;
    best("get-config, not secret", async || {
        black_box(view.get_config(black_box("base_url")).await.unwrap());
    })
    .await;
    best("log, the caller's side", async || {
        view.log(LogLevel::Info, black_box("a line of about forty bytes, as usual"));
    })
    .await;
    best("check-capsule-capability", async || {
        black_box(view.check_capability(black_box(&other), "net").unwrap());
    })
    .await;
}

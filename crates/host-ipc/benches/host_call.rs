//! What the engine's functions cost with envelope, policy, quota and payload check, without a guest.
//! `cargo bench -p astrid-host-ipc`; prints nanoseconds, best of several rounds.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use astrid_event_bus::{Bus, Charset};
use astrid_host_context::*;
use astrid_host_ipc::{AccessLists, IpcCtx, IpcCtxView};
use wasmtime::component::ResourceTable;

const CALLS: u32 = 5_000;
const ROUNDS: usize = 15;

/// Refuses nothing by rate, so that the loop measures the work and not the limiter.
struct Plenty(Budgets);

impl Quota for Plenty {
    fn limit(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        match resource.name {
            "ipc.messages" | "ipc.throughput-bytes" => u64::MAX,
            _ => self.0.limit(subject, resource),
        }
    }

    fn acquire(
        &self,
        subject: &Subject<'_>,
        resource: &'static Resource,
        amount: u64,
    ) -> Result<Permit, QuotaExceeded> {
        self.0.acquire(subject, resource, amount)
    }
}

fn main() {
    let own = CallContext::builder(CapsuleId::parse("bench").unwrap())
        .principal(Principal::parse("alice").unwrap())
        .kind(CallKind::RunLoop)
        .build();
    let lists = AccessLists::parse(["chat.v1.*"], ["chat.v1.*"], Charset::Token).unwrap();
    let services = HostServices::new(Arc::new(lists), Arc::new(Plenty(Budgets::new())), Arc::new(NoAudit));
    let (mut call, mut table) = (CallSlot::new(own.clone()), ResourceTable::new());
    let mut ctx = IpcCtx::builder(Bus::new(), own).build();
    let host = HostCx { call: &mut call, services: &services, table: &mut table };
    let mut ipc = IpcCtxView { ctx: &mut ctx, host };
    let inbox = ipc.subscribe("chat.v1.*").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for len in [100, 1_024] {
            let json = format!("\"{}\"", "x".repeat(len - 2));
            let mut best = f64::INFINITY;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                for n in 0..CALLS {
                    ipc.publish("chat.v1.message", json.clone()).await.unwrap();
                    if n % 100 == 99 {
                        black_box(ipc.poll(&inbox).unwrap());
                    }
                }
                best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
            }
            println!("publish {len:>5} B to 1, a poll every 100th {best:>8.0} ns");
        }
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..CALLS {
                black_box(ipc.poll(&inbox).unwrap());
            }
            best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
        println!("poll of an empty queue                  {best:>8.0} ns");
    });
}

//! What serving one call asks of this crate. `cargo bench -p astrid-principals`; prints nanoseconds
//! (best of several rounds).
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::collections::HashMap;
use std::hint::black_box;
use std::task::{Context, Waker};
use std::time::Instant;

use astrid_host_context::{Cancellation, CapsuleId, Principal, Quota, Resource, Scope, Subject};
use astrid_principals::{FuelRate, Principals, Quotas, Tokens};

const ROUNDS: usize = 15;
const CALLS: u32 = 20_000;

static THROUGHPUT: Resource = Resource { name: "ipc.throughput-bytes", default: 10_485_760 };

/// Best nanoseconds a call: noise of a shared machine only ever adds.
async fn best(what: &str, mut body: impl AsyncFnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            body().await;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    println!("{what:<40} {best:>8.0} ns");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let root = tempfile::tempdir().unwrap();
    let (owner, alice) = (Principal::parse("default").unwrap(), Principal::parse("alice").unwrap());
    let capsule = CapsuleId::parse("notes").unwrap();
    let principals = Principals::open(root.path(), &owner, Quotas::default(), u64::MAX).unwrap();
    std::fs::write(root.path().join("etc/profiles/alice.toml"), "groups = [\"agent\"]\n").unwrap();
    let scope = Scope { principal: Some(alice.clone()), capsule: capsule.clone() };
    let absent = Scope { principal: Some(owner.clone()), capsule: capsule.clone() };
    principals.env.replace(&scope, &HashMap::from([("a".to_owned(), "b".to_owned())])).unwrap();
    // A file this young is read at every look.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;

    best("profile", async || drop(black_box(principals.resolve(&alice).await.unwrap()))).await;
    best("overlay, unchanged", async || principals.env.refresh(&scope).await).await;
    best("overlay, none", async || principals.env.refresh(&absent).await).await;
    let tokens = Tokens::new(Cancellation::new(), principals.revocations.clone());
    best("token", async || drop(black_box(tokens.of(Some(&alice), 0)))).await;
    let mut cx = Context::from_waker(Waker::noop());
    let places = principals.in_flight.places(Some(&alice));
    best("place, taken and left", async || {
        let mut turn = places.turn(&capsule, 4);
        assert!(turn.poll_enter(&mut cx).is_ready());
        turn.end();
    })
    .await;
    let rate = FuelRate::new(u64::MAX / 2, 4);
    let account = principals.fuel.account(Some(&alice));
    best("fuel, admitted and settled", async || {
        account.admit(rate, None).await.unwrap().settle(1);
    })
    .await;
    let seen = principals.seen();
    let found = principals.resolve(&alice).await.unwrap();
    let desk = principals.desk(Some(&alice), found, seen, tokens.of(Some(&alice), 0));
    let now = tokio::time::Instant::now();
    best("desk, looked at", async || assert!(desk.is_current(&principals, black_box(now)))).await;
    let subject = Subject { principal: Some(&alice), capsule: &capsule };
    best("quota limit", async || {
        black_box(principals.quota.limit(&subject, &THROUGHPUT));
    })
    .await;
    best("memory sample", async || principals.memory.sample(&alice, 1)).await;
}

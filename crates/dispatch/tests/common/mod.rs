//! A bus, a dispatcher and capsules made of closures.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_dispatch::*;
use astrid_event_bus::*;
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Uuid};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

type Act = Box<dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync>;

/// A capsule that does what its closure says.
pub(crate) struct Fake {
    id: CapsuleId,
    owner: Principal,
    permits: usize,
    publishes: Vec<AccessPattern>,
    act: Act,
}

impl Target for Fake {
    fn capsule(&self) -> &CapsuleId {
        &self.id
    }

    fn owner(&self) -> Option<&Principal> {
        Some(&self.owner)
    }

    fn may_publish(&self, topic: &Topic) -> bool {
        self.publishes.iter().any(|pattern| pattern.matches(topic))
    }

    fn permits(&self) -> usize {
        self.permits
    }

    fn handle(&self, call: Call) -> BoxFuture<'_, Answer> {
        (self.act)(call)
    }
}

pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) dispatcher: Arc<Dispatcher>,
    bound: Mutex<HashMap<Uuid, (Gate, Vec<BindingGuard>)>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(change: impl FnOnce(DispatcherBuilder) -> DispatcherBuilder) -> Self {
        // Tests of order and number are not tests of the principal's share.
        let wide = Dispatcher::builder().limits(Arc::new(FixedLimits { max_in_flight: 1_000 }));
        let dispatcher = Arc::new(change(wide).build(tokio::runtime::Handle::current()));
        let bus = Bus::builder().interceptors(dispatcher.clone()).build();
        dispatcher.attach(&bus);
        Self { bus, dispatcher, bound: Mutex::default() }
    }

    /// A capsule `c<n>` with one handler `act` on `pattern`.
    pub(crate) fn capsule<F>(
        &self,
        n: u128,
        pattern: &str,
        priority: u32,
        act: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Uuid
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.capsule_with(n, &[(pattern, "act")], priority, 4, act)
    }

    pub(crate) fn capsule_with<F>(
        &self,
        n: u128,
        bindings: &[(&str, &str)],
        priority: u32,
        permits: usize,
        act: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Uuid
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let (uuid, id) = (Uuid::from_u128(n), CapsuleId::parse(&format!("c{n}")).unwrap());
        let act: Act = Box::new(move |call| Box::pin(act(call)));
        let publishes = vec![AccessPattern::host("x.*").unwrap()];
        let fake = Fake { id: id.clone(), owner: principal("owner"), permits, publishes, act };
        self.dispatcher.add(uuid, Arc::new(fake));
        let gate = Gate::opened();
        let guards = bindings.iter().map(|(pattern, action)| {
            self.bus.bind(Binding {
                pattern: AccessPattern::host(pattern).unwrap(),
                capsule: id.clone(),
                capsule_uuid: uuid,
                action: (*action).into(),
                priority,
                gate: gate.clone(),
            })
        });
        self.bound.lock().insert(uuid, (gate.clone(), guards.collect()));
        uuid
    }

    pub(crate) fn unload(&self, capsule: Uuid) {
        let (gate, guards) = self.bound.lock().remove(&capsule).unwrap();
        self.dispatcher.remove(capsule);
        gate.retire();
        drop(guards);
    }

    pub(crate) fn announce(&self, who: Option<&str>, topic: &str, json: &str) -> Report {
        self.bus.announce(draft(who, topic, json))
    }

    pub(crate) async fn publish(&self, draft: Draft) -> Result<Report, Refused<Infallible>> {
        self.bus.publish(draft, Duration::from_secs(1), || Ok(())).await
    }

    pub(crate) fn observe(&self, pattern: &str) -> Observer {
        self.bus.observe(AccessPattern::host(pattern).unwrap())
    }
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

pub(crate) fn by(who: Option<&str>) -> Provenance {
    Provenance::of(who.map_or(Attribution::System, |who| Attribution::Verified(principal(who))))
}

pub(crate) fn draft(who: Option<&str>, topic: &str, json: &str) -> Draft {
    Draft::new(Topic::host(topic).unwrap(), Payload::parse(json.to_owned()).unwrap(), by(who))
}

/// A delivery id with `n` in it.
pub(crate) fn asking(n: u128) -> String {
    format!(r#"{{"n":{n},"_astrid_delivery_id":"{n:032x}"}}"#)
}

pub(crate) fn json(message: &Message) -> Value {
    serde_json::from_slice(message.payload().bytes()).unwrap()
}

/// Why a receipt says an event failed.
pub(crate) fn reason(receipt: &Message) -> String {
    json(receipt).get("reason").unwrap().as_str().unwrap().to_owned()
}

pub(crate) fn proceed() -> Answer {
    Answer::Continue(bytes::Bytes::new())
}

/// Everything an observer has, once nothing moves any more.
pub(crate) async fn drain(observer: &mut Observer) -> Vec<Message> {
    rest().await;
    let mut got = Vec::new();
    while let Some(message) = observer.try_recv().unwrap() {
        got.push(message);
    }
    got
}

/// Lets every task run until all wait. Under a paused clock this ends when time moves.
pub(crate) async fn rest() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// What handlers did, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().push(what.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

/// Handlers wait here until the test lets them go.
#[derive(Clone)]
pub(crate) struct Brake(pub(crate) Arc<Semaphore>);

impl Brake {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) async fn wait(&self) {
        self.0.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self, n: usize) {
        self.0.add_permits(n);
    }
}

/// How many are inside at once, and the most there ever were.
#[derive(Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<(usize, usize)>>, Arc<Notify>);

impl Crowd {
    pub(crate) fn enter(&self) {
        let mut count = self.0.lock();
        count.0 += 1;
        count.1 = count.1.max(count.0);
        self.1.notify_waiters();
    }

    pub(crate) fn leave(&self) {
        self.0.lock().0 -= 1;
    }

    pub(crate) fn inside(&self) -> usize {
        self.0.lock().0
    }

    pub(crate) fn most(&self) -> usize {
        self.0.lock().1
    }

    pub(crate) async fn reaches(&self, n: usize) {
        loop {
            let changed = self.1.notified();
            if self.inside() >= n {
                return;
            }
            changed.await;
        }
    }
}

//! What dispatching costs, and that floods stay bounded: an event's way from publish to its handler's
//! first line beside a bare task switch, many queues at once, one principal beside a flooding one,
//! and the memory of queues at their caps.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops when it cannot set up"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use astrid_dispatch::*;
use astrid_event_bus::*;
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Uuid};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

type Act = Box<dyn Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync>;

struct Fake(CapsuleId, Act);

impl Target for Fake {
    fn capsule(&self) -> &CapsuleId {
        &self.0
    }
    fn owner(&self) -> Option<&Principal> {
        None
    }
    fn may_publish(&self, _: &Topic) -> bool {
        true
    }
    fn handle(&self, call: Call) -> BoxFuture<'_, Answer> {
        (self.1)(call)
    }
}

struct World {
    bus: Bus,
    dispatcher: Arc<Dispatcher>,
    guards: Vec<BindingGuard>,
}

impl World {
    fn new() -> Self {
        let dispatcher = Arc::new(Dispatcher::builder().build(Handle::current()));
        let bus = Bus::builder().interceptors(dispatcher.clone()).build();
        dispatcher.attach(&bus);
        Self { bus, dispatcher, guards: Vec::new() }
    }

    fn capsule(
        &mut self,
        n: u128,
        topic: &str,
        act: impl Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) {
        let id = CapsuleId::parse(&format!("c{n}")).unwrap();
        self.dispatcher.add(Uuid::from_u128(n), Arc::new(Fake(id.clone(), Box::new(act))));
        self.guards.push(self.bus.bind(Binding {
            pattern: AccessPattern::host(topic).unwrap(),
            capsule: id,
            capsule_uuid: Uuid::from_u128(n),
            action: "act".into(),
            priority: 100,
            gate: Gate::opened(),
        }));
    }
}

fn draft(who: &str, topic: &str) -> Draft {
    let by = Provenance::of(Attribution::Verified(Principal::parse(who).unwrap()));
    Draft::new(Topic::host(topic).unwrap(), Payload::parse("0".to_owned()).unwrap(), by)
}

async fn publish(bus: &Bus, who: &str, topic: &str, wait: Duration) -> bool {
    bus.publish(draft(who, topic), wait, || Ok::<_, Infallible>(())).await.is_ok()
}

fn done() -> Answer {
    Answer::Continue(bytes::Bytes::new())
}

fn main() {
    let tokio = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let apart = |work: BoxFuture<'static, ()>| tokio.block_on(async { tokio::spawn(work).await.unwrap() });
    apart(Box::pin(entry()));
    // Before the large one, whose memory the allocator keeps.
    apart(Box::pin(caps()));
    apart(Box::pin(many_queues()));
    apart(Box::pin(flood()));
}

/// From publish to the handler's first line, on a host that is otherwise idle.
async fn entry() {
    const SAMPLES: usize = 3_000;
    let mut world = World::new();
    let (entered, mut entries) = unbounded_channel::<Instant>();
    world.capsule(1, "t", move |_| {
        let _ = entered.send(Instant::now());
        Box::pin(async { done() })
    });
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        // Workers go to sleep in between, as on an idle host.
        tokio::time::sleep(Duration::from_micros(200)).await;
        let begin = Instant::now();
        publish(&world.bus, "alice", "t", Duration::from_secs(1)).await;
        ours.push(entries.recv().await.unwrap() - begin);
        world.dispatcher.idle().await;
        tokio::time::sleep(Duration::from_micros(200)).await;
        let begin = Instant::now();
        floor.push(tokio::spawn(async { Instant::now() }).await.unwrap() - begin);
    }
    println!("publish to handler entry");
    report("bare tokio::spawn", floor);
    report("publish", ours);
}

/// 100 000 messages to 1 000 queues of ten capsules, publishers waiting for room.
async fn many_queues() {
    const EACH: usize = 100;
    let mut world = World::new();
    let handled = Arc::new(AtomicUsize::new(0));
    for n in 0..10 {
        let handled = handled.clone();
        world.capsule(n + 1, &format!("t.{n}"), move |_| {
            handled.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { done() })
        });
    }
    let begin = Instant::now();
    let publishers: Vec<_> = (0..100)
        .map(|p| {
            let bus = world.bus.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    for n in 0..10 {
                        let topic = format!("t.{n}");
                        assert!(publish(&bus, &format!("p{p}"), &topic, Duration::from_secs(60)).await);
                    }
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    world.dispatcher.idle().await;
    let took = begin.elapsed();
    let stats = world.dispatcher.stats();
    assert_eq!((handled.load(Ordering::Relaxed), stats.dropped), (100_000, 0));
    println!(
        "100000 messages to {} queues: none lost, {:.0} ms, {:.1} us each",
        stats.queues,
        took.as_secs_f64() * 1e3,
        took.as_secs_f64() * 1e6 / 100_000.0
    );
}

/// Bob's way to a handler's end while Alice publishes as fast as she may, through the same capsule.
async fn flood() {
    let mut world = World::new();
    let (finished, mut ends) = unbounded_channel::<()>();
    world.capsule(1, "t", working(Some(finished)));
    let stop = Arc::new(AtomicBool::new(false));
    let flooders = spam(&world.bus, &stop, 1, "alice");
    let mut waits = Vec::new();
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let begin = Instant::now();
        publish(&world.bus, "bob", "t", Duration::from_secs(1)).await;
        ends.recv().await.unwrap();
        waits.push(begin.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for flooder in flooders {
        flooder.await.unwrap();
    }
    println!("bob beside alice's flood, a handler that computes 200 us");
    report("publish to handler's end", waits);
}

/// A hundred publishers of tiny messages to a capsule that does not keep up, beside another capsule.
async fn caps() {
    let mut world = World::new();
    world.capsule(1, "t", |_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            done()
        })
    });
    let (finished, mut ends) = unbounded_channel::<()>();
    world.capsule(2, "other", working(Some(finished)));
    let before = rss_kib();
    let stop = Arc::new(AtomicBool::new(false));
    let flooders = spam(&world.bus, &stop, 100, "guest");
    let (mut waits, mut most, mut peak) = (Vec::new(), 0, 0);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let sent = Instant::now();
        publish(&world.bus, "bob", "other", Duration::from_secs(1)).await;
        ends.recv().await.unwrap();
        waits.push(sent.elapsed());
        most = most.max(world.dispatcher.stats().queued);
        peak = peak.max(rss_kib());
    }
    stop.store(true, Ordering::Relaxed);
    for flooder in flooders {
        flooder.await.unwrap();
    }
    println!("100 publishers of 1-byte messages for 10 s to a capsule that does not keep up");
    println!(
        "  most events queued {most} (caps: {}), memory {} KiB more than before",
        101 * 64,
        peak.saturating_sub(before)
    );
    report("another capsule's handler", waits);
}

fn spam(
    bus: &Bus,
    stop: &Arc<AtomicBool>,
    publishers: usize,
    name: &str,
) -> Vec<tokio::task::JoinHandle<()>> {
    let spam = |n: usize| {
        let (bus, stop, who) = (bus.clone(), stop.clone(), format!("{name}{n}"));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                publish(&bus, &who, "t", Duration::from_millis(100)).await;
                tokio::task::consume_budget().await;
            }
        })
    };
    (0..publishers).map(spam).collect()
}

/// Computes 200 us, as a guest does: in one piece.
fn working(
    finished: Option<UnboundedSender<()>>,
) -> impl Fn(Call) -> BoxFuture<'static, Answer> + Send + Sync + 'static {
    move |call| {
        let finished =
            finished.clone().filter(|_| call.authority.as_ref().is_some_and(|p| p.as_str() == "bob"));
        Box::pin(async move {
            guest_entered();
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_micros(200) {
                std::hint::spin_loop();
            }
            guest_left();
            if let Some(finished) = finished {
                let _ = finished.send(());
            }
            done()
        })
    }
}

fn report(name: &str, mut samples: Vec<Duration>) {
    samples.sort();
    let at = |share: f64| {
        let index = (samples.len() as f64 * share) as usize;
        samples.get(index.min(samples.len() - 1)).copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    println!("  {name:<26} median {:>8.1} us   p99 {:>8.1} us", at(0.5), at(0.99));
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
}

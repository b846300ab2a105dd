//! What the runtime costs, each figure beside the floor measured in the same run:
//! a no-op handler against bare wasmtime calls of the same export, a start from the compile cache
//! against a cold one, and the memory of many instances.
//!
//! Where a no-op handler's time goes is in ARCHITECTURE.md, "What a handler call costs".
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops when it cannot set up"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use astrid_capsule::{Config, Invoker, Runtime, SearchPath, WasmHost};
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Engine, Store, UpdateDeadline};

/// Starts per figure.
const SAMPLES: usize = 15;
/// Calls per sample; samples are taken in turns, so that a busy machine slows all sides alike, and are so
/// short that most of them end within one slice of the scheduler.
const CALLS: u32 = 200;
const ROUNDS: usize = 500;

fn main() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async {
        let place = tempfile::tempdir().unwrap();
        let guest = astrid_host_testkit::guest("probe").unwrap();
        let dir = capsule_dir(place.path(), &guest);
        // `cargo bench --bench runtime -- handler` for one part alone.
        let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
        let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
        if wanted("start") {
            start(place.path(), &dir, guest.len()).await;
        }
        if wanted("boot") {
            boot(place.path(), &guest).await;
        }
        if wanted("handler") {
            handler(place.path(), &dir, &guest).await;
        }
        if wanted("density") {
            density(place.path(), &dir).await;
        }
    });
}

fn capsule_dir(place: &Path, guest: &[u8]) -> PathBuf {
    let dir = place.join("capsule");
    std::fs::create_dir_all(&dir).unwrap();
    let manifest = "[package]\nname = \"bench\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"c.wasm\"\n[subscribe]\n\"bench.v1.noop\" = { wit = \"opaque\", handler = \"noop\" }\n\"bench.v1.sleep\" = { wit = \"opaque\", handler = \"sleep\" }\n";
    std::fs::write(dir.join("Capsule.toml"), manifest).unwrap();
    std::fs::write(dir.join("c.wasm"), guest).unwrap();
    let meta = format!("{{\"wasm_hash\":\"{}\"}}", blake3::hash(guest).to_hex());
    std::fs::write(dir.join("meta.json"), meta).unwrap();
    dir
}

async fn runtime(place: &Path, config: Config) -> Runtime {
    Runtime::builder().home(place.join("home")).workspace(place).config(config).build().await.unwrap()
}

async fn start(place: &Path, dir: &Path, size: usize) {
    let mut totals = Vec::new();
    for _ in 0..SAMPLES {
        let runtime = runtime(place, Config::default()).await;
        let begin = Instant::now();
        let capsule = runtime.load(dir).await.unwrap();
        capsule.wait_ready(Duration::from_secs(30)).await;
        totals.push((begin.elapsed(), capsule.timings().clone()));
        runtime.shutdown().await;
    }
    let cold = totals.remove(0);
    totals.sort_by_key(|(total, _)| *total);
    let (median, phases) = totals.remove(totals.len() / 2);
    println!("start of a {} KiB component", size / 1024);
    println!("  cold (compiles)        {:>9.2} ms", ms(cold.0));
    println!(
        "  second start, median   {:>9.2} ms   ratio to cold {:.4}",
        ms(median),
        ms(median) / ms(cold.0)
    );
    println!(
        "    read {:.2}  code from cache {:.2}  link {:.2}  instantiate {:.2} ms",
        ms(phases.read),
        ms(phases.compile),
        ms(phases.link),
        ms(phases.instantiate)
    );
}

/// Twenty capsules of twenty components, from the compile cache; bound: 150 ms.
async fn boot(place: &Path, guest: &[u8]) {
    const CAPSULES: u8 = 20;
    let all = place.join("capsules");
    for n in 0..CAPSULES {
        let dir = all.join(format!("c{n:02}"));
        std::fs::create_dir_all(&dir).unwrap();
        // A custom section makes each component another one.
        let component = [guest, &[0, 2, 1, n]].concat();
        let needs =
            if n > 0 { format!("[imports]\n\"bench:c{:02}\" = \"^1\"\n", n / 2) } else { String::new() };
        let manifest = format!(
            "[package]\nname = \"c{n:02}\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"c.wasm\"\n{needs}[exports]\n\"bench:c{n:02}\" = \"1.0.0\"\n[subscribe]\n\"bench.v1.c{n:02}\" = {{ wit = \"opaque\", handler = \"noop\" }}\n"
        );
        std::fs::write(dir.join("Capsule.toml"), manifest).unwrap();
        std::fs::write(dir.join("c.wasm"), &component).unwrap();
        let meta = format!("{{\"wasm_hash\":\"{}\"}}", blake3::hash(&component).to_hex());
        std::fs::write(dir.join("meta.json"), meta).unwrap();
    }
    let mut took = Vec::new();
    for _ in 0..SAMPLES {
        let runtime = runtime(place, Config::default()).await;
        let report = runtime.boot(&[SearchPath::explicit(&all)]).await;
        assert_eq!(report.loaded.len(), usize::from(CAPSULES), "{:?}", report.problems());
        took.push(report.took);
        runtime.shutdown().await;
    }
    let cold = took.remove(0);
    println!("boot of {CAPSULES} capsules, five levels deep");
    println!("  cold (compiles)        {:>9.2} ms", ms(cold));
    println!("  from cache, median     {:>9.2} ms   bound 150", ms(median(took)));
}

async fn handler(place: &Path, dir: &Path, guest: &[u8]) {
    let config = Config { fuel_per_second: u64::MAX / 4, ..Config::default() };
    let runtime = runtime(place, config).await;
    let capsule = runtime.load(dir).await.unwrap();
    let invoker = Invoker::verified("alice".parse().unwrap());
    let (mut bare, mut limited) = (Bare::new(guest).await, Bare::limited(guest).await);
    let (mut floor, mut stopped, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(bare.sample().await);
        stopped.push(limited.sample().await);
        let begin = Instant::now();
        for _ in 0..CALLS {
            let called = capsule.invoke_interceptor("noop", "{}".into(), Some(&invoker));
            std::hint::black_box(called.await.unwrap());
        }
        ours.push(begin.elapsed() / CALLS);
    }
    let (floor, stopped, ours) = (median(floor), median(stopped), median(ours));
    let times = |floor: Duration| ours.as_secs_f64() / floor.as_secs_f64();
    println!("no-op handler");
    println!("  bare wasmtime call     {:>9} ns", floor.as_nanos());
    println!("  the same, stoppable    {:>9} ns", stopped.as_nanos());
    println!(
        "  invoke_interceptor     {:>9} ns   ratio {:.2} to the first, {:.2} to the second",
        ours.as_nanos(),
        times(floor),
        times(stopped)
    );
    runtime.shutdown().await;
}

/// The same export called through wasmtime alone.
struct Bare {
    store: Store<Hooks>,
    hook: TypedFunc<(&'static str, &'static [u8]), (astrid_guest::CapsuleResult,)>,
    /// What has to be set before each call, so that it can be stopped by fuel and by the clock.
    limited: bool,
}

/// How often the guest was entered or left.
type Hooks = u64;

impl Bare {
    /// With the settings that change code, and nothing else.
    async fn new(guest: &[u8]) -> Self {
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true).epoch_interruption(true);
        Self::on(&Engine::new(&config).unwrap(), guest, false).await
    }

    /// On the runtime's own engine, with what any host needs that can stop its guests: fuel and epoch
    /// set anew for each call, yields by fuel, and a hook at each crossing.
    async fn limited(guest: &[u8]) -> Self {
        Self::on(WasmHost::new(&Config::default()).unwrap().engine(), guest, true).await
    }

    async fn on(engine: &Engine, guest: &[u8], limited: bool) -> Self {
        let component = Component::new(engine, guest).unwrap();
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let mut store = Store::new(engine, 0);
        store.set_fuel(u64::MAX).unwrap();
        store.set_epoch_deadline(u64::MAX / 2);
        if limited {
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
            store.call_hook(|mut store, _| {
                *store.data_mut() += 1;
                Ok(())
            });
        }
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        let hook = instance.get_typed_func(&mut store, "astrid-hook-trigger").unwrap();
        Self { store, hook, limited }
    }

    async fn sample(&mut self) -> Duration {
        let begin = Instant::now();
        for _ in 0..CALLS {
            if self.limited {
                self.store.set_epoch_deadline(1);
                self.store.set_fuel(10_000_000_000).unwrap();
                self.store.fuel_async_yield_interval(Some(10_000_000)).unwrap();
            }
            std::hint::black_box(self.hook.call_async(&mut self.store, ("noop", b"{}")).await.unwrap());
        }
        begin.elapsed() / CALLS
    }
}

/// A thousand calls that all wait at once, so that a thousand instances exist.
async fn density(place: &Path, dir: &Path) {
    const INSTANCES: usize = 1_000;
    let config =
        Config { instance_pool_size: Some(INSTANCES), fuel_per_second: u64::MAX / 4, ..Config::default() };
    let runtime = runtime(place, config).await;
    let capsule = runtime.load(dir).await.unwrap();
    let before = rss_mib();
    let calls: Vec<_> = (0..INSTANCES)
        .map(|_| {
            let capsule = capsule.clone();
            let invoker = Invoker::verified("alice".parse().unwrap());
            let payload = r#"{"ns":10000000000}"#;
            tokio::spawn(async move {
                capsule.invoke_interceptor("sleep", payload.into(), Some(&invoker)).await.unwrap()
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("{INSTANCES} pooled instances of one capsule, all in a call");
    println!("  resident memory        {:>9} MiB  ({before} MiB before)", rss_mib());
    runtime.shutdown().await;
    for call in calls {
        call.await.unwrap();
    }
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

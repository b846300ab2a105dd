//! The cases of `astrid:kv` that a guest can see, through a guest built with the published bindings, the real
//! runtime and its store on disk.
//!
//! A fresh namespace is another principal, so one runtime serves many cases. Cases 31, 33, 35 and 53 are in
//! `principals.rs` and `profiles.rs`. A tenth of the keys, or all that the cases say with
//! `ASTRID_LONG_TESTS` set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Place, ask, call, guest};
use astrid_capsule::{Capsule, Config, HandlerResult, Runtime};
use futures_util::future::join_all;
use serde_json::{Value, json};

const MANIFEST: &str = "[subscribe]\n\"kvtest.v1.script\" = { wit = \"opaque\", handler = \"script\" }\n";
const MIB: u64 = 1 << 20;

struct Kv {
    place: Place,
    runtime: Runtime,
    capsule: Arc<dyn Capsule>,
}

impl Kv {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open(Place::new(), change).await
    }

    /// On what an earlier host left in this place, too.
    async fn open(place: Place, change: impl FnOnce(&mut Config)) -> Self {
        let runtime = place.runtime_with(|config| {
            config.instance_pool_size = Some(8);
            // Many calls of one principal at once are not to be paced here.
            config.fuel_per_second = u64::MAX / 4;
            change(config);
        });
        let runtime = runtime.await;
        let capsule = runtime.load(place.capsule("kvtest", &guest("kvtest"), MANIFEST)).await.unwrap();
        Self { place, runtime, capsule }
    }

    /// What each step answered.
    async fn run(&self, who: &str, steps: Value) -> Value {
        ask(&self.capsule, who, "script", steps).await
    }

    /// Runs the steps and compares each answer with what stands beside it.
    async fn expect(&self, who: &str, steps: Vec<(Value, Value)>) {
        let (steps, expected): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        let said = self.run(who, Value::from(steps.clone())).await;
        for (n, expected) in expected.iter().enumerate() {
            assert_eq!(said.get(n).unwrap(), expected, "{who}, step {n}: {}", steps.get(n).unwrap());
        }
    }

    /// Sets `count` keys by many calls at once, which share their flushes.
    async fn fill(&self, who: &str, prefix: &str, count: u64) {
        let calls = (0..16).map(|part| {
            let (from, to) = (count * part / 16, count * (part + 1) / 16);
            self.run(
                who,
                json!([{ "do": "fill", "prefix": prefix, "from": from, "count": to - from, "value": "v" }]),
            )
        });
        for said in join_all(calls).await {
            assert_eq!(said, json!([done()]));
        }
    }

    fn quota(&self, who: &str, bytes: u64) {
        let dir = self.place.home().join("etc/profiles");
        std::fs::create_dir_all(&dir).unwrap();
        let text = format!("[quotas]\nmax_storage_bytes = {bytes}\n");
        std::fs::write(dir.join(format!("{who}.toml")), text).unwrap();
    }

    async fn stored(&self, who: &str) -> u64 {
        self.runtime.quota_usage(who).await.unwrap().storage_bytes
    }
}

fn long() -> bool {
    std::env::var_os("ASTRID_LONG_TESTS").is_some()
}

fn ok(value: impl Into<Value>) -> Value {
    json!({ "ok": value.into() })
}

fn done() -> Value {
    ok(Value::Null)
}

fn err(name: &str) -> Value {
    json!({ "err": name })
}

fn get(key: impl Into<Value>) -> Value {
    json!({ "do": "get", "key": key.into() })
}

fn set(key: impl Into<Value>, value: impl Into<Value>) -> Value {
    json!({ "do": "set", "key": key.into(), "value": value.into() })
}

fn delete(key: impl Into<Value>) -> Value {
    json!({ "do": "delete", "key": key.into() })
}

fn cas(key: impl Into<Value>, expected: impl Into<Value>, new: impl Into<Value>) -> Value {
    json!({ "do": "cas", "key": key.into(), "expected": expected.into(), "new": new.into() })
}

fn list(prefix: impl Into<Value>) -> Value {
    json!({ "do": "list", "prefix": prefix.into() })
}

fn page(prefix: impl Into<Value>, cursor: impl Into<Value>, limit: u32) -> Value {
    json!({ "do": "page", "prefix": prefix.into(), "cursor": cursor.into(), "limit": limit })
}

fn found(keys: &[&str], next: Option<&str>) -> Value {
    ok(json!({ "keys": keys, "next": next }))
}

fn clear(prefix: impl Into<Value>) -> Value {
    json!({ "do": "clear", "prefix": prefix.into() })
}

fn repeat(text: &str, times: u64) -> Value {
    json!({ "repeat": text, "times": times })
}

fn bytes(size: u64, byte: u8) -> Value {
    json!({ "size": size, "byte": byte })
}

// kv cases 1, 2, 3
#[tokio::test]
async fn a_guest_reads_what_it_set_last_and_an_empty_value_is_not_absence() {
    let kv = Kv::new().await;
    let steps = vec![
        (get("a"), done()),
        (set("a", ""), done()),
        (get("a"), ok("")),
        (set("a", "1"), done()),
        (set("a", "2"), done()),
        (get("a"), ok("2")),
        (delete("a"), done()),
        (get("a"), done()),
        (delete("a"), done()),
    ];
    kv.expect("alice", steps).await;
}

// kv cases 4, 5, 6, 7
#[tokio::test]
async fn malformed_keys_are_invalid_key_in_every_function_and_all_other_texts_are_ordinary() {
    let kv = Kv::new().await;
    let mut steps = Vec::new();
    for good in [
        json!("k"),
        repeat("k", 255),
        repeat("k", 256),
        repeat("é", 128),
        json!("é"),
        json!("a/b"),
        json!(".."),
        json!("a b"),
        json!("🦀"),
    ] {
        steps.push((set(good.clone(), "v"), done()));
        steps.push((get(good.clone()), ok("v")));
        steps.push((cas(good.clone(), "v", "w"), done()));
        steps.push((delete(good), done()));
    }
    steps.push((set("é", "composed"), done()));
    for bad in [
        json!(""),
        repeat("k", 257),
        repeat("é", 129),
        json!("\0"),
        json!("\n"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!("e\u{301}"),
    ] {
        steps.push((get(bad.clone()), err("invalid-key")));
        steps.push((set(bad.clone(), "v"), err("invalid-key")));
        steps.push((delete(bad.clone()), err("invalid-key")));
        steps.push((cas(bad, Value::Null, "v"), err("invalid-key")));
    }
    kv.expect("alice", steps).await;
}

// kv cases 8, 9
#[tokio::test]
async fn a_value_of_one_mebibyte_is_kept_and_one_byte_more_is_too_large_after_the_key_was_checked() {
    let kv = Kv::new().await;
    let mut steps = Vec::new();
    for size in [MIB - 1, MIB] {
        steps.push((set("k", bytes(size, 7)), done()));
        steps.push((get("k"), ok(bytes(size, 7))));
    }
    steps.extend([
        (set("k", bytes(MIB + 1, 8)), err("too-large")),
        (cas("k", bytes(MIB, 7), bytes(MIB + 1, 8)), err("too-large")),
        (get("k"), ok(bytes(MIB, 7))),
        (set("", bytes(2 * MIB, 1)), err("invalid-key")),
        (cas("k", "wrong", bytes(2 * MIB, 1)), err("too-large")),
    ]);
    kv.expect("alice", steps).await;
}

// kv cases 10, 11, 12, 50
#[tokio::test]
async fn compare_and_set_compares_presence_and_bytes_and_a_mismatch_changes_nothing() {
    let kv = Kv::new().await;
    let mismatch = || err("cas-mismatch");
    let steps = vec![
        (cas("k", "", "x"), mismatch()),
        (get("k"), done()),
        (cas("k", Value::Null, "1"), done()),
        (cas("k", Value::Null, "1"), mismatch()),
        (get("k"), ok("1")),
        (cas("k", "1", "1"), done()),
        (cas("k", bytes(2 * MIB, 1), "x"), mismatch()),
        (cas("k", "2", "x"), mismatch()),
        (get("k"), ok("1")),
        (set("empty", ""), done()),
        (cas("empty", Value::Null, "x"), mismatch()),
        (cas("empty", "", "x"), done()),
        (get("empty"), ok("x")),
    ];
    kv.expect("alice", steps).await;
    assert_eq!(kv.stored("alice").await, 1 + 1 + 5 + 1);
}

// kv case 13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_of_many_instances_are_counted_each_exactly_once() {
    let kv = Kv::new().await;
    let total: u64 = if long() { 10_000 } else { 256 };
    let share = |n: u64| total / 32 + u64::from(n < total % 32);
    let adding = (0..32).map(|n| kv.run("alice", json!([{ "do": "add", "key": "n", "times": share(n) }])));
    let mut tries = 0;
    for said in join_all(adding).await {
        tries += said.pointer("/0/ok").and_then(Value::as_u64).unwrap();
    }
    assert!(tries >= total, "{tries}: each success is a try");
    assert_eq!(kv.run("alice", json!([get("n")])).await, json!([ok(total.to_string())]));
}

// kv case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_create_a_lock_one_wins_and_its_name_is_stored() {
    let kv = Kv::new().await;
    let taking = (0..32).map(|n| kv.run("alice", json!([cas("lock", Value::Null, format!("{n}"))])));
    let said = join_all(taking).await;
    let won: Vec<_> = said.iter().enumerate().filter(|(_, said)| **said == json!([done()])).collect();
    let lost = said.iter().filter(|said| **said == json!([err("cas-mismatch")])).count();
    assert_eq!((won.len(), lost), (1, 31), "{said:?}");
    let winner = won.first().unwrap().0.to_string();
    assert_eq!(kv.run("alice", json!([get("lock")])).await, json!([ok(winner)]));
}

// kv case 15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_a_writer_of_large_values_never_sees_a_mixture_or_nothing() {
    let kv = Kv::new().await;
    let size = MIB / 2;
    let values = [bytes(size, b'A'), bytes(size, b'B')];
    assert_eq!(kv.run("alice", json!([set("k", values[0].clone())])).await, json!([done()]));
    let writing: Vec<_> = (0..20).map(|n| set("k", values[n % 2].clone())).collect();
    let reading = Value::from(vec![get("k"); 10]);
    let (wrote, read) = tokio::join!(
        kv.run("alice", Value::from(writing)),
        join_all((0..16).map(|_| kv.run("alice", reading.clone())))
    );
    assert!(wrote.as_array().unwrap().iter().all(|said| *said == done()), "{wrote}");
    let whole = [ok(values[0].clone()), ok(values[1].clone())];
    for said in read.iter().flat_map(|said| said.as_array().unwrap()) {
        assert!(whole.contains(said), "{said}");
    }
}

// kv cases 16, 18, 19, 21, 22, 24, 25
#[tokio::test]
async fn listings_and_pages_and_clears_go_by_bytes_and_cursors_need_not_exist() {
    let kv = Kv::new().await;
    let mut steps: Vec<_> = ["a", "ab", "b", "a.b"].map(|key| (set(key, "v"), done())).into();
    steps.extend([
        (list("a"), ok(json!(["a", "a.b", "ab"]))),
        (list(""), ok(json!(["a", "a.b", "ab", "b"]))),
        (list("z"), ok(json!([]))),
        (list(repeat("p", 256)), ok(json!([]))),
        (list(repeat("p", 257)), err("invalid-key")),
        (list("\0"), err("invalid-key")),
        (page("", "", 1), err("invalid-key")),
        (page("", "\u{1}", 1), err("invalid-key")),
        (clear("\0"), err("invalid-key")),
    ]);
    kv.expect("names", steps).await;

    let mut steps: Vec<_> = (0..10).map(|n| (set(format!("k{n}"), "v"), done())).collect();
    steps.extend([
        (page("k", Value::Null, 3), found(&["k0", "k1", "k2"], Some("k2"))),
        (delete("k2"), done()),
        (page("k", "k2", 3), found(&["k3", "k4", "k5"], Some("k5"))),
        (page("k", "k5", 3), found(&["k6", "k7", "k8"], Some("k8"))),
        (page("k", "k8", 3), found(&["k9"], None)),
        (page("k", "k6", 3), found(&["k7", "k8", "k9"], None)),
        (page("k", "zzz", 3), found(&[], None)),
        (page("k", "A", 1), found(&["k0"], Some("k0"))),
    ]);
    kv.expect("pages", steps).await;

    let last = "\u{10ffff}";
    let mut steps = vec![(set(format!("a{last}"), "v"), done()), (set(format!("a{last}x"), "v"), done())];
    steps.extend([
        (set("b", "v"), done()),
        (set(last, "v"), done()),
        (list(format!("a{last}")), ok(json!([format!("a{last}"), format!("a{last}x")]))),
        (list(last), ok(json!([last]))),
    ]);
    kv.expect("last", steps).await;

    let mut steps: Vec<_> = ["s.1", "s.2", "sx"].map(|key| (set(key, "v"), done())).into();
    steps.extend([
        (clear("s."), ok(2)),
        (list(""), ok(json!(["sx"]))),
        (clear("s."), ok(0)),
        (set("t", "v"), done()),
        (clear(""), ok(2)),
        (list(""), ok(json!([]))),
    ]);
    kv.expect("clears", steps).await;
}

// kv cases 17, 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_holds_1024_keys_and_a_page_at_most_as_many() {
    let kv = Kv::new().await;
    kv.fill("alice", "other.", if long() { 5000 } else { 500 }).await;
    kv.fill("alice", "k", 1500).await;
    let walked = |pages: &[u64]| ok(json!({ "pages": pages, "ascending": true }));
    let walk = |limit: u32| json!({ "do": "walk", "prefix": "k", "limit": limit });
    let steps = vec![
        (list("k"), err("too-large")),
        (walk(0), walked(&[1024, 476])),
        (walk(1025), walked(&[1024, 476])),
        (walk(u32::MAX), walked(&[1024, 476])),
        (walk(1), walked(&[1; 1500])),
    ];
    kv.expect("alice", steps).await;
    let count = |said: &Value| said.pointer("/0/ok").and_then(Value::as_array).map(Vec::len);
    for (fill, listed) in [(1023, Some(1023)), (1024, Some(1024)), (1025, None)] {
        let who = format!("p{fill}");
        kv.fill(&who, "p.", fill).await;
        let said = kv.run(&who, json!([list("p.")])).await;
        assert_eq!(count(&said), listed, "{said}");
        assert!(listed.is_some() || said == json!([err("too-large")]), "{said}");
    }
}

// kv case 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_stays_is_listed_exactly_once_while_others_come_and_go() {
    let kv = Kv::new().await;
    let count = if long() { 10_000 } else { 1_000 };
    kv.fill("alice", "stable.", count).await;
    // As many others, each of ten ranges between the stable ones, by four writers.
    let churn = join_all((0..4).map(|part| {
        let steps = (0..10_u64).filter(move |range| range % 4 == part).flat_map(|range| {
            let prefix = format!("stable.{:06}x", range * count / 10);
            ["fill", "drain"].map(
                |what| json!({ "do": what, "prefix": prefix, "from": 0, "count": count / 10, "value": "v" }),
            )
        });
        kv.run("alice", steps.collect())
    }));
    let walk = async {
        let mut cursor = Value::Null;
        let mut seen = Vec::new();
        loop {
            let said = kv.run("alice", json!([page("stable.", cursor, 97)])).await;
            let keys = said.pointer("/0/ok/keys").and_then(Value::as_array).unwrap();
            seen.extend(keys.iter().map(|key| key.as_str().unwrap().to_owned()));
            cursor = said.pointer("/0/ok/next").unwrap().clone();
            if cursor.is_null() {
                return seen;
            }
        }
    };
    let (churned, seen) = tokio::join!(churn, walk);
    assert!(
        churned.iter().flat_map(|said| said.as_array().unwrap()).all(|said| *said == done()),
        "{churned:?}"
    );
    assert!(seen.is_sorted_by(|a, b| a < b), "a key came twice");
    let stable = seen.iter().filter(|key| !key.contains('x')).count();
    assert_eq!(stable as u64, count);
}

// kv case 26; its crash is below
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_is_seen_whole_or_not_at_all() {
    let kv = Kv::new().await;
    let count = if long() { 200_000 } else { 4_000 };
    kv.fill("alice", "k", count).await;
    let full = kv.stored("alice").await;
    let pages = Value::from(vec![page("k", Value::Null, 0); 10]);
    let usage = async {
        for _ in 0..20 {
            let stored = kv.stored("alice").await;
            assert!(stored == full || stored == 0, "{stored}");
        }
    };
    let (cleared, read, ()) = tokio::join!(
        kv.run("alice", json!([clear("k")])),
        join_all((0..8).map(|_| kv.run("alice", pages.clone()))),
        usage
    );
    assert_eq!(cleared, json!([ok(count)]));
    for said in read.iter().flat_map(|said| said.as_array().unwrap()) {
        let keys = said.pointer("/ok/keys").and_then(Value::as_array).unwrap().len();
        assert!(keys == 1024 || keys == 0, "{keys}");
    }
    assert_eq!(kv.stored("alice").await, 0);
}

// kv case 28
#[tokio::test]
async fn a_quota_of_keys_refuses_one_more_and_nothing_else() {
    let kv = Kv::with(|config| config.kv_max_namespace_keys = 3).await;
    let steps = vec![
        (set("a", ""), done()),
        (set("b", ""), done()),
        (set("c", ""), done()),
        (set("d", ""), err("quota")),
        (set("b", "again"), done()),
        (delete("a"), done()),
        (set("d", ""), done()),
        (cas("e", Value::Null, ""), err("quota")),
        (cas("d", "", "new"), done()),
        (list(""), ok(json!(["b", "c", "d"]))),
    ];
    kv.expect("alice", steps).await;
    kv.expect("bob", vec![(set("a", ""), done())]).await;
}

/// A linear congruential generator's next number below `most`.
fn dice(seed: &mut u64, most: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % most
}

// kv case 30, the second half
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_many_random_operations_usage_is_the_sum_of_what_is_there() {
    let kv = Kv::new().await;
    kv.quota("alice", 40_000);
    let (mut model, mut seed) = (BTreeMap::<String, (u64, u8)>::new(), 30);
    let sum = |model: &BTreeMap<String, (u64, u8)>| -> u64 {
        model.iter().map(|(key, (size, _))| key.len() as u64 + size).sum()
    };
    for _ in 0..if long() { 100 } else { 6 } {
        let steps = (0..100).map(|_| {
            let key = format!("k{}", dice(&mut seed, 30));
            // From 65 bytes up a value comes back by its size and its byte.
            let (size, byte) = (65 + dice(&mut seed, 5_000), 0x80 + dice(&mut seed, 100) as u8);
            let was = model.get(&key).copied();
            let old = was.map_or(0, |(size, _)| key.len() as u64 + size);
            let fits =
                sum(&model) - old + key.len() as u64 + size <= 40_000 || key.len() as u64 + size <= old;
            let store = |model: &mut BTreeMap<_, _>| {
                if fits {
                    model.insert(key.clone(), (size, byte));
                }
                if fits { done() } else { err("quota") }
            };
            match dice(&mut seed, 20) {
                0..12 => (set(key.clone(), bytes(size, byte)), store(&mut model)),
                12..15 => {
                    let right = was.map_or(Value::Null, |(size, byte)| bytes(size, byte));
                    (cas(key.clone(), right, bytes(size, byte)), store(&mut model))
                }
                15 => (cas(key.clone(), "wrong", bytes(size, byte)), err("cas-mismatch")),
                16 => (set("", bytes(size, byte)), err("invalid-key")),
                17 => {
                    let prefix = format!("k{}", 1 + dice(&mut seed, 2));
                    let before = model.len();
                    model.retain(|key, _| !key.starts_with(&prefix));
                    (clear(prefix), ok(before as u64 - model.len() as u64))
                }
                _ => {
                    model.remove(&key);
                    (delete(key.clone()), done())
                }
            }
        });
        let steps: Vec<_> = steps.collect();
        kv.expect("alice", steps).await;
        assert_eq!(kv.stored("alice").await, sum(&model));
    }
    let reads = model.iter().map(|(key, (size, byte))| (get(key.clone()), ok(bytes(*size, *byte))));
    let mut reads: Vec<_> = reads.collect();
    reads.push((list(""), ok(model.keys().cloned().collect::<Vec<_>>())));
    kv.expect("alice", reads).await;
}

// kv cases 27, 29, 30
#[tokio::test]
async fn a_quota_of_bytes_is_exact_and_a_lowered_one_refuses_growth_alone() {
    let kv = Kv::new().await;
    kv.quota("alice", 1000);
    let quota = || err("quota");
    let steps = vec![
        (set("k", bytes(998, 1)), done()),
        (set("x", ""), done()),
        (set("x", "1"), quota()),
        (set("y", ""), quota()),
        (cas("x", "", "1"), quota()),
        (cas("x", "wrong", "1"), err("cas-mismatch")),
        (get("x"), ok("")),
        (set("k", bytes(10, 2)), done()),
        (set("x", bytes(988, 3)), done()),
        (set("x", bytes(989, 3)), quota()),
        (get("x"), ok(bytes(988, 3))),
    ];
    kv.expect("alice", steps).await;
    assert_eq!(kv.stored("alice").await, 1000);
    kv.quota("alice", 100);
    kv.runtime.principal_changed("alice").await.unwrap().unwrap();
    let steps = vec![
        (get("x"), ok(bytes(988, 3))),
        (list(""), ok(json!(["k", "x"]))),
        (set("x", bytes(989, 3)), quota()),
        (set("x", bytes(988, 4)), done()),
        (set("x", bytes(500, 4)), done()),
        (delete("k"), done()),
        (set("k", ""), quota()),
    ];
    kv.expect("alice", steps).await;
    assert_eq!(kv.stored("alice").await, 501);
}

// kv case 32
#[tokio::test]
async fn names_that_begin_alike_share_nothing() {
    let kv = Kv::new().await;
    let other = kv.runtime.load(kv.place.capsule("kvtest2", &guest("kvtest"), MANIFEST)).await.unwrap();
    for (capsule, who) in [(&kv.capsule, "al"), (&kv.capsule, "alice"), (&other, "al"), (&other, "alice")] {
        let value = format!("{}.{who}", capsule.id());
        assert_eq!(ask(capsule, who, "script", json!([set("k", value)])).await, json!([done()]));
    }
    assert_eq!(kv.run("al", json!([list(""), clear("")])).await, json!([ok(json!(["k"])), ok(1)]));
    assert_eq!(kv.run("alice", json!([get("k")])).await, json!([ok("kvtest.alice")]));
    assert_eq!(ask(&other, "al", "script", json!([get("k")])).await, json!([ok("kvtest2.al")]));
}

// kv case 36, at the door: a guest of a retired principal answers nobody
#[tokio::test]
async fn a_retired_principal_stores_nothing_and_finds_its_data_when_it_is_back() {
    let kv = Kv::new().await;
    assert_eq!(kv.run("alice", json!([set("k", "kept")])).await, json!([done()]));
    let dir = kv.place.home().join("etc/profiles");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("alice.toml"), "enabled = false\n").unwrap();
    kv.runtime.principal_changed("alice").await.unwrap().unwrap_err();
    let refused = call(&kv.capsule, "alice", "script", json!([set("k", "lost")])).await;
    assert_eq!(refused, HandlerResult::Deny { reason: "principal 'alice' is disabled".to_owned() });
    assert_eq!(kv.run("bob", json!([set("k", "b")])).await, json!([done()]));
    std::fs::write(dir.join("alice.toml"), "").unwrap();
    kv.runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(kv.run("alice", json!([get("k")])).await, json!([ok("kept")]));
}

// kv case 40
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_damaged_on_disk_is_told_of_to_its_reader_and_a_set_repairs_it() {
    let kv = Kv::new().await;
    let steps = vec![(set("hurt", bytes(100_000, 0xc7)), done()), (set("well", "v"), done())];
    kv.expect("alice", steps).await;
    let Kv { place, runtime, capsule } = kv;
    runtime.shutdown().await;
    drop((runtime, capsule));
    let data = place.home().join("state/kv/data");
    let mut file = std::fs::read(&data).unwrap();
    // Sixteen bytes, since one flipped bit would be set right, of a block that holds nothing but the value.
    let block = file.windows(4096).position(|window| window.iter().all(|byte| *byte == 0xc7)).unwrap();
    let at = block + 1024;
    file.get_mut(at..at + 16).unwrap().fill(0x11);
    std::fs::write(&data, file).unwrap();
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.path("kvtest")).await.unwrap();
    let kv = Kv { place, runtime, capsule };
    let steps = vec![
        (get("hurt"), json!({ "err": "unknown", "text": "storage corrupted" })),
        (get("well"), ok("v")),
        (set("hurt", bytes(100_000, 1)), done()),
        (get("hurt"), ok(bytes(100_000, 1))),
    ];
    kv.expect("alice", steps).await;
}

// kv case 37, the second half: unloading fires the token
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_was_queued_when_the_token_fired_is_there_exactly_if_it_was_acknowledged() {
    let mut place = Place::new();
    for round in 0..if long() { 100 } else { 6 } {
        let kv = Kv::open(place, |_| {}).await;
        let who = format!("p{round}");
        let steps = json!([
            { "do": "until-refused", "prefix": "k", "value": bytes(200 << (round % 6), 0x90) },
            set("after", "v")
        ]);
        let running = tokio::spawn({
            let (capsule, who) = (kv.capsule.clone(), who.clone());
            async move { ask(&capsule, &who, "script", steps).await }
        });
        while kv.stored(&who).await == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(1 + round % 7)).await;
        kv.runtime.unload("kvtest").await.unwrap();
        let cancelled = json!({ "err": "unknown", "text": "cancelled" });
        let said = running.await.unwrap();
        assert_eq!(said.pointer("/0/refused"), Some(&cancelled), "{said}");
        assert_eq!(said.get(1), Some(&cancelled));
        let count = said.pointer("/0/count").and_then(Value::as_u64).unwrap();
        kv.runtime.load(kv.place.path("kvtest")).await.unwrap();
        let capsule = kv.runtime.capsule("kvtest").unwrap();
        let walk = json!([{ "do": "walk", "prefix": "", "limit": 1 }, get("after")]);
        let said = ask(&capsule, &who, "script", walk).await;
        let pages = said.pointer("/0/ok/pages").and_then(Value::as_array).unwrap();
        assert_eq!(
            (pages.len() as u64, &said[1]),
            (count, &done()),
            "what was acknowledged and what is there"
        );
        kv.runtime.shutdown().await;
        place = kv.place;
    }
}

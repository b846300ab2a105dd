use super::*;

const ALICE: &[u8] = b"alice:capsule:a";
const MIB: u64 = 1 << 20;

fn row(name: &str) -> Box<[u8]> {
    crate::layout::key_row(ALICE, name.as_bytes()).into()
}

fn mark(cache: &Cache, name: &str) -> Mark {
    match cache.find(ALICE, &row(name)) {
        Found::Unknown(Some(mark)) => mark,
        other => panic!("{other:?}"),
    }
}

fn keep(cache: &Cache, name: &str, value: &'static str) {
    let mark = mark(cache, name);
    cache.keep(row(name), mark, Some(&Value::from(value.as_bytes())));
}

fn known(value: &'static str) -> Found {
    Found::Known(Some(Value::from(value.as_bytes())))
}

fn unknown(found: &Found) -> bool {
    matches!(found, Found::Unknown(Some(_)))
}

#[test]
fn what_was_kept_is_found_until_its_row_changes_and_absence_is_kept_too() {
    let cache = Cache::new(MIB);
    keep(&cache, "k", "v");
    keep(&cache, "other", "w");
    let absent = mark(&cache, "none");
    cache.keep(row("none"), absent, None);
    assert_eq!(cache.find(ALICE, &row("k")), known("v"));
    assert_eq!(cache.find(ALICE, &row("none")), Found::Known(None));
    let touched = Touched::Row(row("k"));
    cache.during([(ALICE, &touched)].into_iter(), || {
        assert_eq!(cache.find(ALICE, &row("k")), Found::Unknown(None), "it may be the old value or the new");
    });
    assert!(unknown(&cache.find(ALICE, &row("k"))));
    assert_eq!(cache.find(ALICE, &row("other")), known("w"));
    assert_eq!(cache.hits(), 3);
}

#[test]
fn a_reader_that_comes_late_with_an_old_value_puts_it_before_nobody() {
    let cache = Cache::new(MIB);
    let before = mark(&cache, "k");
    let touched = Touched::Row(row("k"));
    cache.during([(ALICE, &touched)].into_iter(), || ());
    cache.keep(row("k"), before, Some(&Value::from(*b"old")));
    assert!(unknown(&cache.find(ALICE, &row("k"))));
    keep(&cache, "k", "new");
    assert_eq!(cache.find(ALICE, &row("k")), known("new"));
}

#[test]
fn a_clear_makes_all_of_its_namespace_unknown() {
    let cache = Cache::new(MIB);
    for name in ["a", "b", "c"] {
        keep(&cache, name, "v");
    }
    cache.during([(ALICE, &Touched::Many)].into_iter(), || {
        assert_eq!(cache.find(ALICE, &row("a")), Found::Unknown(None));
    });
    for name in ["a", "b", "c"] {
        assert!(unknown(&cache.find(ALICE, &row(name))));
    }
    keep(&cache, "a", "v");
    cache.during_any(|| ());
    assert!(unknown(&cache.find(ALICE, &row("a"))));
}

#[test]
fn no_more_is_kept_than_the_budget_and_what_is_asked_for_stays() {
    let budget = 16 * 16 * 1024;
    let cache = Cache::new(budget);
    let value = Value::from(vec![7; 1000]);
    for n in 0..1000 {
        let name = format!("k{n}");
        let at = mark(&cache, &name);
        cache.keep(row(&name), at, Some(&value));
        if n > 0 {
            // Asked for again and again, it is never the one to go.
            if let Found::Unknown(Some(at)) = cache.find(ALICE, &row("k0")) {
                assert_eq!(n, 1, "k0 was driven out after {n}");
                cache.keep(row("k0"), at, Some(&value));
            }
        }
    }
    let used: usize = cache.shards.iter().map(|shard| shard.lock().used).sum();
    let counted: usize = cache
        .shards
        .iter()
        .map(|shard| {
            let shard = shard.lock();
            assert_eq!(shard.turns.len(), shard.entries.len());
            shard.entries.iter().map(|(row, entry)| weight(row, entry.value.as_ref())).sum::<usize>()
        })
        .sum();
    assert_eq!(used, counted);
    assert!(used as u64 <= budget && used as u64 > budget / 2, "{used}");
}

#[test]
fn large_values_are_not_kept_and_a_budget_of_nothing_keeps_nothing() {
    let cache = Cache::new(64 * MIB);
    let large = Value::from(vec![7; LARGEST + 1]);
    let at = mark(&cache, "k");
    cache.keep(row("k"), at, Some(&large));
    assert!(unknown(&cache.find(ALICE, &row("k"))));
    cache.keep(row("k"), at, Some(&Value::from(&large[1..])));
    assert!(matches!(cache.find(ALICE, &row("k")), Found::Known(Some(_))));
    assert_eq!(Cache::new(0).find(ALICE, &row("k")), Found::Unknown(None));
}

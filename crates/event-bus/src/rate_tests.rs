use astrid_host_context::Principal;

use super::*;

const MIB: u64 = 1_048_576;
const RATES: Rates = Rates { bytes: MIB, messages: 20_000 };
const C: Uuid = Uuid::from_u128(1);

fn lane(name: &str) -> Lane {
    Lane::Of(Principal::parse(name).unwrap())
}

// ipc case 12
#[tokio::test(start_paused = true)]
async fn one_second_of_bytes_fits_to_the_byte_and_refills_with_the_clock() {
    let buckets = RateBuckets::default();
    let alice = lane("alice");
    assert_eq!(buckets.charge(C, &alice, MIB - 1, RATES), Ok(()));
    assert_eq!(buckets.charge(C, &alice, 1, RATES), Ok(()));
    assert_eq!(buckets.charge(C, &alice, 1, RATES), Err(RateExceeded::Bytes(MIB)));
    assert_eq!(buckets.charge(C, &lane("bob"), MIB, RATES), Ok(()));
    assert_eq!(buckets.charge(Uuid::from_u128(2), &alice, MIB, RATES), Ok(()));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(buckets.charge(C, &alice, MIB, RATES), Ok(()));
}

// ipc case 13
#[tokio::test(start_paused = true)]
async fn twenty_thousand_messages_a_second_refill_twenty_a_millisecond() {
    let buckets = RateBuckets::default();
    let alice = lane("alice");
    for _ in 0..20_000 {
        assert_eq!(buckets.charge(C, &alice, 1, RATES), Ok(()));
    }
    let over = Err(RateExceeded::Messages(20_000));
    assert_eq!(buckets.charge(C, &alice, 1, RATES), over);
    tokio::time::advance(Duration::from_millis(1)).await;
    for _ in 0..20 {
        assert_eq!(buckets.charge(C, &alice, 1, RATES), Ok(()));
    }
    assert_eq!(buckets.charge(C, &alice, 1, RATES), over);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_one_bucket_charges_neither() {
    let buckets = RateBuckets::default();
    let tight = Rates { bytes: 10, messages: 1 };
    assert!(buckets.charge(C, &lane("a"), 11, tight).is_err());
    assert_eq!(buckets.charge(C, &lane("a"), 5, tight), Ok(()));
    assert_eq!(buckets.charge(C, &lane("a"), 5, tight), Err(RateExceeded::Messages(1)));
    assert_eq!(buckets.charge(C, &lane("a"), 5, Rates { messages: 2, ..tight }), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_a_lane_used_counts_over_its_publishers_and_refills() {
    let buckets = RateBuckets::default();
    buckets.charge(C, &lane("a"), 700, RATES).unwrap();
    buckets.charge(Uuid::from_u128(99), &lane("a"), 300, RATES).unwrap();
    buckets.charge(C, &lane("b"), 5, RATES).unwrap();
    assert_eq!(buckets.used(&lane("a"), 1000), 1000);
    tokio::time::advance(Duration::from_millis(250)).await;
    assert_eq!(buckets.used(&lane("a"), 1000), 450 + 50);
    assert_eq!(buckets.used(&lane("nobody"), 1000), 0);
}

#[tokio::test(start_paused = true)]
async fn a_payload_over_the_whole_capacity_never_fits() {
    let buckets = RateBuckets::default();
    for _ in 0..3 {
        assert!(buckets.charge(C, &lane("a"), MIB + 1, RATES).is_err());
        tokio::time::advance(Duration::from_secs(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn buckets_idle_for_a_minute_go() {
    let buckets = RateBuckets::default();
    for n in 0..1_000 {
        buckets.charge(C, &lane(&format!("p{n}")), 1, RATES).unwrap();
    }
    tokio::time::advance(IDLE).await;
    for _ in 0..16_000 {
        buckets.charge(Uuid::from_u128(u128::from(buckets.len() as u64)), &lane("x"), 0, RATES).ok();
    }
    assert!(buckets.len() < 1_000);
    assert!(buckets.shards.iter().all(|shard| {
        let shard = shard.lock();
        shard.ring.len() == shard.buckets.len()
    }));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_cap_the_oldest_idle_bucket_goes_and_a_busy_one_stays() {
    let buckets = RateBuckets::with_capacity(16 * 4);
    let busy = lane("busy");
    buckets.charge(C, &busy, MIB, RATES).unwrap();
    for n in 0..5_000 {
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert!(buckets.charge(C, &busy, MIB, RATES).is_err());
        buckets.charge(C, &lane(&format!("p{n}")), 1, RATES).unwrap();
    }
    assert!(buckets.len() <= 64);
}

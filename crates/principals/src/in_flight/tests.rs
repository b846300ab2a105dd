use super::*;
use std::future::poll_fn;

fn capsule(name: &str) -> CapsuleId {
    CapsuleId::parse(name).unwrap()
}

fn try_enter(turn: &mut Turn<'_>) -> bool {
    turn.poll_enter(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn no_more_than_the_limit_compute_and_a_call_that_waits_makes_room() {
    let places = InFlight::default();
    let alice = Principal::parse("alice").unwrap();
    let (of_alice, c) = (places.places(Some(&alice)), capsule("c"));
    let mut turns: Vec<_> = (0..3).map(|_| of_alice.turn(&c, 2)).collect();
    assert_eq!(turns.iter_mut().map(try_enter).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(places.running(Some(&alice)), 2);
    turns[0].leave();
    assert!(try_enter(&mut turns[2]));
    assert!(!try_enter(&mut turns[0]));
    drop(turns);
    assert_eq!((places.running(Some(&alice)), places.principals()), (0, 0));
}

#[test]
fn principals_do_not_wait_for_one_another() {
    let places = InFlight::default();
    let (alice, bob) = (Principal::parse("alice").unwrap(), Principal::parse("bob").unwrap());
    let (of_alice, of_bob, c) = (places.places(Some(&alice)), places.places(Some(&bob)), capsule("c"));
    assert!(try_enter(&mut of_alice.turn(&c, 1)) && try_enter(&mut of_bob.turn(&c, 1)));
}

#[test]
fn places_go_round_the_capsules_that_wait() {
    let places = InFlight::default();
    let (nobody, [a, b]) = (places.places(None), ["busy", "other"].map(capsule));
    let mut first = nobody.turn(&a, 1);
    assert!(try_enter(&mut first));
    let mut busy: Vec<_> = (0..3).map(|_| nobody.turn(&a, 1)).collect();
    let mut other = nobody.turn(&b, 1);
    for turn in busy.iter_mut().chain([&mut other]) {
        assert!(!try_enter(turn));
    }
    first.leave();
    assert!(try_enter(&mut busy[0]));
    busy[0].leave();
    assert!(try_enter(&mut other), "three calls of one capsule are no turn three times");
}

#[test]
fn a_place_that_was_given_to_a_call_that_went_away_goes_on() {
    let places = InFlight::default();
    let (nobody, c) = (places.places(None), capsule("c"));
    let mut turns: Vec<_> = (0..3).map(|_| nobody.turn(&c, 1)).collect();
    assert_eq!(turns.iter_mut().map(try_enter).collect::<Vec<_>>(), [true, false, false]);
    turns[0].leave();
    drop(turns.remove(1));
    assert!(try_enter(&mut turns[1]));
}

#[test]
fn a_raised_limit_lets_those_in_line_in() {
    let places = InFlight::default();
    let (nobody, c) = (places.places(None), capsule("c"));
    let mut turns: Vec<_> = (0..3).map(|_| nobody.turn(&c, 1)).collect();
    assert_eq!(turns.iter_mut().map(try_enter).collect::<Vec<_>>(), [true, false, false]);
    let mut late = nobody.turn(&c, 3);
    assert!(!try_enter(&mut late));
    assert!(try_enter(&mut turns[1]) && try_enter(&mut turns[2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_limit_holds_and_everybody_gets_a_turn() {
    let places = Arc::new(InFlight::default());
    let inside = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let calls = (0..40).map(|n| {
        let (places, inside) = (places.clone(), inside.clone());
        tokio::spawn(async move {
            let (places, capsule) = (places.places(None), capsule(&format!("c{}", n % 3)));
            let mut turn = places.turn(&capsule, 4);
            for _ in 0..50 {
                poll_fn(|cx| turn.poll_enter(cx)).await;
                assert!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 4);
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                turn.leave();
                tokio::task::yield_now().await;
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!((places.running(None), places.principals()), (0, 0));
}

#[test]
fn principals_without_a_call_take_room_only_up_to_a_bound() {
    let places = InFlight::default();
    let alice = Principal::parse("alice").unwrap();
    let ([of_alice, again], [c, d]) =
        ([(); 2].map(|()| places.places(Some(&alice))), ["c", "d"].map(capsule));
    let mut first = of_alice.turn(&c, 1);
    assert!(try_enter(&mut first));
    for n in 0..5000 {
        let places = places.places(Some(&Principal::parse(&format!("p{n}")).unwrap()));
        assert!(try_enter(&mut places.turn(&c, 1)));
    }
    assert_eq!(places.under_way(), std::slice::from_ref(&alice));
    assert!(places.queues.lock().of.len() <= MAX_IDLE);
    assert!(!try_enter(&mut again.turn(&d, 1)), "who has a call is never forgotten");
    first.end();
    assert_eq!(places.under_way(), []);
    assert!(try_enter(&mut again.turn(&d, 1)));
}

/// Calls come and go without the line's lock: a place that was counted wrong shows, and a wake-up that was lost hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten_and_nobody_gets_in_too_many_when_calls_come_and_go_at_once() {
    const LIMIT: u64 = 3;
    let places = Arc::new(InFlight::default());
    let inside = Arc::new(AtomicU64::new(0));
    let calls = (0..32).map(|n| {
        let (places, inside) = (places.clone(), inside.clone());
        tokio::spawn(async move {
            let (nobody, capsule) = (places.places(None), capsule(["a", "b", "c"][n % 3]));
            for round in 0..300 {
                let mut turn = nobody.turn(&capsule, LIMIT);
                for _ in 0..round % 3 {
                    poll_fn(|cx| turn.poll_enter(cx)).await;
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < LIMIT);
                    if round % 7 == 0 {
                        tokio::task::yield_now().await;
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    turn.leave();
                }
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!((places.running(None), places.principals()), (0, 0));
}

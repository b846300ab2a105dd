//! Who may ask at all.

use std::time::{Duration, Instant, SystemTime};

use astrid_host_context::{Attribution, CallKind, Caller, Outcome, Provenance, Trail, Uuid};
use astrid_host_elicit::Reply;
use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{ElicitResponse, ElicitType, ErrorCode};
use astrid_host_testkit::FakeHost;

use crate::common::{desk, request, text};

fn serving(attribution: Attribution, owner: Option<u128>) -> Caller {
    let provenance = Provenance { request_owner: owner.map(Uuid::from_u128), ..Provenance::of(attribution) };
    Caller { provenance, source: Uuid::nil(), at: SystemTime::now(), trail: Trail::default() }
}

fn verified(who: &str) -> Attribution {
    Attribution::Verified(who.parse().unwrap())
}

// elicit case 1
#[tokio::test]
async fn a_handler_or_a_loop_may_not_ask_which_is_found_before_its_question_is_looked_at_and_recorded() {
    for kind in [CallKind::Interceptor, CallKind::RunLoop] {
        let serving = serving(verified("alice"), Some(1));
        let mut desk = desk(FakeHost::builder().kind(kind).caller(serving), |q| q, |call| call);
        // The fastest of some: what else this machine does may hold any one of them up.
        let (mut asked, mut fastest) = (0, Duration::MAX);
        while asked < 2 || (asked < 100 && fastest >= Duration::from_millis(5)) {
            for question in [text(), request(ElicitType::Text, "not a key")] {
                let begun = Instant::now();
                assert!(matches!(desk.refused(question).await, ErrorCode::NotInLifecycle));
                fastest = fastest.min(begun.elapsed());
                asked += 1;
            }
        }
        assert!(fastest < Duration::from_millis(5), "{fastest:?}");
        let audited = desk.state.fake.recorder().audited();
        assert_eq!(audited.len(), asked, "{audited:?}");
        for record in audited {
            assert_eq!((record.op.function, record.outcome), ("elicit", Outcome::Denied("not-in-lifecycle")));
        }
    }
}

// elicit case 2
#[tokio::test]
async fn an_operator_may_let_loops_ask_and_then_a_proven_principal_and_an_open_connection_are_needed() {
    let alice = || serving(verified("alice"), Some(1));
    let host = |caller| {
        let fake = FakeHost::builder().kind(CallKind::RunLoop);
        let fake = match caller {
            Some(caller) => fake.caller(caller),
            None => fake,
        };
        desk(fake, |questions| questions.interactive(true), |call| call)
    };
    let mut asks = host(Some(alice()));
    let answer = asks.exchange(text(), Reply::value("Ada")).await;
    assert!(matches!(answer, Ok(ElicitResponse::Value(value)) if value == "Ada"));
    let claimed = Attribution::Claimed("alice".parse().unwrap());
    for caller in [
        None,
        Some(serving(verified("alice"), None)),
        Some(serving(verified("bob"), Some(1))),
        Some(serving(claimed, Some(1))),
        Some(serving(Attribution::System, Some(1))),
    ] {
        let mut desk = host(caller.clone());
        assert!(matches!(desk.refused(text()).await, ErrorCode::NotInLifecycle), "{caller:?}");
    }
    // Nobody is at the other end any more.
    let mut gone = host(Some(alice()));
    let (_, other) = astrid_host_elicit::Channel::new();
    drop(std::mem::replace(&mut gone.asked, other));
    assert!(matches!(gone.refused(text()).await, ErrorCode::NotInLifecycle));
}

#[tokio::test]
async fn a_call_for_nobody_asks_nobody_and_finds_no_secret() {
    let mut desk = desk(FakeHost::builder().no_principal(), |q| q, crate::common::install);
    let refused = desk.refused(crate::common::secret()).await;
    assert!(matches!(refused, ErrorCode::Unknown(why) if why == "no principal to ask"));
    assert!(!desk.has("api_key").await.unwrap());
}

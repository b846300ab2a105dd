//! How waits end.

use std::time::Duration;

use astrid_host_approval::v1_0::bindings::astrid::approval::host::{ApprovalDecision, ErrorCode};
use astrid_host_approval::{PENDING, PENDING_OF_CAPSULE, PENDING_OF_PRINCIPAL, Reply, Unanswered};
use astrid_host_context::Cancellation;
use astrid_host_testkit::FakeHost;
use tokio::time::Instant;

use crate::common::{Desk, call, desk, desk_with, store};

// approval case 16
#[tokio::test(start_paused = true)]
async fn nobody_has_more_than_60_seconds_and_everybody_has_all_of_them() {
    let mut desk = desk();
    let Desk { state, asked, approvals } = &mut desk;
    let begun = Instant::now();
    let silent = async {
        let asked = asked.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(60_100)).await;
        assert!(asked.is_withdrawn());
        assert!(!asked.answer(Reply::Always));
    };
    let asking = async {
        let answer = call(state, "git push", "git push").await;
        assert!(matches!(answer, Err(ErrorCode::Timeout)), "{answer:?}");
        begun.elapsed()
    };
    let ((), took) = tokio::join!(silent, asking);
    assert!(took >= Duration::from_secs(59) && took <= Duration::from_secs(61), "{took:?}");
    assert_eq!(approvals.places().taken(), 0);
    assert!(!desk.remembers("git push").await, "a late answer was kept");
    let Desk { state, asked, .. } = &mut desk;
    let slow = async {
        let asked = asked.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(59_900)).await;
        assert!(asked.answer(Reply::Session));
    };
    let (answer, ()) = tokio::join!(call(state, "git push", "git push"), slow);
    assert!(matches!(answer, Ok(ApprovalDecision::ApprovedSession)), "{answer:?}");
}

fn via(desk: &Desk) -> String {
    let records = desk.state.fake.recorder().audited();
    let decided = records.iter().rfind(|record| record.op.function == "decided").unwrap();
    decided.facts.iter().find(|(name, _)| *name == "via").unwrap().1.clone()
}

// approval case 22
#[tokio::test]
async fn an_unload_or_a_retirement_during_the_wait_is_a_timeout() {
    for end in [Cancellation::cancel, Cancellation::retire] {
        let mut desk = desk();
        let Desk { state, asked, .. } = &mut desk;
        let token = state.fake.cancellation();
        let person = async {
            let asked = asked.recv().await.unwrap();
            end(&token);
            asked
        };
        let (answer, asked) = tokio::join!(call(state, "git push", "git push"), person);
        assert!(matches!(answer, Err(ErrorCode::Timeout)), "{answer:?}");
        assert!(!asked.answer(Reply::Always));
        assert_eq!((via(&desk).as_str(), desk.approvals.places().taken()), ("cancelled", 0));
    }
}

// approval §2.4: the invocation's deadline
#[tokio::test(start_paused = true)]
async fn the_ceiling_of_the_whole_call_is_a_timeout() {
    let mut desk = desk_with(FakeHost::builder().timeout(Duration::from_secs(30)), |approvals| approvals);
    let begun = Instant::now();
    let Desk { state, asked, .. } = &mut desk;
    let (answer, _asked) = tokio::join!(call(state, "git push", "git push"), asked.recv());
    assert!(matches!(answer, Err(ErrorCode::Timeout)), "{answer:?}");
    assert_eq!((begun.elapsed().as_secs(), via(&desk).as_str()), (30, "cancelled"));
}

// approval case 22
#[tokio::test]
async fn a_connection_that_goes_has_denied() {
    let mut desk = desk();
    let Desk { state, asked, .. } = &mut desk;
    let leaves = async { asked.recv().await.unwrap().end(Unanswered::OwnerGone) };
    let (answer, _) = tokio::join!(call(state, "git push", "git push"), leaves);
    assert!(matches!(answer, Ok(ApprovalDecision::Denied)), "{answer:?}");
    assert_eq!(via(&desk), "owner_gone");
    assert!(!desk.remembers("git push").await);
}

#[tokio::test]
async fn a_question_that_reaches_nobody_is_no_decision() {
    let mut desk = desk();
    let Desk { state, asked, .. } = &mut desk;
    let breaks = async { asked.recv().await.unwrap().end(Unanswered::NotPut("no bus".to_owned())) };
    let (answer, _) = tokio::join!(call(state, "git push", "git push"), breaks);
    let Err(ErrorCode::Unknown(text)) = answer else { panic!("{answer:?}") };
    assert_eq!(text, "the request could not be put");
}

// approval §2.2
#[tokio::test]
async fn a_principal_without_authority_is_denied_whatever_is_remembered() {
    let mut desk = Desk::with_session().await;
    desk.state.fake.set_call(|call| call.without_authority());
    for resource in ["git push", "rm x"] {
        let answer = desk.unasked("git push", resource).await.unwrap();
        assert!(matches!(answer, Ok(ApprovalDecision::Denied)), "{answer:?}");
    }
}

// approval case 31
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_who_wait_hold_up_nobody_else() {
    let fake = || {
        let crowd = FakeHost::builder().limit(&PENDING, 1000);
        crowd.limit(&PENDING_OF_PRINCIPAL, 1000).limit(&PENDING_OF_CAPSULE, 1000)
    };
    let mut desk = desk_with(fake(), |approvals| approvals);
    let waiting: Vec<_> = (0..300)
        .map(|_| {
            let mut state = store(fake(), &desk.approvals);
            tokio::spawn(async move { call(&mut state, "git push", "git push").await })
        })
        .collect();
    let mut asked = Vec::new();
    for _ in 0..300 {
        asked.push(desk.asked.recv().await.unwrap());
    }
    let bob = crate::common::holder("bob", "fake", "/project");
    let pattern = astrid_host_approval::Pattern::parse("*").unwrap();
    let session = astrid_host_approval::Lasting::Session;
    let allowance = astrid_host_approval::Allowance::new(bob, pattern, session);
    desk.approvals.store().add(allowance).await.unwrap();
    let mut bob = store(fake().principal("bob"), &desk.approvals);
    let mut quickest = Duration::MAX;
    for _ in 0..50 {
        let begun = std::time::Instant::now();
        let answer = call(&mut bob, "ls", "ls").await;
        quickest = quickest.min(begun.elapsed());
        assert!(matches!(answer, Ok(ApprovalDecision::Allowance)), "{answer:?}");
    }
    // The contract's figure. It takes microseconds, and the quickest is the one that a busy machine left alone.
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
    for asked in asked {
        assert!(asked.answer(Reply::Once));
    }
    for call in waiting {
        assert!(matches!(call.await.unwrap(), Ok(ApprovalDecision::Approved)));
    }
    assert_eq!(desk.approvals.places().taken(), 0);
}

#[tokio::test]
async fn a_wait_for_a_person_ends_a_chain_of_publications_and_a_remembered_answer_does_not() {
    let mut desk = Desk::with_session().await;
    let progress = desk.state.fake.call().progress().clone();
    assert!(progress.has_waited_outside());
    progress.begin_invocation();
    assert!(desk.remembers("git push").await);
    assert!(!progress.has_waited_outside());
}

//! How waits end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use astrid_host_context::{Cancellation, Uuid};
use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{ElicitResponse, ErrorCode, Host};
use astrid_host_elicit::{Asking, ElicitView, MemorySecrets, Prompt, Prompter, Questions, Reply};
use astrid_host_testkit::FakeHost;
use tokio::time::Instant;

use crate::common::{desk, install, installing, secret, slot, store, take, text};

// elicit case 13
#[tokio::test(start_paused = true)]
async fn nobody_has_more_than_120_seconds_and_everybody_has_all_of_them() {
    let mut desk = installing();
    let begun = Instant::now();
    let mut view = desk.state.elicit();
    let silent = async {
        let asked = take(&mut desk.asked).await;
        tokio::time::sleep(Duration::from_millis(120_100)).await;
        assert!(asked.is_withdrawn());
        assert!(!asked.answer(Reply::value("late")));
    };
    let asking = async {
        let answer = Host::elicit(&mut view, secret()).await;
        assert!(matches!(answer, Err(ErrorCode::Timeout)), "{answer:?}");
        begun.elapsed()
    };
    let ((), took) = tokio::join!(silent, asking);
    assert!(took >= Duration::from_secs(119) && took <= Duration::from_secs(121), "{took:?}");
    assert!(!desk.has("api_key").await.unwrap(), "a late answer was stored");

    let mut view = desk.state.elicit();
    let slow = async {
        let asked = take(&mut desk.asked).await;
        tokio::time::sleep(Duration::from_millis(119_900)).await;
        assert!(asked.answer(Reply::value("just so")));
    };
    let (answer, ()) = tokio::join!(Host::elicit(&mut view, secret()), slow);
    assert!(matches!(answer, Ok(ElicitResponse::SecretStored)), "{answer:?}");
    assert_eq!(desk.questions.pending(), 0);
}

// elicit case 19
#[tokio::test(start_paused = true)]
async fn an_installation_that_is_aborted_meanwhile_is_cancelled_and_a_late_secret_is_not_stored() {
    let mut desk = installing();
    let capsule = desk.state.fake.capsule_cancellation();
    let mut view = desk.state.elicit();
    let person = async {
        let asked = take(&mut desk.asked).await;
        capsule.cancel();
        asked
    };
    let begun = Instant::now();
    let (answer, asked) = tokio::join!(Host::elicit(&mut view, secret()), person);
    assert!(matches!(answer, Err(ErrorCode::Cancelled)), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(!asked.answer(Reply::value("late")));
    assert!(desk.secrets.get(&slot("alice", "fake", "api_key")).is_none());
    assert_eq!(desk.questions.pending(), 0);
}

/// Answers at once, and something happens right after.
struct Then(Cancellation, AtomicBool);

impl Prompter for Then {
    fn is_live(&self, _: Uuid) -> bool {
        true
    }

    fn ask<'a>(&'a self, _: Prompt<'a>) -> Asking<'a> {
        Box::pin(async move {
            self.0.retire();
            self.1.store(true, Ordering::Relaxed);
            Ok(Reply::value("s3cret"))
        })
    }
}

// elicit case 20
#[tokio::test]
async fn a_principal_who_is_retired_after_the_answer_and_before_the_write_leaves_no_secret() {
    let token = Cancellation::new();
    let prompter = Arc::new(Then(token.clone(), AtomicBool::new(false)));
    let secrets = Arc::new(MemorySecrets::new());
    let questions = Questions::builder(prompter.clone()).build();
    let mut state =
        store(FakeHost::builder(), &questions, secrets.clone(), |call| install(call).cancellation(token));
    let answer = Host::elicit(&mut state.elicit(), secret()).await;
    assert!(matches!(answer, Err(ErrorCode::Cancelled)), "{answer:?}");
    assert!(prompter.1.load(Ordering::Relaxed), "it was answered");
    assert!(secrets.get(&slot("alice", "fake", "api_key")).is_none());
    let asked = Host::has_secret(&mut state.elicit(), "api_key".to_owned()).await;
    assert!(matches!(asked, Err(ErrorCode::Cancelled)));
}

#[tokio::test(start_paused = true)]
async fn the_ceiling_of_the_whole_call_cancels_the_wait() {
    let mut desk = desk(FakeHost::builder().timeout(Duration::from_secs(30)), |q| q, install);
    let begun = Instant::now();
    let mut view = desk.state.elicit();
    let (answer, _asked) = tokio::join!(Host::elicit(&mut view, text()), take(&mut desk.asked));
    assert!(matches!(answer, Err(ErrorCode::Cancelled)), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn who_leaves_the_room_has_cancelled() {
    let mut desk = installing();
    let mut view = desk.state.elicit();
    let leaves = async { drop(take(&mut desk.asked).await) };
    let (answer, ()) = tokio::join!(Host::elicit(&mut view, text()), leaves);
    assert!(matches!(answer, Err(ErrorCode::Cancelled)), "{answer:?}");
}

#[tokio::test]
async fn a_wait_for_a_person_ends_a_chain_of_publications() {
    let mut desk = installing();
    let progress = desk.state.fake.call().progress().clone();
    desk.refused(crate::common::request(
        astrid_host_elicit::v1_0::bindings::astrid::elicit::host::ElicitType::Text,
        "no key",
    ))
    .await;
    assert!(!progress.has_waited_outside());
    desk.exchange(text(), Reply::value("x")).await.unwrap();
    assert!(progress.has_waited_outside());
}

//! How many questions wait, and how often one is put.

use std::time::Duration;

use astrid_host_approval::v1_0::bindings::astrid::approval::host::ErrorCode;
use astrid_host_approval::{Limits, PER_MINUTE, Places, Reply};
use astrid_host_context::{CapsuleId, Principal};
use astrid_host_testkit::FakeHost;

use crate::common::{Desk, call, desk, store};

fn too_many<T>(answer: Result<T, ErrorCode>) -> bool {
    matches!(answer, Err(ErrorCode::Unknown(text)) if text == "too many pending approvals")
}

// approval case 24
#[tokio::test]
async fn four_questions_of_a_capsule_wait_and_the_fifth_is_refused_and_places_come_back() {
    let Desk { state: mut fifth, mut asked, approvals } = desk();
    let waiting: Vec<_> = ["alice", "alice", "bob", "carol"]
        .map(|who| {
            let mut state = store(FakeHost::builder().principal(who), &approvals);
            tokio::spawn(async move { call(&mut state, "git push", "git push").await })
        })
        .into();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(asked.recv().await.unwrap());
    }
    assert!(too_many(call(&mut fifth, "git push", "git push").await), "whoever is asked");
    let [record] = &*fifth.fake.recorder().audited() else { panic!() };
    assert_eq!(record.op.function, "decided");
    let mut other = store(FakeHost::builder().capsule("other"), &approvals);
    let others = tokio::spawn(async move { call(&mut other, "git push", "git push").await });
    asked.recv().await.unwrap().answer(Reply::Once);
    others.await.unwrap().unwrap();
    for asked in seen.drain(..1) {
        asked.answer(Reply::Once);
    }
    let mut ended = Vec::new();
    while approvals.places().taken() > 3 {
        tokio::task::yield_now().await;
    }
    let again = tokio::spawn(async move { call(&mut fifth, "git push", "git push").await });
    asked.recv().await.unwrap().answer(Reply::Once);
    again.await.unwrap().unwrap();
    seen.into_iter().for_each(|asked| assert!(asked.answer(Reply::Once)));
    for call in waiting {
        ended.push(call.await.unwrap().unwrap());
    }
    assert_eq!((ended.len(), approvals.places().taken()), (4, 0));
}

// approval case 24
#[tokio::test(start_paused = true)]
async fn thirty_questions_are_put_in_a_minute_and_the_thirty_first_is_refused() {
    let Desk { mut state, mut asked, approvals } = desk();
    state.fake.recorder().set_limit(&PER_MINUTE, PER_MINUTE.default);
    let mut exchange = async |state: &mut _| {
        let person = async { asked.recv().await.unwrap().answer(Reply::Deny) };
        tokio::select! {
            answer = async { tokio::join!(call(state, "git push", "git push"), person).0 } => answer,
            () = tokio::time::sleep(Duration::from_millis(1)) => Err(ErrorCode::Timeout),
        }
    };
    for _ in 0..30 {
        exchange(&mut state).await.unwrap();
    }
    assert!(too_many(call(&mut state, "git push", "git push").await));
    let mut bob = store(FakeHost::builder().principal("bob"), &approvals);
    exchange(&mut bob).await.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(too_many(call(&mut state, "git push", "git push").await));
    tokio::time::advance(Duration::from_secs(1)).await;
    exchange(&mut state).await.unwrap();
}

// approval §2.6
#[test]
fn sixteen_of_a_principal_and_sixty_four_of_the_host_wait() {
    let places = Places::new();
    let who = |n: usize| Principal::parse(&format!("p{n}")).unwrap();
    let capsule = |n: usize| CapsuleId::parse(&format!("c{n}")).unwrap();
    let most = Limits::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let of_one: Vec<_> = (0..16).map(|n| places.take(&who(0), &capsule(n), most).unwrap()).collect();
    assert_eq!(places.take(&who(0), &capsule(16), most).unwrap_err().limit, 16);
    let _others: Vec<_> =
        (0..48).map(|n| places.take(&who(1 + n / 16), &capsule(16 + n), most).unwrap()).collect();
    assert_eq!(places.taken(), 64);
    assert_eq!(places.take(&who(9), &capsule(99), most).unwrap_err().limit, 64);
    drop(of_one);
    assert_eq!(places.taken(), 48);
    drop(places.take(&who(9), &capsule(99), most).unwrap());
}

//! What is remembered, and until when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use astrid_host_approval::v1_0::bindings::astrid::approval::host::{ApprovalDecision, ErrorCode};
use astrid_host_approval::{
    Allowance, AllowanceStore, BoxFuture, Grants, GrantsUnavailable, Lasting, MAX_ALWAYS, MAX_SESSION,
    MemoryGrants, Pattern, Reply,
};
use astrid_host_context::Principal;
use astrid_host_testkit::FakeHost;

use crate::common::{Desk, call, desk, desk_with, holder, serving, store, unserved};

fn allowance(pattern: &str, lasting: Lasting) -> Allowance {
    Allowance::new(holder("alice", "fake", "/project"), Pattern::parse(pattern).unwrap(), lasting)
}

/// A backend that can be told to fail.
#[derive(Default)]
struct Fragile {
    inner: MemoryGrants,
    unreadable: AtomicBool,
    unwritable: AtomicBool,
    writes: AtomicUsize,
}

impl Fragile {
    fn fails(flag: &AtomicBool) -> Result<(), GrantsUnavailable> {
        let failing = flag.load(Ordering::Relaxed);
        if failing { Err(GrantsUnavailable("read-only".to_owned())) } else { Ok(()) }
    }
}

impl Grants for Fragile {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Allowance>, GrantsUnavailable>> {
        Box::pin(async {
            Self::fails(&self.unreadable)?;
            self.inner.load().await
        })
    }

    fn put<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            Self::fails(&self.unwritable)?;
            self.writes.fetch_add(1, Ordering::Relaxed);
            self.inner.put(allowance).await
        })
    }

    fn remove<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async {
            Self::fails(&self.unwritable)?;
            self.inner.remove(allowance).await
        })
    }

    fn remove_of<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        self.inner.remove_of(who)
    }
}

fn fragile() -> (Desk, Arc<Fragile>) {
    let grants = Arc::new(Fragile::default());
    let store = Arc::new(AllowanceStore::new(grants.clone()));
    (desk_with(FakeHost::builder(), |approvals| approvals.store(store)), grants)
}

// approval case 1
#[tokio::test]
async fn approved_once_is_once() {
    let mut desk = desk();
    for _ in 0..2 {
        let answer = desk.exchange("git push", "git push origin main", Reply::Once).await;
        assert!(matches!(answer, Ok(ApprovalDecision::Approved)), "{answer:?}");
    }
}

// approval case 2
#[tokio::test]
async fn approved_for_the_session_is_the_family_for_the_session() {
    let mut desk = Desk::with_session().await;
    assert!(desk.remembers("git push --force x").await);
    assert!(!desk.remembers("git pull").await);
}

// approval case 9
#[tokio::test]
async fn consent_for_good_that_cannot_be_written_grants_nothing() {
    let (mut desk, grants) = fragile();
    grants.unwritable.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let answer = desk.exchange("git push", "git push", Reply::Always).await;
        assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    }
    assert!(!desk.remembers("git push").await);
    grants.unwritable.store(false, Ordering::Relaxed);
    let answer = desk.exchange("git push", "git push", Reply::Always).await;
    assert!(matches!(answer, Ok(ApprovalDecision::ApprovedAlways)), "{answer:?}");
    assert!(desk.remembers("git push").await);
}

// approval §2.2
#[tokio::test]
async fn nobody_is_asked_while_what_is_remembered_cannot_be_read() {
    let (mut desk, grants) = fragile();
    grants.unreadable.store(true, Ordering::Relaxed);
    for (action, resource) in [("git push", "git push"), ("", "x"), ("a", "a\nb")] {
        let answer = desk.unasked(action, resource).await.unwrap();
        assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    }
    grants.unreadable.store(false, Ordering::Relaxed);
    assert!(!desk.remembers("git push").await, "it reads again, and asks");
}

// approval case 10
#[test]
fn only_three_words_permit() {
    for word in ["deny", "", "APPROVE", "allowance", "yes", "approved", "approve ", "approve_Always"] {
        assert_eq!(Reply::of(word), Reply::Deny, "{word:?}");
    }
    let words = ["approve", "approve_session", "approve_always"];
    assert_eq!(words.map(Reply::of), [Reply::Once, Reply::Session, Reply::Always]);
}

// approval case 10
#[tokio::test]
async fn a_denial_is_a_decision_and_is_not_remembered() {
    let mut desk = desk();
    let answer = desk.exchange("git push", "git push", Reply::Deny).await;
    assert!(matches!(answer, Ok(ApprovalDecision::Denied)), "{answer:?}");
    assert!(!desk.remembers("git push").await);
}

// approval case 20, request-context case 9
#[tokio::test]
async fn with_nobody_to_ask_it_is_denied_unless_it_is_remembered() {
    let mut desk = desk();
    let alone = |who: Option<&str>, owner| {
        let mut fake = match who {
            Some(who) => FakeHost::builder().principal(who).build(),
            None => FakeHost::builder().no_principal().build(),
        };
        fake.set_call(|call| call.caller(owner));
        unserved("/project", fake, &desk.approvals)
    };
    let mut states = [
        alone(Some("alice"), None),
        alone(Some("alice"), Some(serving("alice", None))),
        alone(None, Some(serving("alice", Some(crate::common::OWNER)))),
        alone(Some("anonymous"), Some(serving("alice", Some(crate::common::OWNER)))),
    ];
    for state in &mut states {
        let answer = call(state, "git push", "git push").await;
        assert!(matches!(answer, Ok(ApprovalDecision::Denied)), "{answer:?}");
        let [record] = &*state.fake.recorder().audited() else { panic!() };
        assert!(record.facts.contains(&("via", "no_request_owner".to_owned())), "{record:?}");
    }
    assert!(desk.asked.try_recv().is_err());
    desk.approvals.store().add(allowance("git push *", Lasting::Always)).await.unwrap();
    let answers = [
        call(&mut states[0], "git push", "git push").await.unwrap(),
        call(&mut states[1], "git push", "git push").await.unwrap(),
        call(&mut states[2], "git push", "git push").await.unwrap(),
        call(&mut states[3], "git push", "git push").await.unwrap(),
    ];
    use ApprovalDecision::{Allowance, Denied};
    assert!(matches!(answers, [Allowance, Allowance, Denied, Denied]), "{answers:?}");
    assert!(desk.asked.try_recv().is_err());
}

// approval case 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_calls_one_has_the_only_use_and_a_hundred_share_what_has_no_limit() {
    for lasting in [Lasting::Session, Lasting::Always] {
        let (mut desk, grants) = fragile();
        let once = Allowance { uses: Some(1), ..allowance("git push *", lasting) };
        desk.approvals.store().add(once).await.unwrap();
        let racing: Vec<_> = (0..2)
            .map(|_| {
                let mut state = store(FakeHost::builder(), &desk.approvals);
                tokio::spawn(async move { call(&mut state, "git push", "git push x").await })
            })
            .collect();
        assert!(desk.asked.recv().await.unwrap().answer(Reply::Deny));
        let (mut allowed, mut denied) = (0, 0);
        for call in racing {
            match call.await.unwrap().unwrap() {
                ApprovalDecision::Allowance => allowed += 1,
                ApprovalDecision::Denied => denied += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((allowed, denied), (1, 1));
        assert_eq!(grants.inner.load().await, Ok(vec![]), "nothing is left of it");

        desk.approvals.store().add(allowance("git push *", lasting)).await.unwrap();
        let many: Vec<_> = (0..100)
            .map(|_| {
                let mut state = store(FakeHost::builder(), &desk.approvals);
                tokio::spawn(async move { call(&mut state, "git push", "git push x").await })
            })
            .collect();
        for call in many {
            assert!(matches!(call.await.unwrap(), Ok(ApprovalDecision::Allowance)));
        }
        assert!(desk.asked.try_recv().is_err());
    }
}

// approval §2.2: what is used is used for good
#[tokio::test]
async fn uses_are_counted_on_disk_and_one_without_limit_is_taken_first() {
    let (mut desk, grants) = fragile();
    let thrice = Allowance { uses: Some(3), ..allowance("git push *", Lasting::Always) };
    desk.approvals.store().add(thrice).await.unwrap();
    assert!(desk.remembers("git push").await);
    assert_eq!(grants.load().await.unwrap()[0].uses, Some(2));
    desk.approvals.store().add(allowance("git *", Lasting::Always)).await.unwrap();
    assert!(desk.remembers("git push").await);
    let listed = desk.approvals.store().always_granted().await.unwrap();
    assert_eq!(listed.iter().filter_map(|one| one.uses).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn what_has_expired_does_not_count_and_makes_room() {
    let (mut desk, grants) = fragile();
    let over = |pattern: &str| Allowance {
        expires: Some(SystemTime::now() - Duration::from_secs(1)),
        ..allowance(pattern, Lasting::Always)
    };
    let later = Allowance {
        expires: Some(SystemTime::now() + Duration::from_secs(3600)),
        ..allowance("git pull *", Lasting::Always)
    };
    desk.approvals.store().add(over("git push *")).await.unwrap();
    desk.approvals.store().add(later).await.unwrap();
    assert!(!desk.remembers("git push").await);
    assert!(desk.remembers("git pull").await);
    assert_eq!(grants.load().await.unwrap().len(), 1);
}

// approval §2.6
#[tokio::test]
async fn the_oldest_of_too_many_session_consents_goes_and_too_many_for_good_are_refused() {
    let mut desk = desk();
    let numbered = |n: usize, lasting| allowance(&format!("git {n} *"), lasting);
    for n in 0..=MAX_SESSION {
        desk.approvals.store().add(numbered(n, Lasting::Session)).await.unwrap();
    }
    assert!(!desk.remembers("git 0").await);
    assert!(desk.remembers("git 1").await && desk.remembers(&format!("git {MAX_SESSION}")).await);
    for n in 0..MAX_ALWAYS {
        desk.approvals.store().add(numbered(n, Lasting::Always)).await.unwrap();
    }
    let answer = desk.exchange("git push", "git push", Reply::Always).await;
    assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    // The same again takes no more room.
    desk.approvals.store().add(numbered(7, Lasting::Always)).await.unwrap();
    let seventh = desk.approvals.store().always_granted().await.unwrap();
    let seventh = seventh.iter().find(|one| one.pattern.as_str() == "git 7 *").unwrap().id;
    assert_eq!(desk.approvals.store().revoke(seventh).await, Ok(true));
    let answer = desk.exchange("git push", "git push", Reply::Always).await;
    assert!(matches!(answer, Ok(ApprovalDecision::ApprovedAlways)), "{answer:?}");
}

// approval case 25
#[tokio::test]
async fn the_end_of_a_session_takes_its_consent_and_nobody_elses_and_none_for_good() {
    let mut desk = Desk::with_session().await;
    desk.exchange("git pull", "git pull", Reply::Always).await.unwrap();
    let mut bob = store(FakeHost::builder().principal("bob"), &desk.approvals);
    let bobs =
        Allowance { holder: holder("bob", "fake", "/project"), ..allowance("git push *", Lasting::Session) };
    desk.approvals.store().add(bobs).await.unwrap();
    desk.approvals.store().end_session(&"alice".parse().unwrap());
    assert!(!desk.remembers("git push").await);
    assert!(desk.remembers("git pull").await);
    assert!(crate::common::remembers(&mut bob, &mut desk.asked, "git push").await);
}

// approval §2.7
#[tokio::test]
async fn consent_for_a_session_that_ended_meanwhile_is_consent_for_once() {
    let mut desk = desk();
    let Desk { state, asked, approvals } = &mut desk;
    let person = async {
        let asked = asked.recv().await.unwrap();
        approvals.store().end_session(&"alice".parse().unwrap());
        asked.answer(Reply::Session)
    };
    let (answer, _) = tokio::join!(call(state, "git push", "git push"), person);
    assert!(matches!(answer, Ok(ApprovalDecision::Approved)), "{answer:?}");
    assert!(!desk.remembers("git push").await);
}

// approval case 26
#[tokio::test]
async fn what_is_revoked_counts_no_more_from_the_next_call_on() {
    let (mut desk, grants) = fragile();
    desk.exchange("git push", "git push", Reply::Always).await.unwrap();
    let [granted] = &*desk.approvals.store().always_granted().await.unwrap() else { panic!() };
    assert!(granted.request.is_some());
    assert!(desk.remembers("git push").await);
    assert_eq!(desk.approvals.store().revoke(granted.id).await, Ok(true));
    assert!(!desk.remembers("git push").await);
    assert_eq!(desk.approvals.store().revoke(granted.id).await, Ok(false), "it is gone");
    assert_eq!(grants.load().await, Ok(vec![]));
}

// approval case 26
#[tokio::test]
async fn what_is_revoked_counts_no_more_even_if_the_disk_refuses() {
    let (mut desk, grants) = fragile();
    desk.exchange("git push", "git push", Reply::Always).await.unwrap();
    let [granted] = &*desk.approvals.store().always_granted().await.unwrap() else { panic!() };
    grants.unwritable.store(true, Ordering::Relaxed);
    desk.approvals.store().revoke(granted.id).await.unwrap_err();
    assert!(!desk.remembers("git push").await);
}

// approval case 27
#[tokio::test]
async fn a_principal_deleted_while_it_is_asked_is_granted_nothing() {
    for (reply, told) in [(Reply::Always, false), (Reply::Session, false), (Reply::Always, true)] {
        let (mut desk, grants) = fragile();
        desk.exchange("git pull", "git pull", Reply::Always).await.unwrap();
        let Desk { state, asked, approvals } = &mut desk;
        let token = state.fake.cancellation();
        let alice: Principal = "alice".parse().unwrap();
        let person = async {
            let asked = asked.recv().await.unwrap();
            approvals.store().fence(&alice);
            if told {
                token.retire();
            }
            approvals.store().delete(&alice).await.unwrap();
            asked.answer(reply);
        };
        let (answer, ()) = tokio::join!(call(state, "git push", "git push"), person);
        assert!(matches!(answer, Err(ErrorCode::Timeout)), "{answer:?}");
        assert_eq!(grants.load().await, Ok(vec![]));
        assert_eq!(approvals.store().always_granted().await, Ok(vec![]));
        // Somebody of the same name later.
        let mut later = Desk { state: store(FakeHost::builder(), approvals), ..desk };
        assert!(!later.remembers("git push").await && !later.remembers("git pull").await);
    }
}

// approval §2.7: also while the answer is being written
#[tokio::test]
async fn a_principal_deleted_while_its_consent_is_written_keeps_none() {
    struct Slow(MemoryGrants, tokio::sync::Notify, tokio::sync::Notify);
    impl Grants for Slow {
        fn load(&self) -> BoxFuture<'_, Result<Vec<Allowance>, GrantsUnavailable>> {
            self.0.load()
        }
        fn put<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
            Box::pin(async {
                self.1.notify_one();
                self.2.notified().await;
                self.0.put(allowance).await
            })
        }
        fn remove<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
            self.0.remove(allowance)
        }
        fn remove_of<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
            self.0.remove_of(who)
        }
    }
    let grants = Arc::new(Slow(MemoryGrants::new(), Default::default(), Default::default()));
    let kept = Arc::new(AllowanceStore::new(grants.clone()));
    let mut desk = desk_with(FakeHost::builder(), |approvals| approvals.store(kept.clone()));
    let exchange = desk.exchange("git push", "git push", Reply::Always);
    let deleting = async {
        grants.1.notified().await;
        let deleting = tokio::spawn({
            let kept = kept.clone();
            async move { kept.delete(&"alice".parse().unwrap()).await }
        });
        tokio::task::yield_now().await;
        grants.2.notify_one();
        deleting.await.unwrap().unwrap();
    };
    let (_answer, ()) = tokio::join!(exchange, deleting);
    assert_eq!(grants.0.load().await, Ok(vec![]));
    assert_eq!(kept.always_granted().await, Ok(vec![]));
}

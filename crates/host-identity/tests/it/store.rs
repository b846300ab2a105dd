//! A store that is slow, or gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::Outcome;
use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;
use astrid_host_identity::{Account, Identities, IdentityStore, ListedPrincipals, MemoryIdentities, UserId};
use tokio::sync::Notify;

use crate::common::{Slowly, State, fast, on};

fn slowly<F, W>(inner: &Arc<MemoryIdentities>, before: F) -> Arc<Identities>
where
    F: Fn(&'static str) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let store = Slowly { inner: inner.clone(), before };
    Identities::builder(Arc::new(store), Arc::new(ListedPrincipals::new())).build()
}

async fn a_user(inner: &Arc<MemoryIdentities>) -> String {
    let identities = slowly(inner, |_| async {});
    identities.register("ada".parse().unwrap(), None).await.unwrap().to_string()
}

async fn is_linked(inner: &MemoryIdentities, account: &str) -> bool {
    inner.link(&Account::parse("chat", account).unwrap()).await.unwrap().is_some()
}

// identity case 24
#[tokio::test(start_paused = true)]
async fn a_store_that_takes_longer_than_five_seconds_is_unavailable_and_what_was_asked_is_not_done() {
    let inner = Arc::new(MemoryIdentities::new());
    let user = a_user(&inner).await;
    let identities = slowly(&inner, |_| tokio::time::sleep(Duration::from_secs(6)));
    let mut state = on(&identities, fast());
    let begun = tokio::time::Instant::now();
    let answers = [
        state.resolve("chat", "a").await.err(),
        state.link("chat", "a", &user).await.err(),
        state.unlink("chat", "a").await.err(),
        state.create(None).await.err(),
        state.list(&user).await.err(),
    ];
    for answer in answers {
        assert!(matches!(answer, Some(ErrorCode::StoreUnavailable)), "{answer:?}");
    }
    assert_eq!(begun.elapsed().as_secs(), 25);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!is_linked(&inner, "a").await);
    assert_eq!(inner.users(None, 10).await.unwrap().len(), 1);
}

// identity case 24
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_of_a_store_that_hangs_hold_up_nobody_else() {
    let inner = Arc::new(MemoryIdentities::new());
    // As an engine that waits for its disk does it, on a thread of the blocking pool.
    let (hang, hung) = std::sync::mpsc::channel::<()>();
    let hung = Arc::new(waiting::Shared::new(hung));
    let identities = slowly(&inner, move |_| {
        let hung = hung.clone();
        async move {
            tokio::task::spawn_blocking(move || hung.wait()).await.unwrap();
        }
    });
    let calls: Vec<_> = (0..100)
        .map(|n: u32| {
            let mut state: State = on(&identities, fast());
            tokio::spawn(async move { state.resolve("chat", &n.to_string()).await })
        })
        .collect();
    // Unrelated calls, meanwhile.
    let quick = slowly(&inner, |_| async {});
    let mut unrelated = on(&quick, fast());
    let mut slowest = Duration::ZERO;
    for n in 0..50_u32 {
        let begun = Instant::now();
        let answer = unrelated.resolve("chat", &n.to_string()).await;
        assert!(matches!(answer, Err(ErrorCode::LinkNotFound)));
        slowest = slowest.max(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The case says 50 ms, which a machine that others use may take for itself. Whoever waited for the store would
    // wait 5 seconds.
    assert!(slowest < Duration::from_millis(2_500), "{slowest:?}");
    for call in calls {
        let answer = call.await.unwrap();
        assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    }
    drop(hang);
}

mod waiting {
    //! A receiver that many threads wait on until the sender goes.

    use std::sync::Mutex;
    use std::sync::mpsc::Receiver;

    pub(super) struct Shared(Mutex<Receiver<()>>);

    impl Shared {
        pub(super) fn new(receiver: Receiver<()>) -> Self {
            Self(Mutex::new(receiver))
        }

        pub(super) fn wait(&self) {
            let _ = self.0.lock().unwrap().recv();
        }
    }
}

// identity case 25
#[tokio::test]
async fn a_call_cancelled_before_the_change_begins_changes_nothing_and_says_so() {
    let inner = Arc::new(MemoryIdentities::new());
    let user = a_user(&inner).await;
    for stage in ["user", "change"] {
        let (reached, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (at, opened) = (reached.clone(), gate.clone());
        let identities = slowly(&inner, move |call| {
            let (at, opened) = (at.clone(), opened.clone());
            async move {
                if call == stage {
                    at.notify_one();
                    opened.notified().await;
                }
            }
        });
        let mut state = on(&identities, fast());
        let token = state.fake.cancellation();
        let cancelling = async {
            reached.notified().await;
            token.cancel();
        };
        let (answer, ()) = tokio::join!(state.link("chat", "a", &user), cancelling);
        assert!(matches!(answer, Err(ErrorCode::Unknown(why)) if why == "cancelled"), "at {stage}");
        let record = state.fake.recorder().audited().pop().unwrap();
        assert_eq!((record.op.function, record.outcome), ("identity-link", Outcome::Cancelled("cancelled")));
        // The store comes to it later, and finds that nobody wants it.
        gate.notify_one();
        let mut later = on(&slowly(&inner, |_| async {}), fast());
        assert!(matches!(later.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
        assert!(!is_linked(&inner, "a").await);
    }
}

/// A store whose change has begun when it waits.
struct Begun {
    inner: Arc<MemoryIdentities>,
    reached: Arc<Notify>,
    opened: Arc<Notify>,
}

impl IdentityStore for Begun {
    fn find<'a>(
        &'a self,
        account: &'a Account,
    ) -> astrid_host_identity::Answer<'a, Option<astrid_host_identity::Found>> {
        self.inner.find(account)
    }

    fn link<'a>(
        &'a self,
        account: &'a Account,
    ) -> astrid_host_identity::Answer<'a, Option<astrid_host_identity::Link>> {
        self.inner.link(account)
    }

    fn user(&self, id: UserId) -> astrid_host_identity::Answer<'_, Option<astrid_host_identity::User>> {
        self.inner.user(id)
    }

    fn links(&self, id: UserId) -> astrid_host_identity::Answer<'_, Option<Vec<astrid_host_identity::Link>>> {
        self.inner.links(id)
    }

    fn users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> astrid_host_identity::Answer<'_, Vec<astrid_host_identity::User>> {
        self.inner.users(after, limit)
    }

    fn change(
        &self,
        change: astrid_host_identity::Change,
        commit: astrid_host_identity::Commit,
    ) -> astrid_host_identity::Answer<'_, u64> {
        Box::pin(async move {
            let done = self.inner.change(change, commit).await;
            self.reached.notify_one();
            self.opened.notified().await;
            done
        })
    }
}

// identity case 25
#[tokio::test]
async fn a_call_cancelled_after_the_change_began_tells_how_it_ended() {
    let inner = Arc::new(MemoryIdentities::new());
    let user = a_user(&inner).await;
    let (reached, opened) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = Begun { inner: inner.clone(), reached: reached.clone(), opened: opened.clone() };
    let identities = Identities::builder(Arc::new(store), Arc::new(ListedPrincipals::new())).build();
    let mut state = on(&identities, fast());
    let token = state.fake.cancellation();
    let cancelling = async {
        reached.notified().await;
        token.cancel();
        tokio::task::yield_now().await;
        opened.notify_one();
    };
    let (answer, ()) = tokio::join!(state.link("chat", "a", &user), cancelling);
    answer.unwrap();
    assert!(is_linked(&inner, "a").await);
    let record = state.fake.recorder().audited().pop().unwrap();
    assert_eq!((record.op.function, record.outcome), ("identity-link", Outcome::Allowed));
}

// identity case 24
#[tokio::test(start_paused = true)]
async fn a_change_that_began_and_does_not_end_is_in_doubt_for_operators_and_unavailable_for_guests() {
    let inner = Arc::new(MemoryIdentities::new());
    let user = a_user(&inner).await;
    let store = Begun { inner: inner.clone(), reached: Arc::default(), opened: Arc::default() };
    let identities = Identities::builder(Arc::new(store), Arc::new(ListedPrincipals::new())).build();
    let mut state = on(&identities, fast());
    let begun = tokio::time::Instant::now();
    let answer = state.link("chat", "a", &user).await;
    assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), 5);
    let record = state.fake.recorder().audited().pop().unwrap();
    assert!(record.detail.unwrap().contains("not known"));
}

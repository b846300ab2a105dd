//! The store of secrets: whose is whose, and one that is slow.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{ErrorCode, Host};
use astrid_host_elicit::{
    AnswerText, BoxFuture, ElicitView, MemorySecrets, Reply, Secrets, SecretsUnavailable, Slot,
};
use astrid_host_testkit::{FakeHost, contract};
use tokio::sync::oneshot;

use crate::common::{desk, install, installing, secret, store, take};

#[tokio::test]
async fn memory_passes_the_suite() {
    contract::elicit::all(async || Arc::new(MemorySecrets::new()) as Arc<dyn Secrets>).await;
}

// elicit case 23
#[tokio::test]
async fn a_secret_is_its_principals_and_its_capsules() {
    let mut desk = installing();
    desk.exchange(secret(), Reply::value("s3cret")).await.unwrap();
    let of = |fake| store(fake, &desk.questions, desk.secrets.clone(), |call| call);
    let has = async |fake| Host::has_secret(&mut of(fake).elicit(), "api_key".to_owned()).await.unwrap();
    assert!(has(FakeHost::builder()).await, "in any context of hers");
    assert!(!has(FakeHost::builder().principal("bob")).await);
    assert!(!has(FakeHost::builder().capsule("other")).await);
    assert!(!has(FakeHost::builder().no_principal()).await);
}

/// A keyring: one thread that takes its time for each call.
struct Keyring(mpsc::Sender<oneshot::Sender<bool>>);

impl Keyring {
    fn new(takes: Duration) -> Self {
        let (calls, todo) = mpsc::channel::<oneshot::Sender<bool>>();
        std::thread::spawn(move || {
            for call in todo {
                std::thread::sleep(takes);
                // Nobody waits for this one any more.
                let _ = call.send(true);
            }
        });
        Self(calls)
    }

    async fn call(&self) -> Result<bool, SecretsUnavailable> {
        let (call, done) = oneshot::channel();
        self.0.send(call).unwrap();
        done.await.map_err(|error| SecretsUnavailable(error.to_string()))
    }
}

impl Secrets for Keyring {
    fn has<'a>(&'a self, _: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>> {
        Box::pin(self.call())
    }

    fn store<'a>(&'a self, _: &'a Slot, _: AnswerText) -> BoxFuture<'a, Result<(), SecretsUnavailable>> {
        Box::pin(async { self.call().await.map(drop) })
    }
}

// elicit case 28
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_that_takes_a_second_a_call_holds_up_nobody_else_and_its_queue_is_bounded() {
    let desk = installing();
    let keyring: Arc<dyn Secrets> = Arc::new(Keyring::new(Duration::from_secs(1)));
    let begun = Instant::now();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let mut state = store(FakeHost::builder(), &desk.questions, keyring.clone(), |call| call);
            tokio::spawn(async move {
                let answer = Host::has_secret(&mut state.elicit(), "k".to_owned()).await;
                (answer, begun.elapsed())
            })
        })
        .collect();
    // Unrelated calls of the same host, meanwhile.
    let mut other = store(FakeHost::builder().no_principal(), &desk.questions, keyring.clone(), |call| call);
    let mut waited = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        tokio::spawn(async {}).await.unwrap();
        assert!(!Host::has_secret(&mut other.elicit(), "k".to_owned()).await.unwrap());
        waited.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever is held up by the keyring is so for a second; what else this machine does holds up some.
    waited.sort();
    assert!(waited[25] < Duration::from_millis(50), "{waited:?}");
    let (mut answered, mut refused_at_once, mut timed_out) = (0, 0, 0);
    for call in calls {
        match call.await.unwrap() {
            (Ok(found), _) => answered += usize::from(found),
            // Who has a place waits for five.
            (Err(ErrorCode::StoreUnavailable), took) if took < Duration::from_millis(4_900) => {
                refused_at_once += 1;
            }
            (Err(ErrorCode::StoreUnavailable), _) => timed_out += 1,
            (other, _) => panic!("{other:?}"),
        }
    }
    assert_eq!((answered + timed_out, refused_at_once), (64, 136));
    // One a second for five; neither begins nor ends on the dot on a busy machine.
    assert!((1..=10).contains(&answered), "{answered}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_unavailable_after_5_seconds() {
    struct Hangs;
    impl Secrets for Hangs {
        fn has<'a>(&'a self, _: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>> {
            Box::pin(std::future::pending())
        }

        fn store<'a>(&'a self, _: &'a Slot, _: AnswerText) -> BoxFuture<'a, Result<(), SecretsUnavailable>> {
            Box::pin(std::future::pending())
        }
    }
    let mut desk = desk(FakeHost::builder(), |q| q, install);
    let mut state = store(FakeHost::builder(), &desk.questions, Arc::new(Hangs), install);
    let begun = tokio::time::Instant::now();
    let mut view = state.elicit();
    let person = async { take(&mut desk.asked).await.answer(Reply::value("s3cret")) };
    let (answer, _) = tokio::join!(Host::elicit(&mut view, secret()), person);
    assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    let answer = Host::has_secret(&mut state.elicit(), "api_key".to_owned()).await;
    assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

//! How long what was looked up for one call is good for the next.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{Cancellation, Principal};
use astrid_principals::{Desk, Principals, Quotas, Tokens};
use tokio::time::Instant;

struct Fixture {
    _root: tempfile::TempDir,
    principals: Principals,
    capsule: Cancellation,
    tokens: Arc<Tokens>,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let principals =
            Principals::open(root.path(), &name("default"), Quotas::default(), u64::MAX).unwrap();
        let capsule = Cancellation::new();
        let tokens = Tokens::new(capsule.clone(), principals.revocations.clone());
        Self { _root: root, principals, capsule, tokens }
    }

    async fn desk(&self, who: &Principal) -> Desk {
        let seen = self.principals.seen();
        let found = self.principals.resolve(who).await.unwrap();
        let token = self.tokens.of(Some(who), found.generation);
        self.principals.desk(Some(who), found, seen, token)
    }

    fn is_current(&self, desk: &Desk) -> bool {
        desk.is_current(&self.principals, Instant::now())
    }
}

fn name(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

// principals case 10
#[tokio::test(start_paused = true)]
async fn a_desk_is_good_until_the_profiles_file_is_to_be_looked_at_again() {
    let on = Fixture::new();
    let desk = on.desk(&name("alice")).await;
    tokio::time::advance(Duration::from_millis(500)).await;
    let later = on.desk(&name("alice")).await;
    assert!(on.is_current(&desk) && on.is_current(&later));
    tokio::time::advance(Duration::from_millis(500)).await;
    assert!(!on.is_current(&desk));
    assert!(!on.is_current(&later), "what was remembered is no younger for being asked again");
}

// principals case 12
#[tokio::test(start_paused = true)]
async fn whatever_changes_for_anybody_makes_every_desk_old() {
    let on = Fixture::new();
    let (alice, bob) = (name("alice"), name("bob"));
    let desk = on.desk(&alice).await;
    on.principals.changed(&bob).await.unwrap();
    assert!(!on.is_current(&desk));

    let desk = on.desk(&alice).await;
    on.principals.revocations.revoke(&bob, 0);
    assert!(!on.is_current(&desk), "a removal that invalidates nothing");

    let seen = on.principals.seen();
    on.principals.profiles.invalidate(&alice);
    let found = on.principals.resolve(&alice).await.unwrap();
    let token = on.tokens.of(Some(&alice), found.generation);
    let desk = on.principals.desk(Some(&alice), found, seen, token);
    assert!(!on.is_current(&desk), "what changed while it was made");
}

// principals case 12
#[tokio::test(start_paused = true)]
async fn the_token_of_a_desk_is_reached_by_every_end_of_its_calls() {
    let on = Fixture::new();
    let alice = name("alice");
    let desk = on.desk(&alice).await;
    on.tokens.retire(&alice);
    assert!(!on.is_current(&desk));
    let desk = on.desk(&alice).await;
    for n in 0..2000 {
        let _ = on.tokens.of(Some(&name(&format!("p{n}"))), 0);
    }
    on.principals.revoke(&alice);
    assert_eq!(desk.token.standing(), astrid_host_context::Standing::Retired, "held, so not forgotten");
    let desk = on.desk(&alice).await;
    on.capsule.cancel();
    assert!(!on.is_current(&desk));
}

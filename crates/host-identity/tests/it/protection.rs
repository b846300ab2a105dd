//! Whose links `link` alone does not change.

use std::sync::Arc;

use astrid_host_context::{Attribution, Outcome};
use astrid_host_identity::op_table::MAY_ADMIN;
use astrid_host_identity::{Identities, LinkPolicy, ListedPrincipals};
use astrid_host_testkit::FakeHostBuilder;

use crate::common::{State, caller, denied, fast, on, proven, with};

/// The operator `root-op`, and bob who is nobody special.
fn directory() -> ListedPrincipals {
    ListedPrincipals::new().protected("op".parse().unwrap()).existing("bob".parse().unwrap())
}

async fn users(identities: &Identities) -> [String; 2] {
    let register =
        async |name: &str| identities.register(name.parse().unwrap(), None).await.unwrap().to_string();
    [register("op").await, register("bob").await]
}

/// A bridge with `link` and no more.
fn bridge(identities: &Arc<Identities>, call: impl FnOnce(FakeHostBuilder) -> FakeHostBuilder) -> State {
    on(identities, call(fast().deny(MAY_ADMIN, "*")))
}

// identity case 18
#[tokio::test]
async fn the_operators_links_are_changed_by_the_operator_proven_or_by_an_admin_capsule() {
    let identities = with(directory());
    let [op, bob] = users(&identities).await;
    let mut as_bob = bridge(&identities, |fake| fake.principal("bob").caller(proven("bob")));
    assert!(denied(&as_bob.link("chat", "evil", &op).await));
    let record = as_bob.fake.recorder().audited().pop().unwrap();
    assert_eq!((record.op.function, record.outcome), ("identity-link", Outcome::Denied("protected")));
    assert!(record.facts.iter().any(|(name, _)| *name == "security"), "{record:?}");
    as_bob.link("chat", "bob", &bob).await.unwrap();

    let mut as_operator = bridge(&identities, |fake| fake.principal("op").caller(proven("op")));
    as_operator.link("chat", "op", &op).await.unwrap();
    assert!(denied(&as_bob.unlink("chat", "op").await));
    as_operator.unlink("chat", "op").await.unwrap();

    let mut admin = on(&identities, fast().principal("bob").caller(proven("bob")));
    admin.link("chat", "op", &op).await.unwrap();
    admin.unlink("chat", "op").await.unwrap();
}

// identity case 18
#[tokio::test]
async fn a_claim_to_be_the_operator_or_a_call_without_a_caller_proves_nothing() {
    let identities = with(directory());
    let [op, _] = users(&identities).await;
    let claimed = Attribution::Claimed("op".parse().unwrap());
    for message in [None, Some(caller(claimed)), Some(caller(Attribution::System)), Some(proven("bob"))] {
        let mut state = bridge(&identities, |fake| {
            let fake = fake.principal("op");
            match message.clone() {
                Some(message) => fake.caller(message),
                None => fake,
            }
        });
        assert!(denied(&state.link("chat", "evil", &op).await), "{message:?}");
    }
    // The proof has to be of whom the call is made for.
    let mut other = bridge(&identities, |fake| fake.principal("bob").caller(proven("op")));
    assert!(denied(&other.link("chat", "evil", &op).await));
}

// identity case 19
#[tokio::test]
async fn an_operator_can_extend_the_rule_to_everybody() {
    let identities = with(directory().policy(LinkPolicy::SamePrincipal));
    let [_, bob] = users(&identities).await;
    let mut as_alice = bridge(&identities, |fake| fake.caller(proven("alice")));
    assert!(denied(&as_alice.link("chat", "b", &bob).await));
    let mut as_bob = bridge(&identities, |fake| fake.principal("bob").caller(proven("bob")));
    as_bob.link("chat", "b", &bob).await.unwrap();
    assert!(denied(&as_alice.unlink("chat", "b").await));
    on(&identities, fast()).unlink("chat", "b").await.unwrap();
}

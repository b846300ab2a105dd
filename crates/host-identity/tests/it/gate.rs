//! Who may call what.

use std::sync::Arc;

use astrid_host_context::Refusal;
use astrid_host_identity::op_table::{MAY_ADMIN, MAY_LINK, MAY_RESOLVE};
use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;
use astrid_host_identity::{Error, Identities, IdentityView, ListedPrincipals, MemoryIdentities};
use astrid_host_testkit::{FakeHost, FakeHostBuilder, Told};

use crate::common::{Slowly, denied, memory, on};

/// A host whose gate grants no more than a level, in the words of the manifest.
fn granted(level: Option<&str>) -> FakeHostBuilder {
    let all = [("resolve", MAY_RESOLVE), ("link", MAY_LINK), ("admin", MAY_ADMIN)];
    let held = level.map_or(0, |level| 1 + all.iter().position(|(word, _)| *word == level).unwrap());
    all.iter().skip(held).fold(FakeHost::builder(), |fake, (_, action)| fake.deny(*action, "*"))
}

// identity case 1
#[tokio::test]
async fn without_a_grant_everything_is_denied_before_arguments_and_store_are_looked_at() {
    let untouched = |call: &'static str| async move { panic!("the store was asked for {call}") };
    let store = Slowly { inner: Arc::new(MemoryIdentities::new()), before: untouched };
    let identities = Identities::builder(Arc::new(store), Arc::new(ListedPrincipals::new())).build();
    let mut state = on(&identities, granted(None));
    let user = "00000000-0000-4000-8000-000000000000";
    let well_formed = [
        state.resolve("chat", "a").await.err(),
        state.link("chat", "a", user).await.err(),
        state.unlink("chat", "a").await.err(),
        state.create(None).await.err(),
        state.list(user).await.err(),
    ];
    for answer in well_formed.into_iter().chain(state.nonsense().await) {
        assert!(matches!(answer, Some(ErrorCode::CapabilityDenied)), "{answer:?}");
    }
    // The gate is asked before the record is the only other thing that is told.
    let told = state.fake.recorder().told();
    assert_eq!(told.len(), 20);
    for pair in told.chunks(2) {
        assert!(matches!(pair, [Told::Policy { allowed: false, .. }, Told::Audit(_)]), "{pair:?}");
    }
}

// identity case 2
#[tokio::test]
async fn each_level_includes_the_ones_below_and_nothing_more() {
    let identities = memory();
    let user = on(&identities, FakeHost::builder()).create(None).await.unwrap();
    for (level, may) in
        [("resolve", [true, false, false]), ("link", [true, true, false]), ("admin", [true; 3])]
    {
        let mut state = on(&identities, granted(Some(level)).capsule(level));
        let [may_resolve, may_link, may_create] = may;
        assert_eq!(denied(&state.resolve("chat", "a").await), !may_resolve, "{level}");
        assert_eq!(denied(&state.link("chat", level, &user).await), !may_link, "{level}");
        assert_eq!(denied(&state.list(&user).await), !may_link, "{level}");
        assert_eq!(denied(&state.unlink("chat", level).await), !may_link, "{level}");
        assert_eq!(denied(&state.create(None).await), !may_create, "{level}");
    }
}

#[tokio::test]
async fn a_retired_invocation_has_no_authority_left() {
    let identities = memory();
    let mut state = on(&identities, FakeHost::builder());
    let user = state.create(None).await.unwrap();
    state.fake.cancellation().retire();
    for answer in state.nonsense().await {
        assert!(matches!(answer, Some(ErrorCode::CapabilityDenied)), "{answer:?}");
    }
    assert!(denied(&state.link("chat", "a", &user).await));
    let refused = state.identity().resolve("chat", "a").await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Retired))), "{refused:?}");
}

#[tokio::test]
async fn with_a_grant_nonsense_is_invalid_input() {
    let mut state = on(&memory(), FakeHost::builder());
    for answer in state.nonsense().await {
        assert!(matches!(answer, Some(ErrorCode::InvalidInput)), "{answer:?}");
    }
}

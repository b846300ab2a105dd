//! Whose consent is whose.

use std::sync::Arc;

use astrid_host_approval::{AllowanceStore, Approvals, MemoryGrants, Reply};
use astrid_host_testkit::{FakeHost, contract};

use crate::common::{Desk, Person, desk_with, remembers, store, store_in};

#[tokio::test]
async fn memory_passes_the_suite() {
    contract::approval::all(async || Arc::new(MemoryGrants::new()) as Arc<_>).await;
}

// approval cases 7, 8
#[tokio::test]
async fn consent_for_good_is_its_principals_its_capsules_and_its_projects_and_survives_the_host() {
    let grants = Arc::new(MemoryGrants::new());
    let with = |grants: &Arc<MemoryGrants>| Arc::new(AllowanceStore::new(grants.clone()));
    let mut desk = desk_with(FakeHost::builder(), |approvals| approvals.store(with(&grants)));
    desk.exchange("git push", "git push", Reply::Always).await.unwrap();
    desk.exchange("git pull", "git pull", Reply::Session).await.unwrap();
    // The host starts again, and nobody is there.
    let (person, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let approvals = Approvals::builder(Arc::new(Person(person))).store(with(&grants)).build();
    let mut again = store(FakeHost::builder(), &approvals);
    assert!(remembers(&mut again, &mut asked, "git push x").await);
    assert!(!remembers(&mut again, &mut asked, "git pull x").await, "that was for the session");
    for mut other in [
        store(FakeHost::builder().principal("bob"), &approvals),
        store(FakeHost::builder().capsule("other"), &approvals),
        store_in("/other", FakeHost::builder(), &approvals),
    ] {
        assert!(!remembers(&mut other, &mut asked, "git push x").await);
    }
}

// approval case 8, of the session
#[tokio::test]
async fn consent_for_the_session_is_its_principals_its_capsules_and_its_projects() {
    let Desk { approvals, mut asked, mut state } = Desk::with_session().await;
    for mut other in [
        store(FakeHost::builder().principal("bob"), &approvals),
        store(FakeHost::builder().capsule("other"), &approvals),
        store_in("/other", FakeHost::builder(), &approvals),
    ] {
        assert!(!remembers(&mut other, &mut asked, "git push x").await);
    }
    assert!(remembers(&mut state, &mut asked, "git push x").await);
    let mut pooled = store(FakeHost::builder(), &approvals);
    assert!(remembers(&mut pooled, &mut asked, "git push x").await, "another instance of the same capsule");
}

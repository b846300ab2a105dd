//! Many at once, through the whole view.

use std::sync::Arc;

use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;
use tokio::sync::Barrier;

use crate::common::{fast, memory, on};

// identity case 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_links_of_one_account_one_is_made() {
    let identities = memory();
    let mut state = on(&identities, fast());
    let mut users = Vec::new();
    for _ in 0..100 {
        users.push(state.create(None).await.unwrap());
    }
    let together = Arc::new(Barrier::new(100));
    let tasks: Vec<_> = users
        .iter()
        .map(|user| {
            let (mut state, user, together) = (on(&identities, fast()), user.clone(), together.clone());
            tokio::spawn(async move {
                together.wait().await;
                state.link("chat", "a", &user).await.map(|()| user)
            })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(user) => won.push(user),
            Err(ErrorCode::AlreadyLinked) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(state.resolve("chat", "a").await.unwrap().0, won[0]);
    let mut listed = 0;
    for user in &users {
        listed += state.list(user).await.unwrap().len();
    }
    assert_eq!(listed, 1);
}

// identity case 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_looks_up_after_an_acknowledged_change_sees_what_was_before() {
    let identities = memory();
    let mut state = on(&identities, fast());
    let user = state.create(None).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (mut state, stop) = (on(&identities, fast()), stop.clone());
            tokio::spawn(async move {
                // Fills the cache at every moment there is.
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(state.resolve("chat", "a").await);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..500 {
        state.link("chat", "a", &user).await.unwrap();
        assert_eq!(state.resolve("chat", "a").await.unwrap().0, user);
        state.unlink("chat", "a").await.unwrap();
        assert!(matches!(state.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}

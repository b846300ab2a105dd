//! Users that guests create, and the principals reserved for them.

use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;
use astrid_host_identity::{ListedPrincipals, StoreError, UserId};

use crate::common::{fast, memory, on, principal, with};

// identity case 3
#[tokio::test]
async fn a_new_user_has_a_random_uuid_and_no_links() {
    let mut state = on(&memory(), fast());
    let id = state.create(None).await.unwrap();
    assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "{id}");
    assert_eq!(id, id.to_lowercase());
    assert!(state.list(&id).await.unwrap().is_empty());
    assert_ne!(state.create(None).await.unwrap(), id);
}

// identity case 15
#[tokio::test]
async fn a_display_name_is_checked_and_stored_trimmed() {
    let mut state = on(&memory(), fast());
    for bad in ["", "  ", "a\u{7}b", "a\nb", "\nAda", "a\0", "a\u{202e}b", &"x".repeat(129)] {
        let refused = state.create(Some(bad)).await;
        assert!(matches!(refused, Err(ErrorCode::InvalidInput)), "{bad:?}: {refused:?}");
    }
    for (n, (name, stored)) in
        [(" Ada ", "Ada"), (&*"é".repeat(128), &*"é".repeat(128))].into_iter().enumerate()
    {
        let user = state.create(Some(name)).await.unwrap();
        state.link("chat", &n.to_string(), &user).await.unwrap();
        assert_eq!(state.resolve("chat", &n.to_string()).await.unwrap(), (user, Some(stored.to_owned())));
    }
    let unnamed = state.create(None).await.unwrap();
    state.link("chat", "unnamed", &unnamed).await.unwrap();
    assert_eq!(state.resolve("chat", "unnamed").await.unwrap(), (unnamed, None));
}

// identity case 16
#[tokio::test]
async fn two_users_of_one_name_are_two_with_a_principal_each() {
    let identities = memory();
    let mut state = on(&identities, fast());
    let (first, second) =
        (state.create(Some("Alice")).await.unwrap(), state.create(Some("Alice")).await.unwrap());
    assert_ne!(first, second);
    assert_eq!(principal(&identities, &first).await, "alice");
    assert_eq!(principal(&identities, &second).await, format!("alice-{}", &second[..8]));
}

// identity case 17
#[tokio::test]
async fn a_name_never_selects_a_reserved_or_an_existing_principal() {
    let existing = ["bob", "carol"].map(|name| name.parse().unwrap());
    let identities = with(existing.iter().cloned().fold(ListedPrincipals::new(), ListedPrincipals::existing));
    let mut state = on(&identities, fast());
    for name in ["default", "admin", "__host__", "Bob", "carol!", "ROOT", "kernel", "system", "anonymous"] {
        let id = state.create(Some(name)).await.unwrap();
        let principal = principal(&identities, &id).await;
        assert!(principal.ends_with(&format!("-{}", &id[..8])), "{name}: {principal}");
        assert!(existing.iter().all(|existing| existing.as_str() != principal), "{principal}");
    }
}

#[tokio::test]
async fn where_every_name_is_taken_no_user_is_created() {
    struct Everybody;
    impl astrid_host_identity::PrincipalDirectory for Everybody {
        fn is_protected<'a>(
            &'a self,
            _: &'a astrid_host_context::Principal,
        ) -> astrid_host_identity::Judging<'a> {
            Box::pin(std::future::ready(true))
        }

        fn is_taken<'a>(
            &'a self,
            _: &'a astrid_host_context::Principal,
        ) -> astrid_host_identity::Judging<'a> {
            Box::pin(std::future::ready(true))
        }
    }
    let store = std::sync::Arc::new(astrid_host_identity::MemoryIdentities::new());
    let identities = astrid_host_identity::Identities::builder(store, std::sync::Arc::new(Everybody)).build();
    let refused = on(&identities, fast()).create(Some("Ada")).await;
    assert!(matches!(refused, Err(ErrorCode::StoreUnavailable)), "{refused:?}");
    assert!(identities.users(None, 10).await.unwrap().is_empty());
}

// identity case 22
#[tokio::test]
async fn a_deleted_users_accounts_are_free_at_once_and_nobody_can_be_linked_to_it() {
    let identities = memory();
    let mut state = on(&identities, fast());
    let user = state.create(Some("Ada")).await.unwrap();
    for id in ["a", "b"] {
        state.link("chat", id, &user).await.unwrap();
        state.resolve("chat", id).await.unwrap();
    }
    assert_eq!(identities.delete(UserId::parse(&user).unwrap()).await, Ok(2));
    for id in ["a", "b"] {
        assert!(matches!(state.resolve("chat", id).await, Err(ErrorCode::LinkNotFound)));
        assert!(matches!(state.link("chat", id, &user).await, Err(ErrorCode::UserNotFound)));
    }
    assert!(matches!(state.list(&user).await, Err(ErrorCode::UserNotFound)));
    let next = state.create(Some("Ada")).await.unwrap();
    assert_eq!(principal(&identities, &next).await, "ada");
    state.link("chat", "a", &next).await.unwrap();
    assert_eq!(state.resolve("chat", "a").await.unwrap().0, next);
    assert_eq!(identities.delete(UserId::parse(&user).unwrap()).await, Err(StoreError::NoUser));
}

#[tokio::test]
async fn an_operator_gives_an_existing_principal_its_one_user() {
    let identities = with(ListedPrincipals::new().protected("default".parse().unwrap()));
    let id = identities.register("default".parse().unwrap(), None).await.unwrap();
    assert_eq!(principal(&identities, &id.to_string()).await, "default");
    for taken in ["default", "anonymous"] {
        let again = identities.register(taken.parse().unwrap(), None).await;
        assert_eq!(again, Err(StoreError::PrincipalTaken));
    }
}

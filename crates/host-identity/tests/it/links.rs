//! Links as guests make, find, list and remove them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_host_identity::v1_0::bindings::astrid::identity::host::{ErrorCode, PlatformLink};
use astrid_host_identity::{Identities, ListedPrincipals, MemoryIdentities, UserId};

use crate::common::{State, fast, memory, on};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn with_user() -> (State, String) {
    let mut state = on(&memory(), fast());
    let user = state.create(None).await.unwrap();
    (state, user)
}

fn is_stamp(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == shape.len()
        && text
            .chars()
            .zip(shape.chars())
            .all(|(c, like)| if like == 'd' { c.is_ascii_digit() } else { c == like })
}

// identity cases 4, 5
#[tokio::test]
async fn a_link_is_found_by_the_platform_in_any_case_and_the_account_in_exactly_its_own() {
    let (mut state, user) = with_user().await;
    assert!(matches!(state.resolve("discord", "123").await, Err(ErrorCode::LinkNotFound)));
    state.link("Discord ", "123", &user).await.unwrap();
    for platform in ["discord", "DISCORD", " Discord"] {
        assert_eq!(state.resolve(platform, "123").await.unwrap().0, user);
    }
    for other in ["123 ", " 123", "1234", "12"] {
        assert!(matches!(state.resolve("discord", other).await, Err(ErrorCode::LinkNotFound)), "{other:?}");
    }
    let links = state.list(&user).await.unwrap();
    let [PlatformLink { platform, platform_user_id, linked_at, method }] = &links[..] else {
        panic!("{links:?}")
    };
    assert_eq!((&**platform, &**platform_user_id, &**method), ("discord", "123", "chat_command"));
    assert!(is_stamp(linked_at), "{linked_at}");
}

// identity case 6
#[tokio::test]
async fn an_account_that_is_linked_is_linked_to_nobody_else_and_not_again() {
    let (mut state, user) = with_user().await;
    let other = state.create(None).await.unwrap();
    state.link_by("chat", "a", &user, "passkey").await.unwrap();
    let before = state.list(&user).await.unwrap();
    for whose in [&user, &other] {
        assert!(matches!(state.link("chat", "a", whose).await, Err(ErrorCode::AlreadyLinked)));
    }
    assert_eq!(format!("{:?}", state.list(&user).await.unwrap()), format!("{before:?}"));
    assert!(state.list(&other).await.unwrap().is_empty());
}

// identity case 8
#[tokio::test]
async fn a_link_needs_a_user_that_is_there_in_any_form_of_a_uuid() {
    let (mut state, user) = with_user().await;
    assert!(matches!(state.link("chat", "a", NOBODY).await, Err(ErrorCode::UserNotFound)));
    for bad in ["abc", "", &format!("{user}0"), &user[1..]] {
        assert!(matches!(state.link("chat", "a", bad).await, Err(ErrorCode::InvalidInput)), "{bad:?}");
    }
    let forms =
        [user.to_uppercase(), format!("{{{user}}}"), user.replace('-', ""), format!("urn:uuid:{user}")];
    for (n, form) in forms.iter().enumerate() {
        state.link("chat", &n.to_string(), form).await.unwrap();
        assert_eq!(state.resolve("chat", &n.to_string()).await.unwrap().0, user);
    }
}

// identity case 9
#[tokio::test]
async fn a_removed_link_is_gone_for_the_next_look_up_and_can_be_made_anew() {
    let identities = memory();
    let (mut state, mut other) = (on(&identities, fast()), on(&identities, fast().capsule("other")));
    let user = state.create(None).await.unwrap();
    assert!(matches!(other.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    state.link("chat", "a", &user).await.unwrap();
    assert_eq!(other.resolve("chat", "a").await.unwrap().0, user);
    state.unlink(" CHAT", "a").await.unwrap();
    assert!(matches!(other.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    assert!(matches!(state.unlink("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    state.link("chat", "a", &user).await.unwrap();
    assert_eq!(other.resolve("chat", "a").await.unwrap().0, user);
}

// identity case 10
#[tokio::test]
async fn links_are_listed_of_users_that_are_there() {
    let (mut state, _) = with_user().await;
    assert!(matches!(state.list(NOBODY).await, Err(ErrorCode::UserNotFound)));
    assert!(matches!(state.list("x").await, Err(ErrorCode::InvalidInput)));
}

// identity case 11
#[tokio::test]
async fn a_platform_is_a_short_plain_word() {
    let (mut state, user) = with_user().await;
    for bad in ["", " ", "dis/cord", "dïscord", "-x", ".x", "a b", &"x".repeat(65)] {
        assert!(matches!(state.resolve(bad, "a").await, Err(ErrorCode::InvalidInput)), "{bad:?}");
        assert!(matches!(state.link(bad, "a", &user).await, Err(ErrorCode::InvalidInput)), "{bad:?}");
        assert!(matches!(state.unlink(bad, "a").await, Err(ErrorCode::InvalidInput)), "{bad:?}");
    }
    for good in ["9.a_b-c", &"x".repeat(64)] {
        state.link(good, "a", &user).await.unwrap();
    }
}

// identity case 12
#[tokio::test]
async fn an_account_is_opaque_text_that_people_can_read() {
    let (mut state, user) = with_user().await;
    for bad in ["", " ", "a\0", "a\n", "a\u{202e}b", "a\u{2066}b", "\u{7f}", &"x".repeat(257)] {
        assert!(matches!(state.resolve("chat", bad).await, Err(ErrorCode::InvalidInput)), "{bad:?}");
        assert!(matches!(state.link("chat", bad, &user).await, Err(ErrorCode::InvalidInput)), "{bad:?}");
        assert!(matches!(state.unlink("chat", bad).await, Err(ErrorCode::InvalidInput)), "{bad:?}");
    }
    let good = ["@bob:matrix.org/x", " A b ", "é", &"x".repeat(256)];
    for id in good {
        state.link("chat", id, &user).await.unwrap();
    }
    let mut listed: Vec<_> =
        state.list(&user).await.unwrap().into_iter().map(|link| link.platform_user_id).collect();
    listed.sort();
    let mut expected = good.map(str::to_owned);
    expected.sort();
    assert_eq!(listed, expected);
}

// identity case 14
#[tokio::test]
async fn a_method_is_a_short_plain_word_stored_in_lower_case() {
    let (mut state, user) = with_user().await;
    for bad in ["", " ", "a b", "a/b", "é", &"x".repeat(65)] {
        let refused = state.link_by("chat", "a", &user, bad).await;
        assert!(matches!(refused, Err(ErrorCode::InvalidInput)), "{bad:?}");
    }
    state.link_by("chat", "a", &user, " Passkey ").await.unwrap();
    assert_eq!(state.list(&user).await.unwrap()[0].method, "passkey");
}

// identity case 20
#[tokio::test]
async fn a_user_has_256_links_at_most_and_a_removed_one_makes_room() {
    let (mut state, user) = with_user().await;
    for n in 0..256 {
        state.link("chat", &n.to_string(), &user).await.unwrap();
    }
    let beyond = state.link("chat", "256", &user).await;
    assert!(matches!(beyond, Err(ErrorCode::Unknown(why)) if why == "link limit reached"));
    state.unlink("chat", "0").await.unwrap();
    state.link("chat", "256", &user).await.unwrap();
    assert_eq!(state.list(&user).await.unwrap().len(), 256);
}

// identity case 21
#[tokio::test]
async fn links_are_listed_oldest_first_and_those_of_one_moment_by_platform_and_account() {
    let now = Arc::new(std::sync::atomic::AtomicU64::new(1_000));
    let clock = now.clone();
    let identities =
        Identities::builder(Arc::new(MemoryIdentities::new()), Arc::new(ListedPrincipals::new()))
            .clock(Arc::new(move || {
                let millis = clock.load(std::sync::atomic::Ordering::Relaxed);
                SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
            }))
            .build();
    let mut state = on(&identities, fast());
    let user = state.create(None).await.unwrap();
    for (at, platform, id) in [(1_000, "z", "1"), (2_000, "a", "1"), (3_000, "m", "1")] {
        now.store(at, std::sync::atomic::Ordering::Relaxed);
        state.link(platform, id, &user).await.unwrap();
    }
    for (platform, id) in [("b", "2"), ("b", "1"), ("ab", "9")] {
        state.link(platform, id, &user).await.unwrap();
    }
    let listed = state.list(&user).await.unwrap();
    let order: Vec<_> = listed.iter().map(|link| (&*link.platform, &*link.platform_user_id)).collect();
    assert_eq!(order, [("z", "1"), ("a", "1"), ("ab", "9"), ("b", "1"), ("b", "2"), ("m", "1")]);
    assert_eq!(listed[0].linked_at, "1970-01-01T00:00:01.000Z");
}

#[tokio::test]
async fn who_made_a_link_is_kept_for_the_rule_of_uplinks() {
    let identities = memory();
    let mut state = on(&identities, fast().capsule("bridge").principal("bob"));
    let user = state.create(Some("Ada")).await.unwrap();
    state.link("chat", "a", &user).await.unwrap();
    let links = identities.links(UserId::parse(&user).unwrap()).await.unwrap().unwrap();
    let made_by = &links[0].made_by;
    assert_eq!(made_by.capsule.as_ref().unwrap().as_str(), "bridge");
    assert_eq!(made_by.principal.as_ref().unwrap().as_str(), "bob");
}

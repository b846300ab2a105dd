//! `uplink-register`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_context::Outcome;
use astrid_host_testkit::FakeHost;
use astrid_host_uplink::op_table::{MAY_REGISTER, MAY_SEND};
use astrid_host_uplink::v1_0::bindings::astrid::uplink::host::{ErrorCode, Host, UplinkProfile};
use astrid_host_uplink::{Profile, UplinkView};
use common::{State, host, host_with};

async fn register(state: &mut State, name: &str, platform: &str) -> Result<String, ErrorCode> {
    state.uplink().uplink_register(name.to_owned(), platform.to_owned(), UplinkProfile::Chat).await
}

fn invalid<T: std::fmt::Debug>(result: Result<T, ErrorCode>) {
    assert!(matches!(result, Err(ErrorCode::InvalidInput)), "{result:?}");
}

// uplink case 1
#[tokio::test]
async fn without_the_flag_both_calls_are_denied_before_any_syntax() {
    let (mut state, _kernel) = host(FakeHost::builder().deny(MAY_REGISTER, "*").deny(MAY_SEND, "*"));
    for (name, platform) in [("a", "cli"), ("", "///")] {
        let denied = register(&mut state, name, platform).await;
        assert!(matches!(denied, Err(ErrorCode::CapabilityDenied)), "{denied:?}");
    }
    let denied = state.uplink().uplink_send("not-a-uuid".into(), "u".into(), "x".into()).await;
    assert!(matches!(denied, Err(ErrorCode::CapabilityDenied)), "{denied:?}");
}

// uplink case 2
#[tokio::test]
async fn an_endpoint_gets_an_id_and_keeps_the_normalised_platform() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let id = register(&mut state, " bot ", "Discord ").await.unwrap();
    assert_eq!(id.len(), 36);
    let listed = state.ctx.uplinks().list();
    assert_eq!((listed[0].name.as_str(), listed[0].platform.as_str()), ("bot", "discord"));
    assert_eq!(listed[0].id.to_string(), id);
    assert_eq!(uuid::Uuid::from(listed[0].id).get_version_num(), 4);
}

// uplink cases 3, 4, 5
#[tokio::test]
async fn names_and_platforms_are_checked_to_the_character() {
    let (mut state, _kernel) = host(FakeHost::builder());
    for (name, platform) in [("", "cli"), ("  ", "cli"), ("a", ""), ("a", " \t")] {
        invalid(register(&mut state, name, platform).await);
    }
    for name in ["a\0b", "a\nb", "a\u{202e}b", &"é".repeat(129)] {
        invalid(register(&mut state, name, "cli").await);
    }
    for platform in ["dis/cord", "dïscord", "-x", "a b", &"a".repeat(65)] {
        invalid(register(&mut state, "a", platform).await);
    }
    assert!(register(&mut state, &"é".repeat(128), "cli").await.is_ok());
    assert!(register(&mut state, "a", &"a".repeat(64)).await.is_ok());
    assert!(register(&mut state, "a", "0._-").await.is_ok());
}

// uplink case 6
#[tokio::test]
async fn one_name_is_taken_once_a_platform() {
    let (mut state, _kernel) = host(FakeHost::builder());
    register(&mut state, "bot", "discord").await.unwrap();
    invalid(register(&mut state, " bot", "DISCORD").await);
    register(&mut state, "bot", "telegram").await.unwrap();
    register(&mut state, "Bot", "discord").await.unwrap();
}

// uplink case 7, security-gate case 27
#[tokio::test]
async fn the_33rd_endpoint_is_over_the_quota_of_its_capsule_alone() {
    let (mut state, _kernel) = host(FakeHost::builder());
    for n in 0..32 {
        register(&mut state, &format!("n{n}"), "cli").await.unwrap();
    }
    let over = state.uplink().register("n32", "cli", Profile::Chat).unwrap_err();
    assert!(over.to_string().contains("32"), "{over}");
    assert!(matches!(register(&mut state, "n32", "cli").await, Err(ErrorCode::Quota)));
    let (mut other, _kernel) = host(FakeHost::builder().capsule("other"));
    register(&mut other, "n32", "cli").await.unwrap();
}

// uplink case 8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_registrations_are_counted_exactly() {
    let (state, _kernel) = host(FakeHost::builder());
    let at_once = |names: Vec<String>| {
        let tasks: Vec<_> = names
            .into_iter()
            .map(|name| {
                let ctx = state.ctx.clone();
                let mut other = State { fake: FakeHost::builder().build(), ctx };
                tokio::spawn(async move { register(&mut other, &name, "cli").await })
            })
            .collect();
        async move {
            let mut results = Vec::new();
            for task in tasks {
                results.push(task.await.unwrap());
            }
            results
        }
    };
    let twice = at_once(vec!["same".to_owned(); 2]).await;
    assert_eq!(twice.iter().filter(|r| r.is_ok()).count(), 1);
    assert_eq!(twice.iter().filter(|r| matches!(r, Err(ErrorCode::InvalidInput))).count(), 1);
    let many = at_once((0..39).map(|n| format!("n{n}")).collect()).await;
    assert_eq!(many.iter().filter(|r| r.is_ok()).count(), 31);
    assert_eq!(many.iter().filter(|r| matches!(r, Err(ErrorCode::Quota))).count(), 8);
}

// uplink case 9
#[tokio::test]
async fn every_profile_registers_unless_the_operator_forbids_it() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let profiles =
        [UplinkProfile::Chat, UplinkProfile::Interactive, UplinkProfile::Notify, UplinkProfile::Bridge];
    for (n, profile) in profiles.into_iter().enumerate() {
        state.uplink().uplink_register(format!("n{n}"), "cli".into(), profile).await.unwrap();
    }
    let (mut strict, _kernel) =
        host_with(FakeHost::builder(), |builder| builder.forbidden_profiles([Profile::Bridge]));
    let bridge = strict.uplink().uplink_register("a".into(), "cli".into(), UplinkProfile::Bridge).await;
    assert!(matches!(bridge, Err(ErrorCode::InvalidProfile)), "{bridge:?}");
    register(&mut strict, "a", "cli").await.unwrap();
    let (mut blocked, _kernel) = host(FakeHost::builder().deny(MAY_REGISTER, "uplink:cli:a"));
    assert!(matches!(register(&mut blocked, "a", "CLI").await, Err(ErrorCode::CapabilityDenied)));
    register(&mut blocked, "b", "cli").await.unwrap();
}

// uplink case 13
#[tokio::test]
async fn endpoints_belong_to_the_load_and_not_to_the_instance() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let id = register(&mut state, "bot", "chat").await.unwrap();
    let mut fresh = State { fake: FakeHost::builder().build(), ctx: state.ctx.clone() };
    drop(state);
    assert!(fresh.uplink().send(&id, "@a", "hi".into()).await.unwrap());
    invalid(register(&mut fresh, "bot", "chat").await);
}

// uplink case 12
#[tokio::test]
async fn a_reload_forgets_endpoints_and_the_name_is_free_again() {
    let (mut old, _kernel) = host(FakeHost::builder());
    let id = register(&mut old, "bot", "chat").await.unwrap();
    let (mut new, _kernel) = host(FakeHost::builder());
    let gone = new.uplink().uplink_send(id.clone(), "@a".into(), "hi".into()).await;
    assert!(matches!(gone, Err(ErrorCode::UnknownUplink)), "{gone:?}");
    assert_ne!(register(&mut new, "bot", "chat").await.unwrap(), id);
}

#[tokio::test]
async fn a_registration_and_its_denial_are_recorded_with_all_that_was_asked() {
    let (mut state, _kernel) = host(FakeHost::builder().deny(MAY_REGISTER, "uplink:bad:bot"));
    let id = register(&mut state, "bot", "Chat").await.unwrap();
    register(&mut state, "bot", "bad").await.unwrap_err();
    let records = state.fake.recorder().audited();
    assert_eq!(records.len(), 2);
    let facts = |n: usize| records[n].facts.clone();
    for fact in [("name", "bot"), ("platform", "Chat"), ("profile", "chat"), ("uplink", id.as_str())] {
        assert!(facts(0).contains(&(fact.0, fact.1.to_owned())), "{fact:?}");
    }
    assert!(facts(1).contains(&("platform", "bad".to_owned())));
    assert!(matches!(records[1].outcome, Outcome::Denied(_)));
}

#[tokio::test]
async fn nothing_is_registered_unrecorded_or_by_a_call_that_is_over() {
    let (mut state, _kernel) = host(FakeHost::builder());
    state.fake.recorder().refuse_records(true);
    let refused = register(&mut state, "bot", "chat").await;
    assert!(matches!(&refused, Err(ErrorCode::Unknown(text)) if text == "audit unavailable"), "{refused:?}");
    state.fake.recorder().refuse_records(false);
    state.fake.cancellation().cancel();
    assert!(matches!(register(&mut state, "bot", "chat").await, Err(ErrorCode::CapabilityDenied)));
    assert!(state.ctx.uplinks().list().is_empty());
}

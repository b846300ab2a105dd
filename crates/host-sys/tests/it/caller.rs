//! `get-caller`.

use std::time::{Duration, UNIX_EPOCH};

use crate::common::state;
use astrid_host_context::{Attribution, Caller, Principal, Provenance, Trail, Uuid};
use astrid_host_sys::{CallerInfo, SysCtx, SysView};
use astrid_host_testkit::FakeHost;

fn message(of: Attribution) -> Caller {
    let at = UNIX_EPOCH + Duration::new(1_795_076_130, 123_456_789);
    Caller { provenance: Provenance::of(of), source: Uuid::from_u128(0xab), at, trail: Trail::default() }
}

// sys case 11
#[test]
fn the_caller_is_the_message_in_scope_and_empty_without_one() {
    let mut without = state(FakeHost::builder(), SysCtx::builder());
    assert_eq!(without.sys().get_caller(), CallerInfo::default());
    let alice = Attribution::Verified(Principal::parse("alice").unwrap());
    let mut with = state(FakeHost::builder().caller(message(alice)), SysCtx::builder());
    let caller = with.sys().get_caller();
    assert_eq!(caller.principal.as_deref(), Some("alice"));
    assert_eq!(caller.source_id, "00000000-0000-0000-0000-0000000000ab");
    assert_eq!(caller.timestamp, "2026-11-19T08:15:30.123456789+00:00");
}

// sys case 13
#[test]
fn a_message_without_a_valid_principal_is_nobodys_and_not_the_owners() {
    let fake = FakeHost::builder().principal("default").caller(message(Attribution::System));
    let mut state = state(fake, SysCtx::builder());
    state.fake.set_call(|call| call.without_authority());
    assert_eq!(state.sys().get_caller().principal, None);
}

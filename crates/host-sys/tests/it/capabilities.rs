//! `check-capsule-capability` and `enumerate-capabilities`.

use std::sync::Arc;

use crate::common::state;
use astrid_host_context::{Principal, Uuid};
use astrid_host_sys::{Registry, RegistryUnavailable, SysCtx, SysCtxBuilder, SysView, arms};
use astrid_host_testkit::FakeHost;

const OWN: Uuid = Uuid::from_u128(0xfa4e);
const OTHER: Uuid = Uuid::from_u128(0xab_cdef);

/// Knows one other capsule, which only bob sees.
struct OnlyBob;

impl Registry for OnlyBob {
    fn holds(
        &self,
        viewer: Option<&Principal>,
        capsule: Uuid,
        capability: &str,
    ) -> Result<bool, RegistryUnavailable> {
        let seen = viewer.is_some_and(|viewer| viewer.as_str() == "bob");
        Ok(seen && capsule == OTHER && capability == "allow_prompt_injection")
    }
}

fn holding() -> SysCtxBuilder {
    SysCtx::builder().capabilities(["uplink", "fs_read"].map(str::to_owned))
}

// sys cases 33, 34 and 36
#[test]
fn of_itself_a_capsule_holds_exactly_what_it_enumerates_even_without_a_registry() {
    let mut state_ = state(FakeHost::builder(), holding());
    assert_eq!(state_.sys().enumerate_capabilities(), ["fs_read", "uplink"]);
    for own in [OWN.to_string(), OWN.to_string().to_uppercase()] {
        for (name, held) in
            [("fs_read", true), ("uplink", true), ("net", false), ("", false), ("FS_READ", false)]
        {
            assert_eq!(state_.sys().check_capability(&own, name).unwrap(), held, "{name}");
        }
    }
    let error = state_.sys().check_capability(&OTHER.to_string(), "uplink").unwrap_err();
    assert_eq!(arms::V1_0::from(&error), arms::V1_0::RegistryUnavailable);
    assert!(state(FakeHost::builder(), SysCtx::builder()).sys().enumerate_capabilities().is_empty());
}

// sys cases 35 and 37
#[test]
fn of_another_capsule_only_what_the_principal_may_see_is_true() {
    let mut state = state(FakeHost::builder(), holding().registry(Arc::new(OnlyBob)));
    let (other, upper) = (OTHER.to_string(), OTHER.to_string().to_uppercase());
    let unknown = Uuid::from_u128(9).to_string();
    for (principal, sees) in [("alice", false), ("bob", true)] {
        state.fake.serve(principal);
        for (capsule, name, held) in [
            (other.as_str(), "allow_prompt_injection", sees),
            (&upper, "allow_prompt_injection", sees),
            (&other, "uplink", false),
            (&unknown, "allow_prompt_injection", false),
            ("not-a-uuid", "uplink", false),
            ("", "uplink", false),
        ] {
            assert_eq!(state.sys().check_capability(capsule, name).unwrap(), held, "{principal} {capsule}");
        }
    }
}

// sys case 38
#[test]
fn a_retired_principal_is_refused_and_holds_nothing() {
    let mut state = state(FakeHost::builder(), holding());
    state.fake.cancellation().retire();
    let error = state.sys().check_capability(&OWN.to_string(), "uplink").unwrap_err();
    assert_eq!(arms::V1_0::from(&error), arms::V1_0::CapabilityDenied);
    assert!(state.sys().enumerate_capabilities().is_empty());
}

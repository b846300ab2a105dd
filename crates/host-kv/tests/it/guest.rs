//! A guest built with the published bindings in a kernel that has nothing but this package: what no runtime
//! with an owner shows.

use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Key, Memory, Store, add_to_linker};
use astrid_host_testkit::{FakeHost, guest};
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentType, Lift, Linker, TypedFunc};

#[derive(ComponentType, Lift)]
#[component(record)]
struct CapsuleResult {
    action: String,
    data: Option<String>,
}

struct Kernel {
    store: wasmtime::Store<State>,
    hook: TypedFunc<(String, Vec<u8>), (CapsuleResult,)>,
}

impl Kernel {
    async fn new(state: State) -> Self {
        let engine = Engine::default();
        let mut linker = Linker::<State>::new(&engine);
        add_to_linker(&mut linker).unwrap();
        let component = Component::new(&engine, guest("kvtest").unwrap()).unwrap();
        // What its allocator of hash seeds would ask for, and never does.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let mut store = wasmtime::Store::new(&engine, state);
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        let hook = instance.get_typed_func(&mut store, "astrid-hook-trigger").unwrap();
        Self { store, hook }
    }

    /// What the steps answered.
    async fn run(&mut self, steps: &str) -> String {
        let call = ("script".to_owned(), steps.as_bytes().to_vec());
        let (result,) = self.hook.call_async(&mut self.store, call).await.unwrap();
        assert_eq!(result.action, "final");
        result.data.unwrap()
    }
}

// kv case 34
#[tokio::test]
async fn a_guest_that_nobody_owns_leaves_nothing_for_its_next_call_and_touches_no_namespace() {
    let backend: Arc<dyn Store> = Arc::new(Memory::new());
    let mut owned = Kernel::new(state(FakeHost::builder().principal("default"), backend.clone())).await;
    assert_eq!(owned.run(r#"[{"do":"set","key":"k","value":"owned"}]"#).await, r#"[{"ok":null}]"#);
    let mut shared = Kernel::new(state(FakeHost::builder().no_principal(), backend.clone())).await;
    assert_eq!(shared.run(r#"[{"do":"set","key":"k","value":"lost"}]"#).await, r#"[{"ok":null}]"#);
    assert_eq!(shared.run(r#"[{"do":"get","key":"k"}]"#).await, r#"[{"ok":null}]"#);
    let listed = r#"[{"do":"list","prefix":""},{"do":"clear","prefix":""}]"#;
    assert_eq!(shared.run(listed).await, r#"[{"ok":[]},{"ok":0}]"#);
    assert_eq!(owned.run(r#"[{"do":"get","key":"k"}]"#).await, r#"[{"ok":"owned"}]"#);
    let capsule = owned.store.data().fake.call().capsule().clone();
    let scope = Scope { principal: Some(Principal::parse("default").unwrap()), capsule };
    assert_eq!(backend.usage(&scope).await.unwrap().keys, 1);
}

// kv case 34: a caller that is no valid principal has no authority (design decision 11)
#[tokio::test]
async fn a_guest_whose_caller_is_no_principal_is_told_that_its_view_is_retired() {
    assert!(Principal::parse("no/body").is_err() && CapsuleId::parse("a\0b").is_err());
    let backend: Arc<dyn Store> = Arc::new(Memory::new());
    let mut kernel = Kernel::new(state(FakeHost::builder().principal("default"), backend.clone())).await;
    let scope = kernel.store.data().fake.call().scope();
    kernel.store.data_mut().fake.set_call(|call| call.without_authority());
    let retired = r#"{"err":"unknown","text":"principal view retired"}"#;
    let steps = r#"[{"do":"set","key":"k","value":"v"},{"do":"get","key":"k"},{"do":"clear","prefix":""}]"#;
    assert_eq!(kernel.run(steps).await, format!("[{retired},{retired},{retired}]"));
    assert_eq!(backend.get(&scope, &Key::parse("k").unwrap()).await.unwrap(), None);
}

// kv case 37, the first half
#[tokio::test]
async fn a_guest_whose_token_fired_changes_nothing() {
    let backend: Arc<dyn Store> = Arc::new(Memory::new());
    let mut kernel = Kernel::new(state(FakeHost::builder(), backend.clone())).await;
    let scope = kernel.store.data().fake.call().scope();
    assert_eq!(kernel.run(r#"[{"do":"set","key":"k","value":"v"}]"#).await, r#"[{"ok":null}]"#);
    kernel.store.data().fake.cancellation().cancel();
    let cancelled = r#"{"err":"unknown","text":"cancelled"}"#;
    let steps = r#"[{"do":"set","key":"k","value":"w"},{"do":"get","key":"k"},{"do":"delete","key":"k"}]"#;
    assert_eq!(kernel.run(steps).await, format!("[{cancelled},{cancelled},{cancelled}]"));
    assert_eq!(*backend.get(&scope, &Key::parse("k").unwrap()).await.unwrap().unwrap(), *b"v");
}

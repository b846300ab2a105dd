//! A guest that traps with files open, in a store of its own and in one that serves the next principal.

use crate::common::State;
use crate::place::{Place, arm};
use astrid_host_context::{Principal, Subject};
use astrid_host_fs::{FsView, HANDLES, OpenMode, add_to_linker, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

/// Opens `home://f` for writing until it is refused, then traps; returns if it never is in 100 times.
const GUEST: &str = r#"(component
  (type $code (variant (case "not-found") (case "access") (case "capability-denied") (case "boundary-escape")
    (case "invalid-path") (case "would-block") (case "is-directory") (case "not-directory") (case "not-empty")
    (case "too-large") (case "quota") (case "cross-vfs") (case "already-exists") (case "closed")
    (case "unknown" string)))
  (type $mode (enum "read" "write" "append" "read-write"))
  (import "astrid:fs/host@1.0.0" (instance $fs
    (alias outer 1 $code (type $c)) (export "error-code" (type $code (eq $c)))
    (alias outer 1 $mode (type $m)) (export "open-mode" (type $mode (eq $m)))
    (export "file-handle" (type $handle (sub resource)))
    (export "fs-open" (func (param "path" string) (param "mode" $mode)
      (result (result (own $handle) (error $code)))))))
  (core module $memory (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $memory (instantiate $memory))
  (core func $open (canon lower (func $fs "fs-open") (memory $memory "memory") (realloc (func $memory "realloc"))))
  (core module $guest
    (import "fs" "open" (func $open (param i32 i32 i32 i32)))
    (import "libc" "memory" (memory 1))
    (data (i32.const 0) "home://f")
    (func (export "run") (local $left i32)
      (local.set $left (i32.const 100))
      (loop $more
        (call $open (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then unreachable))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left)))))
  (core instance $guest (instantiate $guest
    (with "fs" (instance (export "open" (func $open)))) (with "libc" (instance $memory))))
  (func (export "run") (canon lift (core func $guest "run"))))"#;

async fn trapped(host: State) -> Store<State> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker).unwrap();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut store = Store::new(&engine, host);
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    run.call_async(&mut store, ()).await.unwrap_err();
    store
}

// fs case 19
#[tokio::test]
async fn a_trap_gives_all_handles_back_with_its_store() {
    let place = Place::new();
    let host = place.host(FakeHost::builder());
    let other = FakeHost::builder().build();
    let (services, ctx) = (host.fake.services().clone(), host.ctx.clone());
    let store = trapped(host).await;
    let (who, capsule) = (Principal::parse("alice").unwrap(), other.call().capsule().clone());
    let subject = Subject { principal: Some(&who), capsule: &capsule };
    assert!(services.quota().acquire(&subject, &HANDLES, 1).is_err(), "the guest holds them all");
    drop(store);
    drop(services.quota().acquire(&subject, &HANDLES, HANDLES.default).unwrap());
    let mut next = State { fake: other, ctx };
    next.fs().open("home://f".into(), OpenMode::Read).await.unwrap();
}

// fs case 39
#[tokio::test]
async fn after_a_trap_the_same_store_serves_the_next_principal_from_its_own_mounts() {
    let place = Place::new();
    let mut store = trapped(place.host(FakeHost::builder())).await;
    let host = store.data_mut();
    host.fs().write_file("home://n".into(), b"alice".into()).await.unwrap();
    host.fake.serve("bob");
    assert_eq!(arm(host.fs().read_file("home://n".into()).await.map(drop)), Err(Arm::NotFound));
    host.fs().write_file("home://n".into(), b"bob".into()).await.unwrap();
    assert_eq!(std::fs::read(place.at("home/alice/n")).unwrap(), b"alice");
    assert_eq!(std::fs::read(place.at("home/bob/n")).unwrap(), b"bob");
}

//! What only a real guest in a real store can show: traps, foreign handles, parked fibres.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot set up must fail"
)]

#[macro_use]
mod common;

use std::sync::LazyLock;
use std::time::Duration;

use astrid_host_context::Subject;
use astrid_host_io::limits::{POLLABLES, STREAMS};
use astrid_host_io::{IoTable, OutputStream, Pollable, add_to_linker};
use common::{Gate, Sink, State, gate, sink, state};
use wasmtime::component::{Component, Instance, Linker, Resource};
use wasmtime::{Engine, Store, StoreContextMut};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);
static GUEST: LazyLock<Component> = LazyLock::new(|| Component::new(&ENGINE, WAT).unwrap());

/// `run(what)`: 0 blocks on a pollable; 1 polls one for ever; 2 takes 50 pollables and 50 streams and
/// traps; 3 asks handle 12345; 4 writes a byte without a permit; 5 drops a stream before its pollable;
/// 6 polls the same pollable at two places and gives the count.
const WAT: &str = r#"
(component
  (import "astrid:io/error@1.0.0" (instance $error (export "error" (type (sub resource)))))
  (import "astrid:io/poll@1.0.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (type $code (variant (case "invalid-input") (case "closed") (case "too-large") (case "cancelled")
      (case "unknown" string)))
    (export "error-code" (type $ec (eq $code)))
    (export "[method]pollable.ready" (func (param "self" (borrow $p)) (result bool)))
    (export "[method]pollable.block" (func (param "self" (borrow $p)) (result (result (error $ec)))))
    (export "poll" (func (param "pollables" (list (borrow $p))) (result (result (list u32) (error $ec)))))))
  (alias export $error "error" (type $err))
  (alias export $poll "pollable" (type $pollable))
  (import "astrid:io/streams@1.0.0" (instance $streams
    (alias outer 1 $err (type $e'))
    (alias outer 1 $pollable (type $p'))
    (export "error" (type $e (eq $e')))
    (export "pollable" (type $p (eq $p')))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $failure)))
    (export "output-stream" (type $o (sub resource)))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $se)))))
    (export "[method]output-stream.subscribe" (func (param "self" (borrow $o)) (result (own $p))))))
  (alias export $streams "output-stream" (type $output))
  (import "give-pollable" (func $give-pollable (result (own $pollable))))
  (import "give-output" (func $give-output (result (own $output))))

  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 8192))
  (core instance $libc (instantiate $libc))
  (core func $ready (canon lower (func $poll "[method]pollable.ready")))
  (core func $block (canon lower (func $poll "[method]pollable.block")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $poll-all (canon lower (func $poll "poll")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $write (canon lower (func $streams "[method]output-stream.write")
    (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core func $subscribe (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $give-p (canon lower (func $give-pollable)))
  (core func $give-o (canon lower (func $give-output)))
  (core func $drop-o (canon resource.drop $output))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "ready" (func $ready (param i32) (result i32)))
    (import "host" "block" (func $block (param i32 i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "host" "give-p" (func $give-p (result i32)))
    (import "host" "give-o" (func $give-o (result i32)))
    (import "host" "drop-o" (func $drop-o (param i32)))
    (func (export "run") (param $what i32) (result i32)
      (local $h i32) (local $n i32)
      block $6 block $5 block $4 block $3 block $2 block $1 block $0
        local.get $what
        br_table $0 $1 $2 $3 $4 $5 $6
      end
        (call $block (call $give-p) (i32.const 64))
        (return (i32.load8_u (i32.const 64)))
      end
        (i32.store (i32.const 128) (call $give-p))
        loop $again
          (call $poll (i32.const 128) (i32.const 1) (i32.const 64))
          br $again
        end
        unreachable
      end
        loop $more
          (drop (call $give-p))
          (drop (call $give-o))
          (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50)))
        end
        unreachable
      end
        (return (call $ready (i32.const 12345)))
      end
        (call $write (call $give-o) (i32.const 0) (i32.const 1) (i32.const 64))
        (return (i32.load8_u (i32.const 64)))
      end
        (drop (call $subscribe (local.tee $h (call $give-o))))
        (call $drop-o (local.get $h))
        (return (i32.const 0))
      end
      (local.set $h (call $give-p))
      (i32.store (i32.const 128) (local.get $h))
      (i32.store (i32.const 132) (local.get $h))
      (call $poll (i32.const 128) (i32.const 2) (i32.const 64))
      (i32.load (i32.const 72))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "ready" (func $ready)) (export "block" (func $block)) (export "poll" (func $poll-all))
      (export "write" (func $write)) (export "subscribe" (func $subscribe))
      (export "give-p" (func $give-p)) (export "give-o" (func $give-o)) (export "drop-o" (func $drop-o))))))
  (func (export "run") (param "what" u32) (result u32) (canon lift (core func $main "run")))
)
"#;

/// A store's state with the sources that its guest is given.
struct World {
    state: State,
    gates: Vec<Gate>,
    sinks: Vec<Sink>,
    open: bool,
}

impl astrid_host_context::HostContext for World {
    fn host(&mut self) -> astrid_host_context::HostCx<'_> {
        self.state.host.cx()
    }
}

impl astrid_host_io::IoView for World {
    fn io(&mut self) -> astrid_host_io::IoCtxView<'_> {
        astrid_host_io::IoView::io(&mut self.state)
    }
}

fn linker() -> Linker<World> {
    let mut linker = Linker::<World>::new(&ENGINE);
    add_to_linker(&mut linker).unwrap();
    let mut root = linker.root();
    root.func_wrap("give-pollable", |mut store: StoreContextMut<'_, World>, ()| {
        let world = store.data_mut();
        let (gate, source) = gate();
        if world.open {
            gate.open();
        }
        world.gates.push(gate);
        let given: Resource<Pollable> = world.state.host.cx().push_pollable(source)?;
        Ok((given,))
    })
    .unwrap();
    root.func_wrap("give-output", |mut store: StoreContextMut<'_, World>, ()| {
        let world = store.data_mut();
        let (far, end) = sink();
        world.sinks.push(far);
        let given: Resource<OutputStream> = world.state.host.cx().push_output(end)?;
        Ok((given,))
    })
    .unwrap();
    linker
}

async fn guest(open: bool) -> (Store<World>, Instance) {
    let world = World { state: state(), gates: Vec::new(), sinks: Vec::new(), open };
    let mut store = Store::new(&ENGINE, world);
    let instance = linker().instantiate_async(&mut store, &GUEST).await.unwrap();
    (store, instance)
}

async fn run(store: &mut Store<World>, instance: &Instance, what: u32) -> wasmtime::Result<u32> {
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut *store, "run")?;
    Ok(run.call_async(&mut *store, (what,)).await?.0)
}

#[tokio::test]
async fn a_guest_blocks_and_polls_through_the_frozen_shape() {
    let (mut store, instance) = guest(true).await;
    assert_eq!(run(&mut store, &instance, 0).await.unwrap(), 0);
    assert_eq!(run(&mut store, &instance, 6).await.unwrap(), 2);
}

// io case 17
#[test]
fn a_guest_that_polls_a_ready_pollable_for_ever_does_not_starve_the_worker() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let greedy = tokio::spawn(async {
            let (mut store, instance) = guest(true).await;
            run(&mut store, &instance, 1).await
        });
        // Were the guest never to yield, this one-worker runtime would not come back here at all.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!greedy.is_finished());
        greedy.abort();
        assert!(greedy.await.unwrap_err().is_cancelled());
    });
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

// io case 15; a current-thread runtime beside others' test threads, so the bound is on growth by parking
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parked_guests_need_no_thread_and_leave_others_running() {
    LazyLock::force(&GUEST);
    let before = threads();
    let parked: Vec<_> = (0..1000)
        .map(|_| {
            tokio::spawn(async {
                let (mut store, instance) = guest(false).await;
                let token = store.data().state.host.capsule_cancellation();
                let wait = tokio::spawn(async move { run(&mut store, &instance, 0).await.unwrap() });
                (token, wait)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in parked {
        waits.push(task.await.unwrap());
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(5), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
    })
    .await
    .unwrap();
    // Other tests of this binary start and end threads of their own; parking would add a thousand.
    assert!(threads() < before + 50, "{} threads, {before} before", threads());
    assert!(waits.iter().all(|(_, wait)| !wait.is_finished()));
    for (token, _) in &waits {
        token.cancel();
    }
    for (_, wait) in waits {
        assert_eq!(wait.await.unwrap(), 1);
    }
}

// io case 48
#[tokio::test]
async fn a_guest_that_traps_leaves_no_share_and_no_transport_open() {
    let (mut store, instance) = guest(true).await;
    assert!(run(&mut store, &instance, 2).await.is_err());
    assert_eq!(store.data().state.held(&POLLABLES), 50);
    assert_eq!(store.data().state.held(&STREAMS), 50);
    let recorder = store.data().state.host.recorder().clone();
    let call = store.data().state.host.call().clone();
    let sinks = store.data().sinks.clone();
    drop(store);
    let subject = Subject { principal: call.principal(), capsule: call.capsule() };
    assert_eq!((recorder.held(&subject, &POLLABLES), recorder.held(&subject, &STREAMS)), (0, 0));
    assert!(sinks.iter().all(Sink::is_dropped));
}

// io case 52
#[tokio::test]
async fn a_handle_that_is_not_this_stores_traps_before_it_reaches_the_host() {
    let (mut other, other_instance) = guest(true).await;
    run(&mut other, &other_instance, 0).await.unwrap();
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 3).await.unwrap_err();
    assert!(format!("{trap:?}").contains("handle"), "{trap:?}");
    assert!(store.data().state.host.recorder().told().is_empty());
    assert_eq!(run(&mut other, &other_instance, 0).await.unwrap(), 0);
}

// io cases 31 and 32
#[tokio::test]
async fn a_write_over_the_permit_traps_the_guest_and_not_the_host() {
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 4).await.unwrap_err();
    assert!(format!("{trap:?}").contains("exceeds the permit of 0"), "{trap:?}");
    assert!(store.data().sinks[0].got().is_empty());
    assert_eq!(store.data().state.events(), [("output-stream.write", 0, "failed", Some("trap"))]);
}

// io case 30
#[tokio::test]
async fn dropping_a_stream_before_its_pollable_traps_the_guest() {
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 5).await.unwrap_err();
    assert!(format!("{trap:?}").contains("has children"), "{trap:?}");
    assert_eq!((store.data().state.held(&POLLABLES), store.data().state.held(&STREAMS)), (1, 1));
}

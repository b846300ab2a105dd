//! A host that gives a guest one stream and nothing else of the world: io alone in a linker, with a
//! source of the host's own beside it.

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices};
use astrid_host_io::adapters::AsyncReadInput;
use astrid_host_io::{InputStream, IoCtx, IoCtxView, IoTable, IoView, add_to_linker};
use wasmtime::component::{Component, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut};

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    io: IoCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl IoView for State {
    fn io(&mut self) -> IoCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        IoCtxView { ctx: &mut self.io, host }
    }
}

/// Skips through the stream it is given and counts.
const GUEST: &str = r#"
(component
  (import "astrid:io/error@1.0.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $err))
  (import "astrid:io/streams@1.0.0" (instance $streams
    (alias outer 1 $err (type $e'))
    (export "error" (type $e (eq $e')))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $se (eq $failure)))
    (export "input-stream" (type $i (sub resource)))
    (export "[method]input-stream.blocking-skip"
      (func (param "self" (borrow $i)) (param "len" u64) (result (result u64 (error $se)))))))
  (alias export $streams "input-stream" (type $input))
  (import "greeting" (func $greeting (result (own $input))))
  (core module $libc (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (core func $skip (canon lower (func $streams "[method]input-stream.blocking-skip") (memory $libc "memory")))
  (core func $greet (canon lower (func $greeting)))
  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "skip" (func $skip (param i32 i64 i32)))
    (import "host" "greeting" (func $greeting (result i32)))
    (func (export "count") (result i64)
      (local $stream i32) (local $total i64)
      (local.set $stream (call $greeting))
      loop $more
        (call $skip (local.get $stream) (i64.const 4) (i32.const 0))
        (if (i32.eqz (i32.load8_u (i32.const 0))) (then
          (local.set $total (i64.add (local.get $total) (i64.load (i32.const 8))))
          br $more))
      end
      local.get $total))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance (export "skip" (func $skip)) (export "greeting" (func $greet))))))
  (func (export "count") (result u64) (canon lift (core func $main "count"))))
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> wasmtime::Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<State>::new(&engine);
    add_to_linker(&mut linker)?;
    linker.root().func_wrap("greeting", |mut store: StoreContextMut<'_, State>, ()| {
        let source = AsyncReadInput::new(&b"hello, guest"[..]);
        let stream: Resource<InputStream> = store.data_mut().host().push_input(source)?;
        Ok((stream,))
    })?;

    let state = State {
        call: CallSlot::new(CallContext::builder(CapsuleId::parse("counter")?).build()),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        io: IoCtx::new(),
    };
    let mut store = Store::new(&engine, state);
    let component = Component::new(&engine, GUEST)?;
    let guest = linker.instantiate_async(&mut store, &component).await?;
    let count = guest.get_typed_func::<(), (u64,)>(&mut store, "count")?;
    let (bytes,) = count.call_async(&mut store, ()).await?;
    println!("the guest read {bytes} bytes");
    Ok(())
}

//! A kernel with this package alone: a guest that imports every function of it links and starts.

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_kv::{KvCtx, KvCtxView, KvView, Value, add_to_linker};
use wasmtime::component::{Component, Linker, ResourceTable};

struct State(CallSlot, HostServices, ResourceTable, KvCtx);

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.0, services: &self.1, table: &mut self.2 }
    }
}

impl KvView for State {
    fn kv(&mut self) -> KvCtxView<'_> {
        let Self(call, services, table, ctx) = self;
        KvCtxView { ctx, host: HostCx { call, services, table } }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let call = CallContext::builder(CapsuleId::parse("notes")?).principal(Principal::parse("alice")?).build();
    let services = HostServices::ruled_by(|_| Ok(()));
    let state = State(CallSlot::new(call), services, ResourceTable::new(), KvCtx::builder().build());

    let engine = wasmtime::Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker)?;
    let guest = astrid_host_testkit::dummy_guest(concat!(env!("CARGO_MANIFEST_DIR"), "/wit"))?;
    let mut store = wasmtime::Store::new(&engine, state);
    linker.instantiate_async(&mut store, &Component::new(&engine, guest)?).await?;

    store.data_mut().kv().set("greeting".into(), Value::from(*b"hello")).await?;
    println!("{:?}", store.data_mut().kv().get("greeting".into()).await?);
    Ok(())
}

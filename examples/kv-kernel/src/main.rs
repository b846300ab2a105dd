//! A kernel of one's own: wasmtime and `astrid:kv`, no runtime. The guest it runs gets a key-value
//! store and nothing else; one that imports anything more does not link.
//!
//! `cargo run -p kv-kernel -- GUEST.wasm ACTION JSON` calls one handler and prints what it says.

use astrid_guest::{Exports, GuestPre};
use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_kv::{KvCtx, KvCtxView, KvView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    kv: KvCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl KvView for State {
    fn kv(&mut self) -> KvCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        KvCtxView { ctx: &mut self.kv, host }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [guest, action, payload] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: kv-kernel GUEST.wasm ACTION JSON")?;
    let bytes = std::fs::read(&guest).map_err(|error| format!("{guest}: {error}"))?;
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    astrid_host_kv::add_to_linker(&mut linker)?;
    astrid_guest::add_to_linker(&mut linker)?;
    let pre = linker.instantiate_pre(&Component::new(&engine, &bytes)?)?;
    let guest = GuestPre::new(pre, Exports::inspect(&bytes)?)?;

    let call = CallContext::builder(CapsuleId::parse("guest")?).principal(Principal::parse("me")?);
    let state = State {
        call: CallSlot::new(call.build()),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        kv: KvCtx::builder().build(),
    };
    let mut store = Store::new(&engine, state);
    let instance = guest.instantiate(&mut store).await?;
    println!("{:?}", instance.call_hook(&mut store, &action, payload.as_bytes()).await?);
    Ok(())
}

//! A kernel of one's own: wasmtime and `astrid:fs`, no runtime. The guest it runs sees the files below
//! one directory and nothing else; one that imports anything more does not link.
//!
//! `cargo run -p fs-kernel -- DIRECTORY GUEST.wasm ACTION JSON` calls one handler and prints what it says.

use std::{path::Path, sync::Arc};

use astrid_guest::{Exports, GuestPre};
use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_fs::{Direct, Directories, FsCtx, FsCtxView, FsView};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};

struct State {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    fs: FsCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl FsView for State {
    fn fs(&mut self) -> FsCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        FsCtxView { ctx: &mut self.fs, host }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = <[String; 4]>::try_from(std::env::args().skip(1).collect::<Vec<_>>());
    let [directory, guest, action, payload] =
        arguments.map_err(|_| "usage: fs-kernel DIRECTORY GUEST.wasm ACTION JSON")?;
    let bytes = std::fs::read(&guest).map_err(|error| format!("{guest}: {error}"))?;
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    astrid_host_fs::add_to_linker(&mut linker)?;
    astrid_guest::add_to_linker(&mut linker)?;
    let pre = linker.instantiate_pre(&Component::new(&engine, &bytes)?)?;
    let guest = GuestPre::new(pre, Exports::inspect(&bytes)?)?;

    let workspace = Direct::builder().open(Path::new(&directory))?;
    let call = CallContext::builder(CapsuleId::parse("guest")?).principal(Principal::parse("me")?);
    let state = State {
        call: CallSlot::new(call.build()),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        fs: FsCtx::builder().mounts(Arc::new(Directories::new().workspace(Arc::new(workspace)))).build(),
    };
    let mut store = Store::new(&engine, state);
    let instance = guest.instantiate(&mut store).await?;
    println!("{:?}", instance.call_hook(&mut store, &action, payload.as_bytes()).await?);
    Ok(())
}

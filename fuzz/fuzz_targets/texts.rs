//! Calls made of the fuzzer's bytes on a tree full of traps: what guests may read of it.
#![no_main]

#[path = "../src/bytes.rs"]
mod bytes;
#[path = "../../crates/host-fs/tests/common/calls.rs"]
mod calls;

use std::sync::Arc;

use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
use astrid_host_fs::v1_0::bindings::astrid::fs::host::ErrorCode;
use astrid_host_fs::{Direct, Directories, FsCtx, FsCtxView, FsView, Mounts, Overlays, Places, Text};
use bytes::Bytes;
use calls::{Choices, call, plant};
use libfuzzer_sys::fuzz_target;
use wasmtime::component::ResourceTable;

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
        let Self { call, services, table, fs } = self;
        FsCtxView { ctx: fs, host: HostCx { call, services, table } }
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, sides: usize) -> usize {
        Bytes::below(self, sides)
    }
}

fn host(mounts: Arc<dyn Mounts>) -> State {
    let call =
        CallContext::builder(CapsuleId::parse("fuzz").unwrap()).principal(Principal::parse("alice").unwrap());
    State {
        call: CallSlot::new(call.build()),
        services: HostServices::ruled_by(|_| Ok(())),
        table: ResourceTable::new(),
        fs: FsCtx::builder().mounts(mounts).build(),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let hosts_own = directory.path().file_name().unwrap().to_str().unwrap().to_owned();
    let workspace = directory.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    plant(&workspace);
    let lower = Arc::new(Direct::builder().openat2(bytes.below(2) == 0).open(&workspace).unwrap());
    let mounts = if bytes.below(2) == 0 {
        let root = directory.path().join("home");
        let places = move |_: &Principal, _: &CapsuleId| {
            Some(Places { home: root.clone(), tmp: root.join(".local/tmp") })
        };
        Directories::new().workspace(lower).places(places)
    } else {
        let kept = directory.path().join("changes");
        Directories::new().overlays(Arc::new(Overlays::new(lower, move |_| Some(kept.clone()))))
    };
    let mut host = host(Arc::new(mounts));
    for _ in 0..24 {
        let text = match runtime.block_on(call(&mut host, &mut bytes)) {
            Ok(text) => text,
            Err(error) => {
                let code = ErrorCode::from(error);
                if let ErrorCode::Unknown(text) = &code {
                    assert!(Text::ALL.iter().any(|known| known.as_str() == text), "{text}");
                }
                format!("{code:?}")
            }
        };
        assert!(!text.contains(&hosts_own), "{text}");
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    let _ = std::fs::set_permissions(workspace.join("locked"), open);
});

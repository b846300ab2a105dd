//! The frozen file alone, against this crate, the first version beside it, and io.

use astrid_host_context::{HostContext, HostCx};
use astrid_host_http::{HttpCtx, HttpCtxView, HttpView};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_testkit::{FakeHost, dummy_guest, imports_of};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

struct Store {
    fake: FakeHost,
    http: HttpCtx,
    io: IoCtx,
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl HttpView for Store {
    fn http(&mut self) -> HttpCtxView<'_> {
        HttpCtxView { ctx: &mut self.http, host: self.fake.cx() }
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.fake.cx() }
    }
}

// http case 51
#[test]
fn guests_of_both_versions_link_over_one_state() {
    let engine = Engine::default();
    let mut linker = Linker::<Store>::new(&engine);
    astrid_host_http::add_to_linker(&mut linker).unwrap();
    astrid_host_http_v1_1::add_to_linker(&mut linker).unwrap();
    astrid_host_io::add_to_linker(&mut linker).unwrap();
    for (wit, name) in [("wit", "astrid:http/host@1.1.0"), ("../host-http/wit", "astrid:http/host@1.0.0")] {
        let guest = dummy_guest(wit).unwrap();
        assert!(imports_of(&guest).unwrap().contains(&name.to_owned()));
        linker.instantiate_pre(&Component::new(&engine, &guest).unwrap()).unwrap();
    }
}

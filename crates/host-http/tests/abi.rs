//! The frozen file against the linker.

use astrid_host_context::{HostContext, HostCx};
use astrid_host_http::{HttpCtx, HttpCtxView, HttpView};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_testkit::{Add, FakeHost, link};

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

#[test]
fn a_guest_that_imports_everything_links_against_this_crate_and_io() {
    let imports = [
        "astrid:http/host@1.0.0",
        "astrid:io/error@1.0.0",
        "astrid:io/poll@1.0.0",
        "astrid:io/streams@1.0.0",
    ];
    let adds: [Add<Store>; 2] = [astrid_host_http::add_to_linker, astrid_host_io::add_to_linker];
    assert_eq!(link("wit", &adds).unwrap(), imports);
    assert!(link("wit", &adds[..1]).is_err(), "this crate links no io");
}

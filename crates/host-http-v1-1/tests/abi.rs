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

/// A guest that hands the stream of one version to a function that takes `wanted`'s.
fn hands_over(stream: &str, wanted: &str) -> String {
    let import = |name: &str, version: &str| {
        format!(
            r#"(import "astrid:http/host@{version}" (instance ${name}
                (export "http-stream" (type $s (sub resource)))
                (export "[method]http-stream.status" (func (param "self" (borrow $s)) (result u16)))))
              (alias export ${name} "http-stream" (type $stream-{name}))"#
        )
    };
    format!(
        r#"(component {} {}
            (component $taker
                (import "stream" (type $t (sub resource)))
                (import "status" (func (param "self" (borrow $t)) (result u16))))
            (instance (instantiate $taker
                (with "stream" (type $stream-{stream}))
                (with "status" (func ${wanted} "[method]http-stream.status")))))"#,
        import("old", "1.0.0"),
        import("new", "1.1.0"),
    )
}

// http case 51
#[test]
fn a_handle_of_one_version_is_none_of_the_other() {
    let engine = Engine::default();
    for version in ["old", "new"] {
        let other = if version == "old" { "new" } else { "old" };
        Component::new(&engine, hands_over(version, version)).unwrap();
        let refused = Component::new(&engine, hands_over(version, other)).unwrap_err();
        assert!(format!("{refused:#}").contains("resource types are not the same"), "{refused:#}");
    }
}

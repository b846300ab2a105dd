//! The face of `astrid:request-context@1.0.0`: generated bindings, and conversion to and from the engine.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

use astrid_host_net::error::arms;
use astrid_host_net::{Error, TcpStream};
use wasmtime::component::Resource;

use self::astrid::request_context::host;
use crate::RequestContextCtxView;

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:request-context/host@1.0.0;",
    imports: { default: trappable },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:net": astrid_host_net::v1_0::astrid::net,
    },
});

type Answer = wasmtime::Result<Result<Option<String>, host::ErrorCode>>;

impl host::Host for RequestContextCtxView<'_> {
    fn connection_owner(&mut self, connection: Resource<TcpStream>) -> Answer {
        answer(RequestContextCtxView::connection_owner(self, &connection))
    }

    fn connection_principal(&mut self, connection: Resource<TcpStream>) -> Answer {
        answer(RequestContextCtxView::connection_principal(self, &connection))
    }
}

fn answer(found: Result<Option<String>, Error>) -> Answer {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) => astrid_host_net::v1_0::arm(arms::V1_0::from(error)).map(Err),
    }
}

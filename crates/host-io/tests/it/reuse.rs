//! Another domain's bindings name this crate's resources as their own.

use crate::common::{feed, gate, sink, state};
use astrid_host_io::{InputStream, IoTable, IoView, OutputStream, Pollable};
use wasmtime::component::Resource;

mod door {
    wasmtime::component::bindgen!({
        path: ["wit", "tests/door"],
        interfaces: "import test:door/host@1.0.0;",
        with: { "astrid:io": astrid_host_io::v1_0::astrid::io },
    });
}

struct Door<'a>(astrid_host_context::HostCx<'a>);

impl door::test::door::host::Host for Door<'_> {
    fn open(&mut self) -> (Resource<InputStream>, Resource<OutputStream>) {
        let (far, source) = feed();
        far.send(&b"through the door"[..]);
        (self.0.push_input(source).unwrap(), self.0.push_output(sink().1).unwrap())
    }

    fn bell(&mut self) -> Resource<Pollable> {
        self.0.push_pollable(gate().1).unwrap()
    }
}

#[test]
fn a_stream_from_another_package_is_read_through_io() {
    use door::test::door::host::Host;
    let mut s = state();
    let (input, output) = Door(s.host.cx()).open();
    let bell = Door(s.host.cx()).bell();
    assert_eq!(s.io().read(&input, 99).unwrap(), b"through the door");
    assert!(s.io().check_write(&output).unwrap() > 0);
    assert!(!s.io().ready(&bell).unwrap());
}

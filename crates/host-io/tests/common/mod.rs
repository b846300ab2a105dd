//! A store's state without a kernel, and sources and sinks whose every move a test writes down.
#![allow(dead_code, unused_macros, clippy::allow_attributes, reason = "each test file uses its own part")]

mod script;
pub(crate) mod world;

use astrid_host_context::{HostContext, HostCx, Subject};
use astrid_host_io::{InputStream, OutputStream};
use astrid_host_io::{Io, IoCtx, IoCtxView, IoError, IoTable, IoView, Pollable};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};
use wasmtime::component::Resource;

pub(crate) use script::{Feed, Gate, Sink, feed, gate, sink};

/// Everything a store needs for io.
pub(crate) struct State {
    pub(crate) host: FakeHost,
    pub(crate) io: IoCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.host.cx()
    }
}

impl IoView for State {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.host.cx() }
    }
}

pub(crate) type Marker = Io;

pub(crate) fn state() -> State {
    with(FakeHost::builder())
}

pub(crate) fn with(builder: FakeHostBuilder) -> State {
    State { host: builder.build(), io: IoCtx::new() }
}

impl State {
    pub(crate) fn input(&mut self) -> (Feed, Resource<InputStream>) {
        let (feed, source) = feed();
        (feed, self.host.cx().push_input(source).unwrap())
    }

    pub(crate) fn output(&mut self) -> (Sink, Resource<OutputStream>) {
        let (sink, end) = sink();
        (sink, self.host.cx().push_output(end).unwrap())
    }

    pub(crate) fn pollable(&mut self) -> (Gate, Resource<Pollable>) {
        let (gate, source) = gate();
        (gate, self.host.cx().push_pollable(source).unwrap())
    }

    pub(crate) fn held(&self, resource: &'static astrid_host_context::Resource) -> u64 {
        let call = self.host.call();
        let subject = Subject { principal: call.principal(), capsule: call.capsule() };
        self.host.recorder().held(&subject, resource)
    }

    /// (function, bytes, outcome word, class) of every audit event, then forgets them.
    pub(crate) fn events(&self) -> Vec<(&'static str, u64, &'static str, Option<&'static str>)> {
        let events = self.host.recorder().audited();
        self.host.recorder().clear();
        events.iter().map(|e| (e.op.function, e.bytes, e.outcome.word(), e.outcome.class())).collect()
    }
}

/// A second handle on a resource, as a guest's borrow is.
pub(crate) fn again<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

/// What a guest would hear.
pub(crate) fn phrase(error: astrid_host_io::Error) -> &'static str {
    match error {
        astrid_host_io::Error::Failed(cause) => IoError::phrase(&cause).as_str(),
        other => panic!("not a failed operation: {other:?}"),
    }
}

macro_rules! closed {
    ($result:expr) => {
        assert!(matches!($result, Err(astrid_host_io::Error::Closed)))
    };
}

macro_rules! failed {
    ($result:expr, $phrase:expr) => {
        assert!($crate::common::phrase($result.unwrap_err()).contains($phrase))
    };
}

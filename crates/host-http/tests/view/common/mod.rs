//! A store without a kernel, and servers on this machine.

pub(crate) mod server;
pub(crate) mod tls;

use std::sync::Arc;

use astrid_airlock::{Airlock, LocalEgress, Scripted};
use astrid_host_context::{CapsuleId, HostContext, HostCx};
use astrid_host_http::{HttpClient, HttpCtx, HttpCtxView, HttpSettings, HttpView, Options, Request, Secrets};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

pub(crate) struct Store {
    pub(crate) fake: FakeHost,
    pub(crate) http: HttpCtx,
    pub(crate) io: IoCtx,
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

/// A kernel's worth of http: rules, names, certificates and settings shared by its stores.
pub(crate) struct World {
    pub(crate) airlock: Arc<Airlock>,
    pub(crate) client: Arc<HttpClient>,
}

pub(crate) fn rules(entries: &[(&str, String)]) -> LocalEgress {
    let mut rules = LocalEgress::new();
    for (capsule, entry) in entries {
        rules.allow(&CapsuleId::parse(capsule).unwrap(), entry).unwrap();
    }
    rules
}

impl World {
    /// Capsule `fake` may reach 127.0.0.1 and localhost at every port.
    pub(crate) fn new() -> Self {
        Self::with(
            open_rules(),
            Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]),
            HttpSettings::default(),
            None,
        )
    }

    pub(crate) fn with(rules: LocalEgress, dns: Scripted, settings: HttpSettings, ca: Option<&str>) -> Self {
        let airlock = Arc::new(Airlock::builder().rules(rules).resolver(Arc::new(dns)).build());
        let mut builder = HttpClient::builder(airlock.clone()).settings(settings);
        if let Some(pem) = ca {
            builder = builder.extra_ca(pem);
        }
        Self { airlock, client: builder.build().unwrap() }
    }

    pub(crate) fn store(&self, fake: FakeHostBuilder) -> Store {
        Store { fake: fake.build(), http: HttpCtx::builder(self.client.clone()).build(), io: IoCtx::new() }
    }

    pub(crate) fn alice(&self) -> Store {
        self.store(FakeHost::builder())
    }

    pub(crate) fn store_with_secrets(&self, secrets: Arc<dyn Secrets>) -> Store {
        let http = HttpCtx::builder(self.client.clone()).secrets(secrets).build();
        Store { fake: FakeHost::builder().build(), http, io: IoCtx::new() }
    }
}

pub(crate) fn open_rules() -> LocalEgress {
    rules(&[("fake", "127.0.0.1:*".to_owned()), ("fake", "localhost:*".to_owned())])
}

pub(crate) fn get(url: impl Into<String>) -> Request {
    Request { url: url.into(), method: "GET".to_owned(), ..Request::default() }
}

pub(crate) fn post(url: impl Into<String>, body: &[u8]) -> Request {
    Request { url: url.into(), method: "POST".to_owned(), body: Some(body.to_vec()), ..Request::default() }
}

pub(crate) fn with_headers(mut request: Request, headers: &[(&str, &str)]) -> Request {
    request.headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    request
}

pub(crate) fn plain() -> Options {
    Options::default()
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

impl Store {
    /// What the effective principal holds of a resource.
    pub(crate) fn held(&self, resource: &'static astrid_host_context::Resource) -> u64 {
        let call = self.fake.call();
        let who = astrid_host_context::Subject { principal: call.principal(), capsule: call.capsule() };
        self.fake.recorder().held(&who, resource)
    }
}

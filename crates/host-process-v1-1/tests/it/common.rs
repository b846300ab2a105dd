//! A host whose children do nothing until they are killed.

use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_context::{Attribution, Caller, HostContext, HostCx, Principal, Provenance, Trail, Uuid};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_process::{
    BoxFuture, Control, Exit, Grade, Ground, Launch, LaunchError, Launcher, Network, ProcessCtx,
    ProcessCtxView, ProcessView, Processes, Running, Signal, Unconfined, Usage,
};
use astrid_host_testkit::FakeHost;
use tokio::sync::watch;

pub(crate) struct Store {
    fake: FakeHost,
    process: ProcessCtx,
    io: IoCtx,
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl ProcessView for Store {
    fn process(&mut self) -> ProcessCtxView<'_> {
        ProcessCtxView { ctx: &mut self.process, host: self.fake.cx() }
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.fake.cx() }
    }
}

impl Store {
    /// Everything is started by `launcher`, for alice whom the host knows.
    pub(crate) fn new(launcher: impl Launcher) -> Self {
        let alice = Principal::parse("alice").unwrap();
        let caller = Caller {
            provenance: Provenance::of(Attribution::Verified(alice)),
            source: Uuid::nil(),
            at: SystemTime::UNIX_EPOCH,
            trail: Trail::default(),
        };
        let ground = Ground { workspace: "/".into(), home: None, network: Network::None };
        let processes = Processes::builder(Arc::new(launcher), Arc::new(ground)).build().unwrap();
        let fake = FakeHost::builder().caller(caller).build();
        Self { fake, process: ProcessCtx::builder(processes).build(), io: IoCtx::new() }
    }
}

/// Says the path of its first injected file, if there is one, and waits.
pub(crate) struct Waits;

impl Launcher for Waits {
    fn grade(&self) -> Result<Grade, Unconfined> {
        Ok(Grade { name: "test", persistent: true, fixed_paths: true, injections: true })
    }

    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        Box::pin(async move {
            let said: Vec<u8> = launch.injections.first().map(|one| one.content.to_vec()).unwrap_or_default();
            Ok(Running {
                control: Box::new(Waiting(watch::Sender::new(None))),
                stdin: None,
                stdout: Box::new(std::io::Cursor::new(said)),
                stderr: Box::new(tokio::io::empty()),
            })
        })
    }
}

struct Waiting(watch::Sender<Option<Exit>>);

impl Control for Waiting {
    fn pid(&self) -> u32 {
        4711
    }

    fn signal(&self, _: Signal) {}

    fn kill(&self) {
        self.0.send_replace(Some(Exit { code: None, signal: Some(9) }));
    }

    fn ended(&self) -> BoxFuture<'_, Exit> {
        let mut end = self.0.subscribe();
        Box::pin(async move { end.wait_for(Option::is_some).await.unwrap().unwrap() })
    }

    fn usage(&self) -> BoxFuture<'_, Usage> {
        Box::pin(std::future::ready(Usage { cpu_ms: 1, mem_bytes_peak: 2 }))
    }
}

//! Hosts with nothing but this package and io: capsule `fake` for alice.

pub(crate) mod direct;
pub(crate) mod scripted;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_host_context::{Attribution, Caller, HostContext, HostCx, Principal, Provenance, Trail, Uuid};
use astrid_host_io::{IoCtx, IoCtxView, IoView, Pollable};
use astrid_host_process::{
    Error, Ground, Launcher, Lifecycle, LifecycleEvent, Network, ProcessCtx, ProcessCtxView, ProcessHandle,
    ProcessView, Processes, ProcessesBuilder, SpawnRequest, arms,
};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};
use parking_lot::Mutex;
use wasmtime::component::Resource;

use self::direct::Direct;
use self::scripted::{Script, scripted};

/// What a store's data holds.
pub(crate) struct State {
    pub(crate) fake: FakeHost,
    pub(crate) ctx: ProcessCtx,
    io: IoCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl ProcessView for State {
    fn process(&mut self) -> ProcessCtxView<'_> {
        ProcessCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

impl IoView for State {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.fake.cx() }
    }
}

/// A store of a host: `fake` says for whom.
pub(crate) fn store(fake: FakeHostBuilder, processes: &Arc<Processes>) -> State {
    State {
        fake: fake.caller(verified("alice")).build(),
        ctx: ProcessCtx::builder(processes.clone()).component("c0ffee").build(),
        io: IoCtx::new(),
    }
}

pub(crate) fn verified(who: &str) -> Caller {
    caller(Attribution::Verified(Principal::parse(who).unwrap()))
}

pub(crate) fn caller(attribution: Attribution) -> Caller {
    Caller {
        provenance: Provenance::of(attribution),
        source: Uuid::nil(),
        at: SystemTime::UNIX_EPOCH,
        trail: Trail::default(),
    }
}

/// A host, its first store, and what was published. The workspace goes with it.
pub(crate) struct Desk {
    pub(crate) state: State,
    pub(crate) processes: Arc<Processes>,
    pub(crate) events: Arc<Events>,
    workspace: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn workspace(&self) -> &Path {
        self.workspace.path()
    }

    /// One more store of the same host.
    pub(crate) fn store(&self, fake: FakeHostBuilder) -> State {
        store(fake, &self.processes)
    }
}

#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<LifecycleEvent>>, tokio::sync::Notify);

impl Events {
    pub(crate) fn all(&self) -> Vec<LifecycleEvent> {
        self.0.lock().clone()
    }

    /// Waits until there are `n`.
    pub(crate) async fn until(&self, n: usize) -> Vec<LifecycleEvent> {
        loop {
            let more = self.1.notified();
            let all = self.all();
            if all.len() >= n {
                return all;
            }
            more.await;
        }
    }
}

impl Lifecycle for Events {
    fn publish(&self, event: LifecycleEvent) {
        self.0.lock().push(event);
        self.1.notify_one();
    }
}

pub(crate) fn desk_with(
    launcher: Arc<dyn Launcher>,
    fake: FakeHostBuilder,
    change: impl FnOnce(ProcessesBuilder) -> ProcessesBuilder,
) -> Desk {
    let workspace = tempfile::tempdir().unwrap();
    let home = workspace.path().join(".home");
    std::fs::create_dir(&home).unwrap();
    let root = workspace.path().to_owned();
    let ground = Ground { workspace: root, home: Some(home), network: Network::Host };
    let events = Arc::new(Events::default());
    let builder = Processes::builder(launcher, Arc::new(ground)).events(events.clone());
    let processes = change(builder).build().unwrap();
    Desk { state: store(fake, &processes), processes, events, workspace }
}

/// Real children, without a sandbox.
pub(crate) fn desk() -> Desk {
    desk_with(Arc::new(Direct), FakeHost::builder(), |builder| builder)
}

/// Children that do what the test says.
pub(crate) fn puppets() -> (Desk, Script) {
    let (launcher, script) = scripted();
    (desk_with(launcher, FakeHost::builder(), |builder| builder), script)
}

pub(crate) fn puppets_of(fake: FakeHostBuilder) -> (Desk, Script) {
    let (launcher, script) = scripted();
    (desk_with(launcher, fake, |builder| builder), script)
}

pub(crate) fn run(cmd: &str, args: &[&str]) -> SpawnRequest {
    SpawnRequest {
        cmd: cmd.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        ..SpawnRequest::default()
    }
}

pub(crate) fn sh(script: &str) -> SpawnRequest {
    run("sh", &["-c", script])
}

/// The arm a guest sees.
pub(crate) fn arm(error: Error) -> String {
    match arms::V1_0::from(error) {
        arms::V1_0::Unknown(text) => text,
        other => format!("{other:?}"),
    }
}

pub(crate) fn arm_of<T>(result: Result<T, Error>) -> String {
    result.map_or_else(arm, |_| "ok".to_owned())
}

/// How long something may take that takes next to nothing, on a machine that does everything else first.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until it is so.
pub(crate) async fn eventually(mut so: impl FnMut() -> bool) {
    let looks = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.expect("it never came to be");
}

pub(crate) fn is_alive(pid: u32) -> bool {
    // A zombie has no command line any more.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

impl State {
    /// What comes until `enough` says so, waiting for more in between.
    pub(crate) async fn logs_until(
        &mut self,
        handle: &Resource<ProcessHandle>,
        enough: impl Fn(&str) -> bool,
    ) -> String {
        let mut text = String::new();
        loop {
            let ready = self.process().handle_subscribe_logs(handle).unwrap();
            tokio::time::timeout(PATIENCE, self.io().block(&ready)).await.unwrap().unwrap();
            self.drop_pollable(ready);
            let logs = self.process().handle_read_logs(handle).unwrap();
            text.push_str(&logs.stdout);
            if enough(&text) || !logs.running {
                return text;
            }
        }
    }

    pub(crate) fn drop_pollable(&mut self, pollable: Resource<Pollable>) {
        self.fake.cx().table.delete(pollable).unwrap();
    }

    /// A persistent child's id.
    pub(crate) async fn keep(&mut self, request: SpawnRequest) -> String {
        self.process().spawn_persistent(request).await.unwrap()
    }

    pub(crate) async fn hold(&mut self, request: SpawnRequest) -> Resource<ProcessHandle> {
        self.process().spawn_background(request).await.unwrap()
    }
}

//! A backend whose children do what a test says.

use std::sync::Arc;

use astrid_host_process::{
    BoxFuture, Control, Exit, Grade, Launch, LaunchError, Launcher, Running, Signal, Unconfined, Usage,
};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, watch};

/// Bytes of a pipe, as Linux has it.
const PIPE: usize = 64 * 1024;

pub(crate) const GRADE: Grade =
    Grade { name: "scripted", persistent: true, fixed_paths: true, injections: true };

pub(crate) struct Scripted {
    shared: Arc<Mutex<Shared>>,
    begun: mpsc::UnboundedSender<Puppet>,
}

struct Shared {
    grade: Result<Grade, Unconfined>,
    refuse: Option<LaunchError>,
    /// Starts do not come to an end.
    hangs: bool,
    starts: usize,
}

/// The test's side.
pub(crate) struct Script {
    shared: Arc<Mutex<Shared>>,
    begun: mpsc::UnboundedReceiver<Puppet>,
}

pub(crate) fn scripted() -> (Arc<Scripted>, Script) {
    let (tx, rx) = mpsc::unbounded_channel();
    let shared = Shared { grade: Ok(GRADE), refuse: None, hangs: false, starts: 0 };
    let shared = Arc::new(Mutex::new(shared));
    (Arc::new(Scripted { shared: shared.clone(), begun: tx }), Script { shared, begun: rx })
}

impl Script {
    /// The next child that was started.
    pub(crate) async fn next(&mut self) -> Puppet {
        tokio::time::timeout(super::PATIENCE, self.begun.recv()).await.unwrap().unwrap()
    }

    pub(crate) fn grade(&self, grade: Result<Grade, Unconfined>) {
        self.shared.lock().grade = grade;
    }

    /// The next start fails so.
    pub(crate) fn refuse(&self, error: LaunchError) {
        self.shared.lock().refuse = Some(error);
    }

    pub(crate) fn hang(&self, hangs: bool) {
        self.shared.lock().hangs = hangs;
    }

    /// Starts so far, failed ones included.
    pub(crate) fn starts(&self) -> usize {
        self.shared.lock().starts
    }
}

impl Launcher for Scripted {
    fn grade(&self) -> Result<Grade, Unconfined> {
        self.shared.lock().grade.clone()
    }

    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        Box::pin(async move {
            let hangs = {
                let mut shared = self.shared.lock();
                shared.starts += 1;
                if let Some(error) = shared.refuse.take() {
                    return Err(error);
                }
                shared.hangs
            };
            if hangs {
                std::future::pending::<()>().await;
            }
            let ((out, stdout), (err, stderr)) = (duplex(PIPE), duplex(PIPE));
            let (stdin, input) = duplex(PIPE);
            let strings = Arc::new(Strings {
                told: Mutex::new(Vec::new()),
                pipes: Mutex::new(Some((out, err))),
                exit: watch::Sender::new(None),
                obeys: Mutex::new(Obeys::Kill),
            });
            let pipe = launch.stdin.then_some(stdin);
            let _ = self.begun.send(Puppet { launch, input, strings: strings.clone() });
            Ok(Running {
                control: Box::new(Hand(strings)),
                stdin: pipe.map(|pipe| Box::new(pipe) as _),
                stdout: Box::new(stdout),
                stderr: Box::new(stderr),
            })
        })
    }
}

/// What a child does about being told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obeys {
    /// SIGKILL alone.
    Kill,
    /// SIGTERM and SIGINT too.
    Signals,
    /// Nothing at all.
    Nothing,
}

/// A child, from the inside.
pub(crate) struct Puppet {
    pub(crate) launch: Launch,
    input: DuplexStream,
    strings: Arc<Strings>,
}

struct Strings {
    told: Mutex<Vec<Option<Signal>>>,
    pipes: Mutex<Option<(DuplexStream, DuplexStream)>>,
    exit: watch::Sender<Option<Exit>>,
    obeys: Mutex<Obeys>,
}

impl Strings {
    fn end(&self, exit: Exit) {
        drop(self.pipes.lock().take());
        self.exit.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(exit);
            first
        });
    }
}

impl Puppet {
    pub(crate) fn obeys(&self, obeys: Obeys) {
        *self.strings.obeys.lock() = obeys;
    }

    pub(crate) fn exit(&self, code: i32) {
        self.strings.end(Exit { code: Some(code), signal: None });
    }

    /// Ends and leaves its pipes to somebody who keeps them open.
    pub(crate) fn exit_with_open_pipes(&self, code: i32) {
        self.strings.exit.send_replace(Some(Exit { code: Some(code), signal: None }));
    }

    /// Writes to its standard output what fits into the pipe.
    pub(crate) async fn say(&self, text: impl AsRef<[u8]>) {
        let mut pipes = self.strings.pipes.lock().take().unwrap();
        pipes.0.write_all(text.as_ref()).await.unwrap();
        *self.strings.pipes.lock() = Some(pipes);
    }

    /// The signals it got, `None` for a kill.
    pub(crate) fn told(&self) -> Vec<Option<Signal>> {
        self.strings.told.lock().clone()
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> Exit {
        let mut exit = self.strings.exit.subscribe();
        let ended = exit.wait_for(Option::is_some);
        tokio::time::timeout(super::PATIENCE, ended).await.unwrap().unwrap().unwrap()
    }

    /// All of its input, to the end.
    pub(crate) async fn input(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        tokio::time::timeout(super::PATIENCE, self.input.read_to_end(&mut all)).await.unwrap().unwrap();
        all
    }

    pub(crate) async fn input_of(&mut self, bytes: usize) -> Vec<u8> {
        let mut some = vec![0; bytes];
        tokio::time::timeout(super::PATIENCE, self.input.read_exact(&mut some)).await.unwrap().unwrap();
        some
    }
}

struct Hand(Arc<Strings>);

impl Control for Hand {
    fn pid(&self) -> u32 {
        4711
    }

    fn signal(&self, signal: Signal) {
        if self.0.exit.borrow().is_some() {
            return;
        }
        self.0.told.lock().push(Some(signal));
        let obeys = *self.0.obeys.lock() == Obeys::Signals;
        let number = match signal {
            Signal::Term => 15,
            Signal::Int => 2,
            _ => return,
        };
        if obeys {
            self.0.end(Exit { code: None, signal: Some(number) });
        }
    }

    fn kill(&self) {
        if self.0.exit.borrow().is_some() {
            return;
        }
        self.0.told.lock().push(None);
        if *self.0.obeys.lock() != Obeys::Nothing {
            self.0.end(Exit { code: None, signal: Some(9) });
        }
    }

    fn ended(&self) -> BoxFuture<'_, Exit> {
        let mut exit = self.0.exit.subscribe();
        Box::pin(async move { exit.wait_for(Option::is_some).await.unwrap().unwrap() })
    }

    fn usage(&self) -> BoxFuture<'_, Usage> {
        let over = self.0.exit.borrow().is_some();
        Box::pin(std::future::ready(Usage { cpu_ms: if over { 20 } else { 10 }, mem_bytes_peak: 4096 }))
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.kill();
    }
}

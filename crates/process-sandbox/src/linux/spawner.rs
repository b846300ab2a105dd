//! The thread on which processes are started. Linux ends a child that asked for it when the *thread* ends that
//! started it, so this one lives as long as anything that runs.

use std::io;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::oneshot;

/// How often children are looked at that nobody waits for any more.
const LOOK: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce() + Send>;

enum Task {
    Run(Job),
    Reap(Child),
}

/// The thread; it ends when this is dropped and what it was given is done.
#[derive(Debug)]
pub(super) struct Spawner {
    tasks: Sender<Task>,
}

impl Spawner {
    pub(super) fn new() -> io::Result<Self> {
        let (tasks, todo) = mpsc::channel();
        std::thread::Builder::new().name("astrid-spawner".to_owned()).spawn(move || work(&todo))?;
        Ok(Self { tasks })
    }

    /// Does `job` on the thread. What it answers is dropped there if nobody waits for it.
    pub(super) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || drop(answer.send(job())));
        self.tasks.send(Task::Run(job)).ok()?;
        answered.await.ok()
    }

    /// Reaps a process that is being killed.
    pub(super) fn reap(&self, child: Child) {
        let _ = self.tasks.send(Task::Reap(child));
    }
}

fn work(tasks: &Receiver<Task>) {
    let mut dying: Vec<Child> = Vec::new();
    loop {
        let next = if dying.is_empty() {
            tasks.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            tasks.recv_timeout(LOOK)
        };
        match next {
            Ok(Task::Run(job)) => job(),
            Ok(Task::Reap(child)) => dying.push(child),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if dying.is_empty() => return,
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
        }
        dying.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

//! The methods of `process-handle`.

use std::time::Duration;

use tokio::time::timeout;
use wasmtime::component::Resource;

use super::lookup::reach;
use super::wait::{end_of, marked};
use crate::checked::check_write;
use crate::child::Reason;
use crate::handle::Reached;
use crate::limits::REAPED;
use crate::op_table::{
    HANDLE_CLOSE_STDIN, HANDLE_DROP, HANDLE_KILL, HANDLE_OS_PID, HANDLE_READ_LOGS, HANDLE_SIGNAL,
    HANDLE_WAIT, HANDLE_WAIT_WITH_OUTPUT, HANDLE_WRITE_STDIN,
};
use crate::{Error, Exit, KillResult, Logs, ProcessCtxView, ProcessHandle, ProcessResult, Signal};

type Handle = Resource<ProcessHandle>;

impl ProcessCtxView<'_> {
    /// Takes what the child wrote.
    ///
    /// # Errors
    /// The handle is another principal's, or its id was removed.
    pub fn handle_read_logs(&mut self, handle: &Handle) -> Result<Logs, Error> {
        let entry = self.host.enter(&HANDLE_READ_LOGS);
        let table = &mut *self.host.table;
        entry.run_now(|| {
            let reached = reach(table, &entry, handle)?;
            let _touched = reached.child.use_it();
            let logs = reached.child.logs();
            entry.moved(logs.stdout.len() + logs.stderr.len());
            Ok(logs)
        })
    }

    /// Writes all of `data` to the child's input.
    ///
    /// # Errors
    /// Too large, closed, or the call is over, after which the input is closed.
    pub async fn handle_write_stdin(&mut self, handle: &Handle, data: &[u8]) -> Result<u32, Error> {
        let entry = self.host.enter(&HANDLE_WRITE_STDIN);
        let table = &mut *self.host.table;
        let work = async {
            let child = reach(table, &entry, handle)?.child;
            let length = check_write(data)?;
            let _using = child.use_it();
            child.write(data).await?;
            entry.moved(data.len());
            Ok(length)
        };
        entry.run(marked(&entry, work)).await
    }

    /// Ends the child's input; again changes nothing.
    ///
    /// # Errors
    /// The handle is another principal's, or its id was removed.
    pub fn handle_close_stdin(&mut self, handle: &Handle) -> Result<(), Error> {
        let entry = self.host.enter(&HANDLE_CLOSE_STDIN);
        let table = &mut *self.host.table;
        entry.run_now(|| {
            let reached = reach(table, &entry, handle)?;
            let _touched = reached.child.use_it();
            reached.child.close_stdin();
            Ok(())
        })
    }

    /// Signals the child's process group.
    ///
    /// # Errors
    /// It has ended.
    pub fn handle_signal(&mut self, handle: &Handle, signal: Signal) -> Result<(), Error> {
        let entry = self.host.enter(&HANDLE_SIGNAL);
        let table = &mut *self.host.table;
        entry.fact("signal", || format!("{signal:?}").to_lowercase());
        entry.run_now(|| {
            let reached = reach(table, &entry, handle)?;
            let _touched = reached.child.use_it();
            if reached.child.ended().is_some() {
                return Err(Error::Closed);
            }
            reached.child.signal(signal);
            Ok(())
        })
    }

    /// Kills the child with all it started, waits up to [`REAPED`] for it, and takes what it wrote.
    ///
    /// # Errors
    /// The handle is another principal's, its id was removed, or the call is over.
    pub async fn handle_kill(&mut self, handle: &Handle) -> Result<KillResult, Error> {
        let entry = self.host.enter(&HANDLE_KILL);
        let table = &mut *self.host.table;
        let work = async {
            let child = reach(table, &entry, handle)?.child;
            let _using = child.use_it();
            let killed = child.kill(Reason::Killed);
            let ended = timeout(REAPED, child.end()).await.ok();
            let (stdout, stderr) = child.drain();
            Ok(KillResult { killed, exit: ended.map(|ended| ended.exit), stdout, stderr })
        };
        entry.run(marked(&entry, work)).await
    }

    /// Waits for the child's end.
    ///
    /// # Errors
    /// It does not end in time, an attached handle has no limit, or the call is over.
    pub async fn handle_wait(&mut self, handle: &Handle, timeout_ms: Option<u64>) -> Result<Exit, Error> {
        let entry = self.host.enter(&HANDLE_WAIT);
        let table = &mut *self.host.table;
        let work = async {
            let reached = reach(table, &entry, handle)?;
            let limit = limit(&reached, timeout_ms)?;
            let _using = reached.child.use_it();
            Ok(end_of(&reached.child, limit).await?.exit)
        };
        entry.run(marked(&entry, work)).await
    }

    /// Waits for the child's end and takes what nobody has taken; nothing if it does not end in time.
    ///
    /// # Errors
    /// As [`ProcessCtxView::handle_wait`].
    pub async fn handle_wait_with_output(
        &mut self,
        handle: &Handle,
        timeout_ms: Option<u64>,
    ) -> Result<ProcessResult, Error> {
        let entry = self.host.enter(&HANDLE_WAIT_WITH_OUTPUT);
        let table = &mut *self.host.table;
        let work = async {
            let reached = reach(table, &entry, handle)?;
            let limit = limit(&reached, timeout_ms)?;
            let child = &reached.child;
            let _using = child.use_it();
            let exit = end_of(child, limit).await?.exit;
            child.outputs_finished().await;
            let (stdout, stderr) = child.drain();
            entry.moved(stdout.len() + stderr.len());
            Ok(ProcessResult { stdout, stderr, exit })
        };
        entry.run(marked(&entry, work)).await
    }

    /// The command's pid on the host.
    ///
    /// # Errors
    /// It has ended.
    pub fn handle_os_pid(&mut self, handle: &Handle) -> Result<u32, Error> {
        let entry = self.host.enter(&HANDLE_OS_PID);
        let table = &mut *self.host.table;
        entry.run_now(|| {
            let child = reach(table, &entry, handle)?.child;
            let _touched = child.use_it();
            child.pid().ok_or(Error::Closed)
        })
    }

    /// Lets go: an owned child is killed, at once by its own principal and later by any other.
    ///
    /// # Errors
    /// The handle is not in the table.
    pub fn drop_handle(&mut self, handle: Handle) -> Result<(), Error> {
        let entry = self.host.enter(&HANDLE_DROP);
        let (table, processes) = (&mut *self.host.table, &self.ctx.processes);
        entry.run_always(|| {
            let mut handle = table.delete(handle)?;
            if handle.principal.as_ref() != entry.call().principal()
                && let Some(child) = handle.release()
            {
                drop(handle);
                child.waiters.wake();
                processes.detach(child);
            }
            Ok(())
        })
    }
}

/// Who attaches waits with a limit: the child may live for hours without them.
fn limit(reached: &Reached, timeout_ms: Option<u64>) -> Result<Option<Duration>, Error> {
    if timeout_ms.is_none() && reached.kept.is_some() {
        return Err(Error::Invalid("a wait on an attached handle has a limit"));
    }
    Ok(timeout_ms.map(Duration::from_millis))
}

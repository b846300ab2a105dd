//! Input, signals and waits by id, and `attach`.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;

use super::lookup::find;
use super::wait::{end_of, marked};
use crate::checked::check_write;
use crate::handle::Hold;
use crate::limits::MAX_WAIT;
use crate::op_table::{ATTACH, CLOSE_STDIN, SIGNAL, WAIT, WRITE_STDIN};
use crate::{Error, Exit, ProcessCtxView, ProcessHandle, Signal};

impl ProcessCtxView<'_> {
    /// A handle that does not own the child.
    ///
    /// # Errors
    /// No such process, or too many handles of the instance.
    pub fn attach(&mut self, id: &str) -> Result<Resource<ProcessHandle>, Error> {
        let entry = self.host.enter(&ATTACH);
        let ctx = &*self.ctx;
        let table = &mut *self.host.table;
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let place = ctx.attach(&entry)?;
            let _touched = kept.child.use_it();
            let hold = Hold::Attached(Arc::downgrade(&kept), place);
            let handle = ProcessHandle::new(entry.call().principal().cloned(), hold);
            let limit = table.max_capacity() as u64;
            table.push(handle).map_err(|_full| Error::TooMany { what: "handles of an instance", limit })
        })
    }

    /// Writes all of `data` to the child's input.
    ///
    /// # Errors
    /// Too large, no such process, closed, or the call is over, after which the input is closed.
    pub async fn write_stdin(&mut self, id: &str, data: &[u8]) -> Result<u32, Error> {
        let entry = self.host.enter(&WRITE_STDIN);
        let ctx = &*self.ctx;
        let work = async {
            let kept = find(ctx, &entry, id)?;
            let length = check_write(data)?;
            let _using = kept.child.use_it();
            kept.child.write(data).await?;
            entry.moved(data.len());
            Ok(length)
        };
        entry.run(marked(&entry, work)).await
    }

    /// Ends the child's input; again changes nothing.
    ///
    /// # Errors
    /// No such process.
    pub fn close_stdin(&mut self, id: &str) -> Result<(), Error> {
        let entry = self.host.enter(&CLOSE_STDIN);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let _touched = kept.child.use_it();
            kept.child.close_stdin();
            Ok(())
        })
    }

    /// Signals the child's process group; without effect after its end.
    ///
    /// # Errors
    /// No such process.
    pub fn signal(&mut self, id: &str, signal: Signal) -> Result<(), Error> {
        let entry = self.host.enter(&SIGNAL);
        let ctx = &*self.ctx;
        entry.fact("signal", || format!("{signal:?}").to_lowercase());
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let _touched = kept.child.use_it();
            if kept.child.ended().is_none() {
                kept.child.signal(signal);
            }
            Ok(())
        })
    }

    /// Waits for the child's end, at most [`MAX_WAIT`], and keeps its id.
    ///
    /// # Errors
    /// No such process, it does not end in time, or the call is over.
    pub async fn wait(&mut self, id: &str, timeout_ms: u64) -> Result<Exit, Error> {
        let entry = self.host.enter(&WAIT);
        let ctx = &*self.ctx;
        let work = async {
            let kept = find(ctx, &entry, id)?;
            let _using = kept.child.use_it();
            let limit = Duration::from_millis(timeout_ms).min(MAX_WAIT);
            Ok(end_of(&kept.child, Some(limit)).await?.exit)
        };
        entry.run(marked(&entry, work)).await
    }
}

//! What is kept, and how it is.

use std::collections::HashSet;

use astrid_host_context::{Entry, Target};

use super::lookup::{find, may};
use super::wait::marked;
use crate::limits::MAX_IDS;
use crate::op_table::{LIST, MAY_SPAWN, STATUS, STATUS_MANY};
use crate::registry::Kept;
use crate::{Error, Phase, ProcessCtxView, ProcessInfo};

impl ProcessCtxView<'_> {
    /// The caller's own, oldest first; with a filter, those whose label has it in it.
    ///
    /// # Errors
    /// The capsule may start nothing, or the call is over.
    pub async fn list_processes(&mut self, filter: Option<&str>) -> Result<Vec<ProcessInfo>, Error> {
        let entry = self.host.enter(&LIST);
        let ctx = &*self.ctx;
        let work = async {
            may(&entry, MAY_SPAWN, Target::None)?;
            let mut infos = Vec::new();
            for kept in ctx.processes.registry.list(entry.call()) {
                if kept.terms.label.as_str().contains(filter.unwrap_or_default()) {
                    infos.push(info(&kept).await);
                }
            }
            count(&entry, &infos);
            Ok(infos)
        };
        entry.run(marked(&entry, work)).await
    }

    /// One as it is now.
    ///
    /// # Errors
    /// No such process, or the call is over.
    pub async fn status(&mut self, id: &str) -> Result<ProcessInfo, Error> {
        let entry = self.host.enter(&STATUS);
        let ctx = &*self.ctx;
        let work = async { Ok(info(&*find(ctx, &entry, id)?).await) };
        entry.run(marked(&entry, work)).await
    }

    /// Several, each once, in the order asked for; what the caller has not is left out.
    ///
    /// # Errors
    /// More than [`MAX_IDS`], the capsule may start nothing, or the call is over.
    pub async fn status_many(&mut self, ids: &[String]) -> Result<Vec<ProcessInfo>, Error> {
        let entry = self.host.enter(&STATUS_MANY);
        let ctx = &*self.ctx;
        let work = async {
            may(&entry, MAY_SPAWN, Target::None)?;
            if ids.len() > MAX_IDS {
                return Err(Error::Invalid("at most 256 ids are asked for at a time"));
            }
            let (mut seen, mut infos) = (HashSet::new(), Vec::new());
            for id in ids {
                let hash = ctx.processes.ids.hash(id);
                let kept = ctx.processes.registry.find(&hash, entry.call());
                if let Some(kept) = kept.filter(|_| seen.insert(hash)) {
                    infos.push(info(&kept).await);
                }
            }
            entry.fact("asked", || ids.len().to_string());
            count(&entry, &infos);
            Ok(infos)
        };
        entry.run(marked(&entry, work)).await
    }
}

fn count(entry: &Entry, infos: &[ProcessInfo]) {
    entry.fact("count", || infos.len().to_string());
}

async fn info(kept: &Kept) -> ProcessInfo {
    let child = &kept.child;
    let usage = child.usage().await;
    let ended = child.ended();
    ProcessInfo {
        id: kept.id.as_str().to_owned(),
        label: kept.terms.label.as_str().to_owned(),
        command: kept.command.clone(),
        os_pid: child.pid(),
        phase: if ended.is_some() { Phase::Exited } else { Phase::Running },
        exit: ended.map(|ended| ended.exit),
        age_ms: u64::try_from(child.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        idle_ms: child.idle_ms(),
        buffered_bytes: child.buffered(),
        bytes_dropped: child.evicted(),
        stdin_open: child.takes_input(),
        cpu_ms: Some(usage.cpu_ms),
        mem_bytes_peak: Some(usage.mem_bytes_peak),
    }
}

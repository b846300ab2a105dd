//! What a child may use up.

use astrid_host_context::{Entry, Resource};

use crate::limits::{CPU_SECS, MEMORY, OPEN_FILES, PIDS};
use crate::{Error, Limit, Limits, ResourceLimits};

/// A guest's value counts below what is in force for the call; 0 would be a child that cannot run.
pub(crate) fn parse(entry: &Entry, given: Option<ResourceLimits>) -> Result<Limits, Error> {
    let given = given.unwrap_or_default();
    let limit = |value: Option<u64>, resource: &'static Resource| {
        let most = entry.limit(resource);
        match value {
            Some(0) => Err(Error::Invalid("a limit is at least 1")),
            Some(value) => Ok(Limit { value: value.min(most), explicit: true }),
            None => Ok(Limit { value: most, explicit: false }),
        }
    };
    Ok(Limits {
        memory: limit(given.max_memory_bytes, &MEMORY)?,
        cpu_secs: limit(given.max_cpu_secs, &CPU_SECS)?,
        pids: limit(given.max_pids.map(u64::from), &PIDS)?,
        open_files: limit(given.max_open_files.map(u64::from), &OPEN_FILES)?,
    })
}

//! What a tree of processes has used up, read from `/proc`.

use std::fs;

use astrid_host_process::Usage;

/// Processes that are looked at, at most: a tree is bounded by the machine alone where pids are not.
const MOST: usize = 4096;

/// Figures of all that `shim` has started and that has been waited for or lives; not the shim's own.
pub(super) fn of_tree(shim: u32) -> Usage {
    let mut usage = Usage { cpu_ms: 0, mem_bytes_peak: 0 };
    let mut ticks = times(shim).map_or(0, |[_, _, waited_user, waited_system]| waited_user + waited_system);
    let mut todo = children(shim);
    let mut seen = 0;
    while let Some(pid) = todo.pop() {
        ticks += times(pid).map_or(0, |times| times.iter().sum());
        usage.mem_bytes_peak += peak(pid).unwrap_or(0);
        seen += 1;
        if seen < MOST {
            todo.extend(children(pid));
        }
    }
    usage.cpu_ms = ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1);
    usage
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Ticks: user, system, and those of its children that it has waited for.
fn times(pid: u32) -> Option<[u64; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may itself hold both.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

/// Bytes of its largest resident set.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

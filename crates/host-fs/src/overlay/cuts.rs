//! Where the lower tree is not seen any more: at these paths and below.
//!
//! One list says all that whiteouts and opaque directories would: a cut with nothing in the upper tree is
//! a removed name, a cut with a directory there is one that was made anew.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::fault::Fault;
use crate::volume::File;

/// Ends a record; no path holds it, and a record without it was not finished.
const END: u8 = 0;

/// The cuts and the file that keeps them.
#[derive(Debug)]
pub(super) struct Cuts {
    paths: BTreeSet<String>,
    log: Box<dyn File>,
}

impl Cuts {
    /// Reads what an earlier process kept. The file must be open for reading; `log` appends to it.
    pub(super) fn load(read: &dyn File, log: Box<dyn File>) -> Result<Self, Fault> {
        let size = usize::try_from(read.stat()?.size).map_err(|_| Fault::TooLarge)?;
        let mut bytes = vec![0; size];
        let length = read.read_at(&mut bytes, 0)?;
        bytes.truncate(length);
        let whole = bytes.iter().rposition(|byte| *byte == END).map_or(0, |end| end + 1);
        if whole < bytes.len() {
            log.set_len(whole as u64)?;
            bytes.truncate(whole);
        }
        let mut cuts = Self { paths: BTreeSet::new(), log };
        for record in bytes.split(|byte| *byte == END).filter(|record| !record.is_empty()) {
            // A path no guest could name would not have been written.
            if let Ok(path) = std::str::from_utf8(record) {
                cuts.insert(path);
            }
        }
        Ok(cuts)
    }

    /// Whether the lower tree is cut at exactly this path.
    pub(super) fn holds(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Cuts, and keeps it.
    ///
    /// # Errors
    /// It could not be kept; then nothing is cut.
    pub(super) fn add(&mut self, path: &str) -> Result<(), Fault> {
        if self.holds(path) {
            return Ok(());
        }
        let mut record = path.as_bytes().to_vec();
        record.push(END);
        self.log.append(&record, u64::MAX)?;
        self.insert(path);
        Ok(())
    }

    /// Waits until the cuts are on the device.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.log.sync(false)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// What lies below a cut need not be cut as well.
    fn insert(&mut self, path: &str) {
        let below = format!("{path}/");
        let from = (Bound::Included(below.clone()), Bound::Unbounded);
        let covered: Vec<String> =
            self.paths.range(from).take_while(|path| path.starts_with(&below)).cloned().collect();
        for path in covered {
            self.paths.remove(&path);
        }
        self.paths.insert(path.to_owned());
    }
}

//! Counting what only the lower tree shows, so that a removal can say how much went.

use super::View;
use super::find::{Layer, Node, join};
use crate::fault::Fault;
use crate::volume::{FileKind, Stop};

/// Entries between two looks at the token; the contract's figure.
const STEP: u64 = 256;

impl View<'_> {
    /// Entries at and below a directory that are seen and are not in the upper tree.
    pub(super) fn tally(&self, relative: &str, node: &Node, stop: &Stop) -> Result<u64, Fault> {
        let raised = node.layer == Layer::Upper;
        let mut count = u64::from(!raised);
        let mut waiting = Vec::new();
        if node.below {
            waiting.push((relative.to_owned(), raised));
        }
        let cuts = self.cuts.read();
        while let Some((directory, raised)) = waiting.pop() {
            let children = match self.lower.children(&directory) {
                // Hidden by the upper directory, or gone since it was listed.
                Err(Fault::NotDirectory | Fault::NotFound) => continue,
                found => found?,
            };
            for (name, is_directory) in children {
                // Nothing of that name can be cut, or be in the upper tree.
                let Ok(name) = name.to_str() else {
                    count += 1;
                    continue;
                };
                let child = join(&directory, name);
                if cuts.holds(&child) {
                    continue;
                }
                let upper = if raised { self.upper.peek(&self.path(&child))? } else { None };
                if upper.is_none() {
                    count += 1;
                    if count.is_multiple_of(STEP) {
                        stop.check()?;
                    }
                }
                let merges = upper.is_none_or(|upper| upper.kind() == FileKind::Directory);
                if is_directory && merges {
                    waiting.push((child, upper.is_some()));
                }
            }
        }
        Ok(count)
    }
}

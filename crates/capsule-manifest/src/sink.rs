//! Collects faults and warnings while the steps of the validation run.

use std::path::Path;

use crate::code::Code;
use crate::cursor::{Cursor, KeyPath};
use crate::error::{ManifestError, ManifestFault, ManifestWarning};
use crate::position::LineIndex;

/// Proof that a fault was recorded: whoever holds one cannot have a value, and the step cannot succeed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faulted(());

/// Where a report points: a path and a byte offset.
pub(crate) struct Spot {
    key: String,
    offset: usize,
}

impl Spot {
    pub(crate) fn new(path: &KeyPath<'_>, offset: usize) -> Self {
        Self {
            key: path.to_string(),
            offset,
        }
    }
}

/// At the value.
impl From<&Cursor<'_>> for Spot {
    fn from(cursor: &Cursor<'_>) -> Self {
        Self::new(&cursor.path, cursor.node.at)
    }
}

/// At the key instead of the value.
pub(crate) fn key_of(cursor: &Cursor<'_>) -> Spot {
    Spot::new(&cursor.path, cursor.key_at)
}

pub(crate) struct Sink<'a> {
    path: &'a Path,
    lines: LineIndex<'a>,
    faults: Vec<ManifestFault>,
    warnings: Vec<ManifestWarning>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            lines: LineIndex::new(text),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Records a fault. An empty `allowed` means that the accepted values cannot be enumerated.
    pub(crate) fn fault(
        &mut self,
        spot: impl Into<Spot>,
        code: Code,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Faulted {
        let Spot { key, offset } = spot.into();
        let (line, column) = self.lines.locate(offset);
        let allowed = Some(allowed.into()).filter(|text| !text.is_empty());
        self.faults.push(ManifestFault {
            path: self.path.to_owned(),
            key,
            line: Some(line),
            column: Some(column),
            code,
            problem: problem.into(),
            allowed,
        });
        Faulted(())
    }

    pub(crate) fn warn(&mut self, spot: impl Into<Spot>, code: Code, message: impl Into<String>) {
        let Spot { key, offset } = spot.into();
        let (line, column) = self.lines.locate(offset);
        self.warnings.push(ManifestWarning {
            path: self.path.to_owned(),
            key,
            line: Some(line),
            column: Some(column),
            code,
            message: message.into(),
        });
    }

    /// Ends a step: its faults, if there are any, are the answer.
    pub(crate) fn end_step(&mut self) -> Result<(), ManifestError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(ManifestError::from_faults(std::mem::take(&mut self.faults)))
    }

    /// Ends a step that yields one value.
    pub(crate) fn settle<T>(&mut self, outcome: Result<T, Faulted>) -> Result<T, ManifestError> {
        match outcome {
            Ok(value) => self.end_step().map(|()| value),
            Err(Faulted(())) => Err(ManifestError::from_faults(std::mem::take(&mut self.faults))),
        }
    }

    pub(crate) fn into_warnings(self) -> Vec<ManifestWarning> {
        self.warnings
    }
}

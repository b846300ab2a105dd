//! The functions of one core module, as far as telling a placeholder from a real export needs them.

use wasmparser::{BinaryReaderError, ExternalKind, FunctionBody, Operator, Payload, TypeRef};

/// Calls followed from an export to the code that does the work. Toolchains wrap an export in one or
/// two forwarding functions; the guest chapter bounds the search to four.
const HOPS: usize = 4;

/// Function bodies kept for one module: the limit on functions of the WebAssembly web embedding, which
/// wasmtime's validation enforces too. It bounds the memory a hostile binary can make the scan take.
const MAX_FUNCTIONS: usize = 1_000_000;

/// Index of a function of one module, imports first.
type FunctionIndex = u32;

/// Which export of the trio a fact is about; also its place in the arrays.
pub(crate) const TRIO: [&str; 3] = [crate::RUN, crate::INSTALL, crate::UPGRADE];

/// What one core module says about one export of the trio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The module does not export a function of that name.
    Absent,
    /// It shares its code with `run`, or is a `run` that shares its code.
    Placeholder,
    /// It has code of its own, or shares it only within install and upgrade.
    Real,
}

/// A core module while its sections are read.
#[derive(Debug, Default)]
pub(crate) struct Module<'a> {
    imported: usize,
    trio: [Option<FunctionIndex>; 3],
    bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Module<'a> {
    /// Takes one section in. Sections that say nothing about functions are ignored.
    pub(crate) fn read(&mut self, payload: Payload<'a>) -> Result<(), Unreadable> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.imported += usize::from(is_function(import?.ty));
                    if self.imported > MAX_FUNCTIONS {
                        return Err(Unreadable::TooManyFunctions);
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact)
                        && let Some((_, slot)) =
                            TRIO.iter().zip(&mut self.trio).find(|(name, _)| **name == export.name)
                    {
                        *slot = Some(export.index);
                    }
                }
            }
            // Exports come before code, so it is known here whether bodies will be asked for.
            Payload::CodeSectionEntry(body) if self.trio.iter().flatten().count() > 1 => {
                if self.bodies.len() == MAX_FUNCTIONS {
                    return Err(Unreadable::TooManyFunctions);
                }
                self.bodies.push(body);
            }
            _ => {}
        }
        Ok(())
    }

    /// Judges the trio by rules 3 to 5 of the guest chapter §2.1: whoever shares code with `run` is a
    /// placeholder, and so is `run` then. Install and upgrade sharing only with each other are real.
    pub(crate) fn judge(&self) -> [Verdict; 3] {
        let [run, install, upgrade] = self.trio;
        let shares = |other: Option<FunctionIndex>| match (run, other) {
            (Some(run), Some(other)) => self.same_code(run, other),
            _ => false,
        };
        let (with_install, with_upgrade) = (shares(install), shares(upgrade));
        let verdict = |index: Option<FunctionIndex>, shared| match index {
            None => Verdict::Absent,
            Some(_) if shared => Verdict::Placeholder,
            Some(_) => Verdict::Real,
        };
        [
            verdict(run, with_install || with_upgrade),
            verdict(install, with_install),
            verdict(upgrade, with_upgrade),
        ]
    }

    fn same_code(&self, a: FunctionIndex, b: FunctionIndex) -> bool {
        let (a, b) = (self.reached(a), self.reached(b));
        a == b
            || match (self.body(a), self.body(b)) {
                (Some(a), Some(b)) => a.as_bytes() == b.as_bytes(),
                _ => false,
            }
    }

    /// The function where the work is done, behind up to [`HOPS`] forwarding bodies.
    fn reached(&self, start: FunctionIndex) -> FunctionIndex {
        let mut at = start;
        for _ in 0..HOPS {
            match self.body(at).and_then(forwards_to) {
                // An imported function has no body here: what calls it is where the work is done.
                Some(next) if self.body(next).is_some() => at = next,
                _ => break,
            }
        }
        at
    }

    fn body(&self, index: FunctionIndex) -> Option<&FunctionBody<'a>> {
        self.bodies.get(usize::try_from(index).ok()?.checked_sub(self.imported)?)
    }
}

/// Why a module could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Malformed(BinaryReaderError),
    TooManyFunctions,
}

impl From<BinaryReaderError> for Unreadable {
    fn from(error: BinaryReaderError) -> Self {
        Self::Malformed(error)
    }
}

fn is_function(ty: TypeRef) -> bool {
    matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
}

/// The callee of a body that is only `call N; end`. Code that does not read is simply no forwarding
/// body: validation refuses the module later.
fn forwards_to(body: &FunctionBody<'_>) -> Option<FunctionIndex> {
    if body.get_locals_reader().ok()?.get_count() != 0 {
        return None;
    }
    let mut operators = body.get_operators_reader().ok()?;
    let Operator::Call { function_index } = operators.read().ok()? else { return None };
    let Operator::End = operators.read().ok()? else { return None };
    operators.eof().then_some(function_index)
}

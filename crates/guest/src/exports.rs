//! Which of the four exports a component really has.

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use crate::bodies::{Module, TRIO, Unreadable, Verdict};
use crate::{HOOK, INSTALL, RUN, UPGRADE};

/// The exports of one component that are worth calling.
///
/// Depends on the bytes alone, so a host computes it once per component hash and caches it beside the
/// compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Exports {
    /// `astrid-hook-trigger` is exported. Present is real: toolchains never fold it.
    pub has_hook: bool,
    /// `run` is exported and shares its code with neither lifecycle hook. It is still on probation: a
    /// `run` that returns without trapping and without one host call was a placeholder that no
    /// compiler folded, see [`Exports::without_run`].
    pub has_run: bool,
    /// `astrid-install` is exported and shares no code with `run`.
    pub has_install: bool,
    /// `astrid-upgrade` is exported and shares no code with `run`.
    pub has_upgrade: bool,
}

/// Why bytes could not be inspected. The load fails: no export is ever assumed present.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The bytes are a core module.
    #[error("the file is a core module; only components run here")]
    CoreModule,
    /// The bytes are not WebAssembly, or damaged.
    #[error("not a readable WebAssembly component at offset {offset:#x}: {problem}")]
    Malformed {
        /// Where in the file.
        offset: usize,
        /// What was wrong, in the parser's words.
        problem: String,
    },
    /// A core module declares more functions than WebAssembly engines accept.
    #[error("a core module has more than 1000000 functions, which no engine accepts")]
    TooManyFunctions,
}

impl Exports {
    /// Reads a component and tells placeholders from real exports, by the rules of the guest chapter:
    ///
    /// - a name that the component does not export *as a function* is absent;
    /// - within one core module, `run` sharing its code with `astrid-install` or `astrid-upgrade` (the
    ///   same function, or byte-identical bodies behind up to four forwarding calls) makes the sharers
    ///   placeholders; the two hooks sharing only with each other stay real;
    /// - the handler is real when present.
    ///
    /// The bytes are read, not validated: a component that is wrong in other ways is refused when it
    /// is compiled.
    ///
    /// # Errors
    /// [`InspectError`] when the bytes are no component or do not parse.
    pub fn inspect(bytes: &[u8]) -> Result<Self, InspectError> {
        let mut exported = Self::default();
        // One entry for each component or module that is open, the outermost first.
        let mut open: Vec<Option<Module<'_>>> = Vec::new();
        let mut verdicts = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(malformed)? {
                Payload::Version { encoding: Encoding::Module, .. } if open.is_empty() => {
                    return Err(InspectError::CoreModule);
                }
                Payload::Version { encoding, .. } => {
                    open.push(matches!(encoding, Encoding::Module).then(Module::default));
                }
                Payload::ComponentExportSection(section) if open.len() == 1 => {
                    for export in section {
                        let export = export.map_err(malformed)?;
                        if export.kind == ComponentExternalKind::Func {
                            exported.note(export.name.name);
                        }
                    }
                }
                Payload::End(_) => verdicts.extend(open.pop().flatten().map(|module| module.judge())),
                other => {
                    if let Some(Some(module)) = open.last_mut() {
                        module.read(other)?;
                    }
                }
            }
        }
        Ok(exported.judged(&verdicts))
    }

    /// The same exports without `run`, for one that failed its probation.
    #[must_use]
    pub fn without_run(self) -> Self {
        Self { has_run: false, ..self }
    }

    fn note(&mut self, name: &str) {
        match name {
            HOOK => self.has_hook = true,
            RUN => self.has_run = true,
            INSTALL => self.has_install = true,
            UPGRADE => self.has_upgrade = true,
            _ => {}
        }
    }

    /// Takes away what is a placeholder in some module and real in none. A name that no module
    /// exports under itself stays: calling a placeholder is harmless, skipping a real hook is not.
    fn judged(self, verdicts: &[[Verdict; 3]]) -> Self {
        let [run, install, upgrade] = std::array::from_fn::<_, { TRIO.len() }, _>(|member| {
            let says = |verdict| verdicts.iter().filter_map(|v| v.get(member)).any(|v| *v == verdict);
            says(Verdict::Real) || !says(Verdict::Placeholder)
        });
        Self {
            has_hook: self.has_hook,
            has_run: self.has_run && run,
            has_install: self.has_install && install,
            has_upgrade: self.has_upgrade && upgrade,
        }
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> InspectError {
    InspectError::Malformed { offset: error.offset(), problem: error.message().to_owned() }
}

impl From<Unreadable> for InspectError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Malformed(error) => malformed(error),
            Unreadable::TooManyFunctions => Self::TooManyFunctions,
        }
    }
}

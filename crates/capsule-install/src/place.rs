//! Which file lies where.

use std::path::{Path, PathBuf};

use astrid_capsule_manifest::CapsuleId;

use crate::{Code, InstallError};

/// What the backup of a capsule's directory ends with; discovery passes such names over.
const BACKUP: &str = ".bak";
/// What a directory that is being removed begins with.
pub(crate) const GONE: &str = ".gone-";
/// What the directory of an unpacked archive begins with.
pub(crate) const UNPACKED: &str = ".unpack-";
/// What a journal ends with.
pub(crate) const JOURNAL: &str = ".journal";

/// One capsule of one principal below a host's directory.
///
/// Journals and locks lie in the host's `state`, where no capsule writes, whatever it may write of its principal's
/// home: a journal holds what is put into stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: PathBuf,
    principal: String,
    capsule: CapsuleId,
}

impl Place {
    /// The place of `capsule` for `principal` below the host's directory `root`.
    ///
    /// # Errors
    /// [`Code::BadPrincipal`]: the name is not one of 1 to 64 letters, digits, `-` and `_`.
    pub fn new(root: &Path, principal: &str, capsule: &CapsuleId) -> Result<Self, InstallError> {
        check(principal)?;
        Ok(Self { root: root.to_owned(), principal: principal.to_owned(), capsule: capsule.clone() })
    }

    /// The host's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whose capsule it is.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Its name.
    #[must_use]
    pub fn capsule(&self) -> &CapsuleId {
        &self.capsule
    }

    /// The installed capsule: `home/{p}/.local/capsules/{name}`.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.capsules().join(self.capsule.as_str())
    }

    /// What was installed before, until the new one is complete.
    pub(crate) fn backup(&self) -> PathBuf {
        self.capsules().join(format!("{}{BACKUP}", self.capsule))
    }

    /// What is being removed.
    pub(crate) fn gone(&self) -> PathBuf {
        self.capsules().join(format!("{GONE}{}", self.capsule))
    }

    /// The operator's values: `home/{p}/.config/env/{name}.env.json`.
    pub(crate) fn env(&self) -> PathBuf {
        self.home().join(".config/env").join(format!("{}.env.json", self.capsule))
    }

    /// The interfaces of the principal's capsules, for people and capsules to read.
    pub(crate) fn wit(&self) -> PathBuf {
        self.home().join("wit")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        journals(&self.root).join(&self.principal).join(format!("{}{JOURNAL}", self.capsule))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        journals(&self.root).join(&self.principal).join(format!("{}.lock", self.capsule))
    }

    pub(crate) fn capsules(&self) -> PathBuf {
        capsules(&self.root, &self.principal)
    }

    fn home(&self) -> PathBuf {
        self.root.join("home").join(&self.principal)
    }
}

/// Where the capsules of a principal are.
pub(crate) fn capsules(root: &Path, principal: &str) -> PathBuf {
    root.join("home").join(principal).join(".local/capsules")
}

/// Where the journals of all principals are, each in a directory of its own.
pub(crate) fn journals(root: &Path) -> PathBuf {
    root.join("state/install")
}

/// The capsule whose backup has this name.
pub(crate) fn backed_up(name: &str) -> Option<CapsuleId> {
    CapsuleId::parse(name.strip_suffix(BACKUP)?).ok()
}

/// Whether a name can be that of a principal.
pub(crate) fn check(principal: &str) -> Result<(), InstallError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=64).contains(&principal.len()) && principal.bytes().all(allowed) {
        return Ok(());
    }
    let problem = format!("principal {principal:?} is no name");
    Err(InstallError::new(Code::BadPrincipal, problem).allowed("1 to 64 of A-Z a-z 0-9 _ -"))
}

//! What is asked for: a family of actions and one of them in full. Guests write both.

use std::borrow::Cow;

use astrid_host_context::text::{is_hidden, shown};

/// Most characters of an action, the contract's figure: what a person reads at a glance.
pub const MAX_ACTION: usize = 256;
/// Most characters of a resource that is shown whole and can match remembered consent, the contract's figure.
pub const MAX_RESOURCE: usize = 1_024;
/// Characters shown of a longer one, before how many more there are.
const KEPT: usize = 1_000;

/// Why a text is not asked about. Holds none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// More than [`MAX_ACTION`].
    #[error("the action has {0} characters; allowed: up to {MAX_ACTION}")]
    LongAction(usize),
    /// NUL, which ends a text for some readers.
    #[error("the {0} holds NUL; allowed: text without it")]
    Nul(&'static str),
    /// Nothing is left of either.
    #[error("neither action nor resource holds anything that can be shown; allowed: one of them")]
    Empty,
}

/// The family, such as `git push`. May be empty, and then nothing is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    text: String,
    cleaned: bool,
}

impl Action {
    /// Trims the text, checks it, and takes away what is not shown.
    ///
    /// # Errors
    /// [`InvalidText::LongAction`] or [`InvalidText::Nul`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let raw = text.trim();
        let length = raw.chars().count();
        if length > MAX_ACTION {
            return Err(InvalidText::LongAction(length));
        }
        if raw.contains('\0') {
            return Err(InvalidText::Nul("action"));
        }
        let clean = shown(raw);
        // Taking a character away may have left spaces at an end.
        Ok(Self { text: clean.trim().to_owned(), cleaned: clean != raw })
    }

    /// The cleaned text: what is shown, and what consent to the family is consent to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What a person reads.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.is_empty() { "(unspecified)" } else { &self.text }
    }
}

/// The action in full, such as `git push origin main`.
///
/// What is shown and what matches are two texts: a newline that cleaning takes away, or a tail that is cut
/// off, must not hide a second command from whoever consented to the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    shown: String,
    /// `None` where the two would differ.
    matched: Option<String>,
    cleaned: bool,
    cut: bool,
}

impl Resource {
    /// Trims the text, checks it, and makes what is shown of it.
    ///
    /// # Errors
    /// [`InvalidText::Nul`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let raw = text.trim();
        if raw.contains('\0') {
            return Err(InvalidText::Nul("resource"));
        }
        let cleaned = raw.contains(is_hidden);
        let long = raw.chars().nth(MAX_RESOURCE).is_some();
        let matched = (!cleaned && !long).then(|| raw.to_owned());
        let clean = if cleaned { Cow::Owned(shown(raw)) } else { Cow::Borrowed(raw) };
        let length = clean.chars().count();
        let cut = length > MAX_RESOURCE;
        let shown = match cut {
            true => {
                let kept: String = clean.chars().take(KEPT).collect();
                format!("{kept}… [+{} chars]", length - KEPT)
            }
            false => clean.into_owned(),
        };
        Ok(Self { shown, matched, cleaned, cut })
    }

    /// What a person reads.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The raw text that remembered consent is compared with; `None` if a person must read it anew.
    #[must_use]
    pub fn matched(&self) -> Option<&str> {
        self.matched.as_deref()
    }
}

/// Both, of which one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The family.
    pub action: Action,
    /// In full.
    pub resource: Resource,
}

impl Wanted {
    /// Checks both.
    ///
    /// # Errors
    /// [`InvalidText`].
    pub fn parse(action: &str, resource: &str) -> Result<Self, InvalidText> {
        let (action, resource) = (Action::parse(action)?, Resource::parse(resource)?);
        if action.is_empty() && resource.shown.trim().is_empty() {
            return Err(InvalidText::Empty);
        }
        Ok(Self { action, resource })
    }

    /// What the host says about the two texts, for whoever reads them: it is not theirs to say.
    #[must_use]
    pub fn remarks(&self) -> String {
        let cleaned = self.action.cleaned || self.resource.cleaned;
        let cleaned = if cleaned { "; characters that cannot be shown were removed" } else { "" };
        let cut = if self.resource.cut { "; the resource is shortened" } else { "" };
        format!("{cleaned}{cut}")
    }
}

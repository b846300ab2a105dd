//! What a person is shown: guests write it, so it can neither move a cursor nor turn text around.

use std::collections::HashSet;

use astrid_host_context::text::{is_hidden, shown, turns_text};

/// Most characters of a description once control characters are gone, the contract's figure.
pub const MAX_DESCRIPTION: usize = 1_024;
/// Most options of a choice, the contract's figure: what a person can still look through.
pub const MAX_OPTIONS: usize = 64;
/// Most characters of an option, the contract's figure.
pub const MAX_OPTION: usize = 256;
/// Most bytes of an offered text, the contract's figure.
pub const MAX_DEFAULT: usize = 4_096;

/// Why a text is not shown to anybody. Holds none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// NUL, or a character that changes the direction of what follows.
    #[error("the description holds NUL or a character that turns text around; allowed: text without any")]
    Description,
    /// More than [`MAX_DESCRIPTION`].
    #[error("the description has {0} characters; allowed: up to {MAX_DESCRIPTION}")]
    LongDescription(usize),
    /// A choice without any, or with more than [`MAX_OPTIONS`].
    #[error("the choice has {0} options; allowed: 1 to {MAX_OPTIONS}")]
    OptionCount(usize),
    /// Empty, too long, or with characters that are not shown as they are.
    #[error("option {0} is not valid; allowed: 1 to {MAX_OPTION} characters, none of control or direction")]
    Option(usize),
    /// Two options are the same.
    #[error("option {0} is there twice; allowed: different ones")]
    TwiceTheSame(usize),
    /// Too long, with NUL, or not among the options.
    #[error(
        "the default is not valid; allowed: up to {MAX_DEFAULT} bytes without NUL, or one of the options"
    )]
    Default,
    /// A default would be copied into a message.
    #[error("a question of this kind has a default; allowed: none")]
    DefaultNotAllowed,
}

/// The text above the field; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Takes control characters away and checks the rest.
    ///
    /// # Errors
    /// [`InvalidText::Description`] or [`InvalidText::LongDescription`].
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if text.chars().any(|c| c == '\0' || turns_text(c)) {
            return Err(InvalidText::Description);
        }
        let shown = shown(text);
        let length = shown.chars().count();
        if length > MAX_DESCRIPTION {
            return Err(InvalidText::LongDescription(length));
        }
        Ok(Self(shown))
    }

    /// The text as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a person chooses from: 1 to [`MAX_OPTIONS`] different texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options(Vec<String>);

impl Options {
    /// Checks each of them.
    ///
    /// # Errors
    /// [`InvalidText::OptionCount`], or what is wrong with the first that is not valid.
    pub fn parse(options: Vec<String>) -> Result<Self, InvalidText> {
        if !(1..=MAX_OPTIONS).contains(&options.len()) {
            return Err(InvalidText::OptionCount(options.len()));
        }
        let mut seen = HashSet::new();
        for (at, option) in options.iter().enumerate() {
            let long = !(1..=MAX_OPTION).contains(&option.chars().count());
            if long || option.chars().any(is_hidden) {
                return Err(InvalidText::Option(at));
            }
            if !seen.insert(option) {
                return Err(InvalidText::TwiceTheSame(at));
            }
        }
        Ok(Self(options))
    }

    /// The options in the guest's order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether `text` is exactly one of them.
    #[must_use]
    pub fn contain(&self, text: &str) -> bool {
        self.0.iter().any(|option| option == text)
    }
}

/// What a text field holds to begin with.
///
/// # Errors
/// [`InvalidText::Default`].
pub(crate) fn offered(text: &str) -> Result<String, InvalidText> {
    if text.len() > MAX_DEFAULT || text.contains('\0') {
        return Err(InvalidText::Default);
    }
    Ok(shown(text))
}

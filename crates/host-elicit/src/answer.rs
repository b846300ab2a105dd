//! What a person answered, and whether it fits what was asked.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Error, Field, Question};

/// Longest text or secret in bytes, the contract's figure: a certificate chain with its key fits.
pub const MAX_VALUE: usize = 65_536;
/// Most texts of a list, the contract's figure.
pub const MAX_ITEMS: usize = 256;
/// Longest text of a list in bytes, the contract's figure.
pub const MAX_ITEM: usize = 4_096;

/// A text that somebody typed: wiped when dropped, and printed by nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerText(Zeroizing<String>);

impl AnswerText {
    /// The text itself, for whoever is to have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The buffer, without a copy.
    #[must_use]
    pub fn into_buffer(self) -> Zeroizing<String> {
        self.0
    }

    /// As an ordinary text, which nobody wipes: for answers that the guest gets.
    #[must_use]
    pub fn into_string(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl From<String> for AnswerText {
    /// Moves the text; no copy stays behind.
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for AnswerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a front end sent. Neither member means that the person declined.
#[derive(Debug, Default)]
pub struct Reply {
    /// For texts, secrets and choices.
    pub value: Option<AnswerText>,
    /// For lists.
    pub values: Option<Vec<AnswerText>>,
}

impl Reply {
    /// One text.
    #[must_use]
    pub fn value(text: impl Into<String>) -> Self {
        Self { value: Some(text.into().into()), values: None }
    }

    /// A list of texts.
    #[must_use]
    pub fn values<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let values = texts.into_iter().map(|text| AnswerText::from(text.into())).collect();
        Self { value: None, values: Some(values) }
    }

    /// The person declined.
    #[must_use]
    pub fn declined() -> Self {
        Self::default()
    }
}

/// What a guest gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// The text or the chosen option, as it was given.
    Value(AnswerText),
    /// The texts, in the order given.
    Values(Vec<AnswerText>),
    /// The secret is in the store.
    SecretStored,
}

/// An answer that fits its question.
#[derive(Debug)]
pub(crate) enum Answer {
    Given(Response),
    Secret(AnswerText),
}

impl Question {
    /// # Errors
    /// [`Error::Declined`], or [`Error::InvalidAnswer`].
    pub(crate) fn judge(&self, reply: Reply) -> Result<Answer, Error> {
        let Reply { value, values } = reply;
        match (&self.field(), value, values) {
            (_, None, None) => Err(Error::Declined),
            (Field::Text { .. }, Some(text), None) if fits(&text, MAX_VALUE) => {
                Ok(Answer::Given(Response::Value(text)))
            }
            (Field::Select { options, .. }, Some(text), None) if options.contain(text.reveal()) => {
                Ok(Answer::Given(Response::Value(text)))
            }
            (Field::Array, None, Some(texts))
                if texts.len() <= MAX_ITEMS && texts.iter().all(|text| fits(text, MAX_ITEM)) =>
            {
                Ok(Answer::Given(Response::Values(texts)))
            }
            (Field::Secret, Some(text), None) if fits(&text, MAX_VALUE) && !text.reveal().is_empty() => {
                Ok(Answer::Secret(text))
            }
            _ => Err(Error::InvalidAnswer),
        }
    }
}

fn fits(text: &AnswerText, most: usize) -> bool {
    text.reveal().len() <= most && !text.reveal().contains('\0')
}

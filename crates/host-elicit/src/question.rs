//! A question: what a guest asks for, and what is left of it once it is checked.

use crate::text::offered;
use crate::{Description, Error, InvalidText, Key, Options};

/// The kind of answer that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text.
    Text,
    /// One text that goes to the secret store.
    Secret,
    /// One of the options.
    Select,
    /// A list of texts.
    Array,
}

impl Kind {
    /// The WIT name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Secret => "secret",
            Self::Select => "select",
            Self::Array => "array",
        }
    }
}

/// A question as a guest put it, unchecked.
#[derive(Debug, Clone)]
pub struct Elicitation {
    /// The kind of answer.
    pub kind: Kind,
    /// The value's name.
    pub key: String,
    /// What a person reads.
    pub description: String,
    /// For [`Kind::Select`]; ignored for other kinds.
    pub options: Option<Vec<String>>,
    /// What is offered to begin with.
    pub default: Option<String>,
}

/// A checked question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    key: Key,
    description: Description,
    field: Field,
}

/// What a person is given to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A line of text.
    Text {
        /// What it holds to begin with, as it is shown.
        default: Option<String>,
    },
    /// A line that is not shown.
    Secret,
    /// A choice.
    Select {
        /// From these.
        options: Options,
        /// One of them.
        default: Option<String>,
    },
    /// Any number of lines.
    Array,
}

impl Question {
    /// Checks key, description, options and default, in this order.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] or [`Error::InvalidText`].
    pub fn parse(request: Elicitation) -> Result<Self, Error> {
        let Elicitation { kind, key, description, options, default } = request;
        let (key, description) = (Key::parse(key)?, Description::parse(&description)?);
        let field = match kind {
            Kind::Text => Field::Text { default: default.as_deref().map(offered).transpose()? },
            Kind::Select => {
                let options = Options::parse(options.unwrap_or_default())?;
                if default.as_deref().is_some_and(|default| !options.contain(default)) {
                    return Err(InvalidText::Default.into());
                }
                Field::Select { options, default }
            }
            Kind::Secret | Kind::Array if default.is_some() => {
                return Err(InvalidText::DefaultNotAllowed.into());
            }
            Kind::Secret => Field::Secret,
            Kind::Array => Field::Array,
        };
        Ok(Self { key, description, field })
    }

    /// The value's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What a person reads, if the guest wrote anything.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        Some(self.description.as_str()).filter(|text| !text.is_empty())
    }

    /// The description, or the key where there is none.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.description().unwrap_or(self.key.as_str())
    }

    /// What a person answers with.
    #[must_use]
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// The kind of answer.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.field {
            Field::Text { .. } => Kind::Text,
            Field::Secret => Kind::Secret,
            Field::Select { .. } => Kind::Select,
            Field::Array => Kind::Array,
        }
    }

    /// What the answer field holds to begin with.
    #[must_use]
    pub fn default(&self) -> Option<&str> {
        match &self.field {
            Field::Text { default } | Field::Select { default, .. } => default.as_deref(),
            Field::Secret | Field::Array => None,
        }
    }
}

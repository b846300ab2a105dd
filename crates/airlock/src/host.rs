//! A host as a guest writes it, normalised.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use idna::AsciiDenyList;

/// Longest accepted host, in bytes, before and after IDNA: DNS has no longer names.
pub const MAX_HOST: usize = 255;

/// A host name or a literal address.
///
/// Names are lower case, in ASCII by IDNA and without a trailing dot. Numeric spellings that are no
/// dotted quad (`2130706433`, `0x7f.1`, `127.1`) are names: what they resolve to is judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// To be resolved.
    Name(String),
    /// IPv4-mapped addresses are held as IPv4.
    Literal(IpAddr),
}

/// Why a string is no [`Host`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "host {given:?} is not valid; allowed: a name of 1 to 255 characters that IDNA can spell, or an address"
)]
pub struct InvalidHost {
    given: String,
}

impl Host {
    /// Checks and normalises. IPv6 literals may stand in brackets.
    ///
    /// # Errors
    /// [`InvalidHost`] for an empty or over-long text, blanks, control characters, any of
    /// `/ @ ? # % \ :`, a zone, or what IDNA cannot spell.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        // Cut so that a hostile name cannot fill a log line.
        let invalid = || InvalidHost { given: text.chars().take(64).collect() };
        if text.is_empty() || text.len() > MAX_HOST {
            return Err(invalid());
        }
        if let Some(inner) = text.strip_prefix('[') {
            let v6 = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return v6.map(|v6| Self::literal(v6.into())).ok_or_else(invalid);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::literal(address));
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::URL).map_err(|_| invalid())?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        let empty_label = name.split('.').any(str::is_empty);
        let printable = name.bytes().all(|b| b.is_ascii_graphic());
        if empty_label || name.len() > MAX_HOST || !printable {
            return Err(invalid());
        }
        // IDNA folds wide digits and dots, so an address may only show now.
        match name.parse::<IpAddr>() {
            Ok(address) => Ok(Self::literal(address)),
            Err(_) => Ok(Self::Name(name.to_owned())),
        }
    }

    /// A literal address.
    #[must_use]
    pub fn literal(address: IpAddr) -> Self {
        Self::Literal(address.to_canonical())
    }

    /// The text to compare and to resolve: IPv6 without brackets.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Name(name) => Cow::Borrowed(name),
            Self::Literal(address) => Cow::Owned(address.to_string()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            other => f.write_str(&other.text()),
        }
    }
}

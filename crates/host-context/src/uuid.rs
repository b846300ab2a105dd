//! The 128 bits that name a loaded capsule, a connection or a message.

use std::fmt;

/// A 128-bit id in the spelling of RFC 9562. This crate carries, compares and prints such ids; who makes or reads
/// them has a library for it, and the feature `uuid` converts from and to that of the same name. Linking one
/// host package alone so costs no crate for a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(u128);

impl Uuid {
    /// The id of nobody: what comes from the host itself.
    #[must_use]
    pub const fn nil() -> Self {
        Self(0)
    }

    /// The id with these bits, the first of its text the highest.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// Whether it is nobody's.
    #[must_use]
    pub const fn is_nil(self) -> bool {
        self.0 == 0
    }
}

/// 36 characters, lower case: `67e55044-10b1-426f-9247-bb680e5fe0c8`.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |from: u32, bits: u32| (self.0 >> from) & ((1 << bits) - 1);
        let (a, b, c, d, e) = (part(96, 32), part(80, 16), part(64, 16), part(48, 16), part(0, 48));
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for Uuid {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.as_u128())
    }
}

#[cfg(feature = "uuid")]
impl From<Uuid> for uuid::Uuid {
    fn from(id: Uuid) -> Self {
        Self::from_u128(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_spelt_as_the_library_spells_it() {
        for bits in [0, 1, u128::MAX, 0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8] {
            assert_eq!(Uuid::from_u128(bits).to_string(), uuid::Uuid::from_u128(bits).to_string());
        }
    }
}

//! What an address is, judged without asking anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::table::{V4, V6};

/// What sort of address it is. Only [`Class::Public`] may be dialled without the operator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Reachable by everybody.
    Public,
    /// This machine, by the loopback interface.
    Loopback,
    /// This machine, by an address of one of its interfaces.
    Own,
    /// A private IPv4 network.
    Private,
    /// An operator's shared space (CGNAT).
    SharedSpace,
    /// A private IPv6 network.
    UniqueLocal,
    /// The local link.
    LinkLocal,
    /// A cloud's metadata or wire service.
    Metadata,
    /// Examples in documents.
    Documentation,
    /// Measurements in laboratories.
    Benchmark,
    /// Set aside for protocols.
    Protocol,
    /// A tunnel whose far end cannot be told from the address (Teredo).
    Tunnel,
    /// An IPv6 address that carries an IPv4 address which is not public.
    Embedded,
    /// No address, or "this network", which many systems take for themselves.
    Unspecified,
    /// Many receivers.
    Multicast,
    /// All receivers of a link.
    Broadcast,
    /// Not in use, or not for use between hosts.
    Reserved,
}

/// Which operator entries admit a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lift {
    /// An entry with the address itself, or with a name that resolves to it.
    ByName,
    /// Only an entry with the address itself: a name's owner could point it there.
    ByLiteral,
    /// None.
    Never,
}

impl Class {
    /// Which entries admit it.
    #[must_use]
    pub fn lift(self) -> Lift {
        match self {
            Self::Public
            | Self::Loopback
            | Self::Own
            | Self::Private
            | Self::SharedSpace
            | Self::UniqueLocal => Lift::ByName,
            Self::LinkLocal
            | Self::Metadata
            | Self::Documentation
            | Self::Benchmark
            | Self::Protocol
            | Self::Tunnel => Lift::ByLiteral,
            // What is embedded may be anything; an operator can name the IPv4 address itself.
            Self::Embedded | Self::Unspecified | Self::Multicast | Self::Broadcast | Self::Reserved => {
                Lift::Never
            }
        }
    }

    /// A short name for audit records and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Own => "own",
            Self::Private => "private",
            Self::SharedSpace => "shared-space",
            Self::UniqueLocal => "unique-local",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Documentation => "documentation",
            Self::Benchmark => "benchmark",
            Self::Protocol => "protocol",
            Self::Tunnel => "tunnel",
            Self::Embedded => "embedded",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
        }
    }
}

/// A prefix of an operator's own NAT64, whose addresses carry an IPv4 address (RFC 6052).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat64Prefix {
    network: u128,
    len: u32,
}

/// A prefix length that RFC 6052 does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nat64 prefix length {0} is not valid; allowed: 32, 40, 48, 56, 64, 96")]
pub struct InvalidPrefix(u32);

impl Nat64Prefix {
    /// The prefix every host knows.
    pub const WELL_KNOWN: Self = Self { network: 0x0064_ff9b << 96, len: 96 };

    /// A prefix; bits beyond its length are ignored.
    ///
    /// # Errors
    /// [`InvalidPrefix`] for a length the standard does not define.
    pub fn new(network: Ipv6Addr, len: u32) -> Result<Self, InvalidPrefix> {
        if ![32, 40, 48, 56, 64, 96].contains(&len) {
            return Err(InvalidPrefix(len));
        }
        Ok(Self { network: network.to_bits() & mask(len), len })
    }

    /// The IPv4 address an address under this prefix carries.
    fn embedded(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        let bits = address.to_bits();
        if bits & mask(self.len) != self.network {
            return None;
        }
        // Bits 64 to 71 are skipped in all but the longest form.
        let joined = if self.len == 96 { bits } else { (bits & mask(64)) | ((bits << 8) & !mask(64)) };
        let at = if self.len == 96 { 0 } else { 96 - self.len };
        let v4 = u32::try_from((joined >> at) & u128::from(u32::MAX)).unwrap_or(0);
        Some(Ipv4Addr::from_bits(v4))
    }
}

fn mask(len: u32) -> u128 {
    u128::MAX.checked_shl(128 - len).unwrap_or(0)
}

/// Judges an address by the fixed tables.
#[must_use]
pub fn judge(address: IpAddr) -> Class {
    judge_with(address, &[])
}

/// Judges an address, knowing the operator's own NAT64 prefixes too.
#[must_use]
pub fn judge_with(address: IpAddr, nat64: &[Nat64Prefix]) -> Class {
    match address.to_canonical() {
        IpAddr::V4(v4) => judge_v4(v4),
        IpAddr::V6(v6) => judge_v6(v6, nat64),
    }
}

fn judge_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    let within = |network: [u8; 4], len: u32| {
        let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
        bits & mask == Ipv4Addr::from_octets(network).to_bits()
    };
    longest(
        V4.iter().filter(|(network, len, _)| within(*network, *len)).map(|(_, len, class)| (*len, *class)),
    )
    .unwrap_or(Class::Public)
}

fn judge_v6(address: Ipv6Addr, nat64: &[Nat64Prefix]) -> Class {
    let bits = address.to_bits();
    let within = |network: [u16; 8], len: u32| bits & mask(len) == Ipv6Addr::from_segments(network).to_bits();
    let listed = longest(
        V6.iter().filter(|(network, len, _)| within(*network, *len)).map(|(_, len, class)| (*len, *class)),
    );
    let translated = [Nat64Prefix::WELL_KNOWN].iter().chain(nat64).find_map(|p| p.embedded(address));
    let class = match (translated, listed) {
        (Some(v4), _) if judge_v4(v4) != Class::Public => Class::Embedded,
        // Under an operator's prefix, which may itself lie in private space.
        (Some(_), _) => Class::Public,
        (None, listed) => listed.unwrap_or(Class::Reserved),
    };
    let carries_private = carried(address).any(|v4| judge_v4(v4) != Class::Public);
    if class == Class::Public && carries_private { Class::Embedded } else { class }
}

/// The IPv4 addresses that 6to4 and ISATAP put inside.
fn carried(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [first, a, b, _, c, d, e, f] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let six_to_four = (first == 0x2002).then(|| join(a, b));
    let isatap = ((c == 0 || c == 0x0200) && d == 0x5efe).then(|| join(e, f));
    six_to_four.into_iter().chain(isatap)
}

fn longest(rows: impl Iterator<Item = (u32, Class)>) -> Option<Class> {
    rows.max_by_key(|(len, _)| *len).map(|(_, class)| class)
}

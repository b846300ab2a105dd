//! The blocks, as data. The longest matching prefix decides.

use crate::Class;

/// IPv4: network, prefix length, class. What no row names is public.
pub(crate) const V4: [([u8; 4], u32, Class); 19] = [
    ([0, 0, 0, 0], 8, Class::Unspecified),
    ([10, 0, 0, 0], 8, Class::Private),
    ([100, 64, 0, 0], 10, Class::SharedSpace),
    ([100, 100, 100, 200], 32, Class::Metadata),
    ([127, 0, 0, 0], 8, Class::Loopback),
    ([168, 63, 129, 16], 32, Class::Metadata),
    ([169, 254, 0, 0], 16, Class::LinkLocal),
    ([169, 254, 169, 254], 32, Class::Metadata),
    ([172, 16, 0, 0], 12, Class::Private),
    ([192, 0, 0, 0], 24, Class::Protocol),
    ([192, 0, 2, 0], 24, Class::Documentation),
    ([192, 88, 99, 0], 24, Class::Protocol),
    ([192, 168, 0, 0], 16, Class::Private),
    ([198, 18, 0, 0], 15, Class::Benchmark),
    ([198, 51, 100, 0], 24, Class::Documentation),
    ([203, 0, 113, 0], 24, Class::Documentation),
    ([224, 0, 0, 0], 4, Class::Multicast),
    ([240, 0, 0, 0], 4, Class::Reserved),
    ([255, 255, 255, 255], 32, Class::Broadcast),
];

/// IPv6: network, prefix length, class. What no row names is reserved outside 2000::/3, else public.
pub(crate) const V6: [([u16; 8], u32, Class); 16] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Class::Unspecified),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Class::Loopback),
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Class::Public),
    // All of 2001::/23 is protocol assignments: Teredo, ORCHID and whatever comes.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Class::Protocol),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Class::Tunnel),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, Class::Benchmark),
    ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32, Class::Documentation),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Class::Documentation),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Class::UniqueLocal),
    ([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], 128, Class::Metadata),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Class::LinkLocal),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Class::Reserved),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Class::Multicast),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Class::Reserved),
    ([0x0100, 0, 0, 0, 0, 0, 0, 0], 64, Class::Reserved),
    ([0x0100, 0, 0, 1, 0, 0, 0, 0], 64, Class::Reserved),
];

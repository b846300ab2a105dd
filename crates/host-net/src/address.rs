//! How addresses are written for guests.

use std::net::{IpAddr, SocketAddr};

/// `ip:port`, IPv6 in brackets, mapped addresses as IPv4, no zone.
pub(crate) fn print(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

/// `ip` alone, as above but without brackets.
pub(crate) fn print_ip(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddrV6;

    #[test]
    fn mapped_addresses_read_as_ipv4_and_zones_are_left_out() {
        assert_eq!(print("[::ffff:10.0.0.1]:80".parse().unwrap()), "10.0.0.1:80");
        assert_eq!(print(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0, 7).into()), "[fe80::1]:1");
        assert_eq!(print_ip("::1".parse().unwrap()), "::1");
    }
}

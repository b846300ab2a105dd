//! Hosts and ports, as `net`, `net_connect`, `net_bind`, `net_tcp_bind`, `net_udp` and egress lists name them.

mod endpoint;
mod host;
mod name;
mod ports;
mod sockets;
mod url_host;
mod web;

pub(crate) use host::Host;
pub(crate) use name::Lookup;
pub(crate) use sockets::SocketRules;
pub(crate) use url_host::UrlHost;
pub(crate) use web::WebRules;

//! The functions as the envelope sees them, and what the policy is asked.

use astrid_host_context::{Action, Audit, Op};

/// May this capsule take connections on its local socket? Asked without target.
pub const MAY_ACCEPT_UNIX: Action = Action::new("net", "unix-accept");
/// May this capsule listen there? Asked with `Target::Endpoint`.
pub const MAY_BIND_TCP: Action = Action::new("net", "tcp-bind");
/// May this capsule connect there? Asked with `Target::Endpoint`.
pub const MAY_CONNECT: Action = Action::new("net", "connect");
/// May this capsule receive datagrams there? Asked with `Target::Endpoint`.
pub const MAY_BIND_UDP: Action = Action::new("net", "udp-bind");
/// May this capsule send datagrams there? Asked with `Target::Endpoint`.
pub const MAY_SEND_UDP: Action = Action::new("net", "udp-send");
/// May this capsule ask for addresses? Asked with `Target::Other` of kind `host`, the name with the
/// port if one was given.
pub const MAY_LOOKUP: Action = Action::new("net", "lookup");

macro_rules! ops {
    ($($name:ident = $function:literal, $audit:ident;)*) => {
        $(pub(crate) static $name: Op = Op::new("net", $function, Audit::$audit);)*
    };
}

ops! {
    // What opens a socket never happens unrecorded where the operator wants it so.
    BIND_UNIX = "bind-unix", Required;
    BIND_TCP = "bind-tcp", Required;
    CONNECT_TCP = "connect-tcp", Required;
    UDP_BIND = "udp-bind", Required;
    UDP_CONNECT = "udp-socket.connect", Required;
    // The record of a connection that was handed out or refused; waiting for one leaves none.
    ACCEPTED = "accept", Required;
    ACCEPT = "listener.accept", Silent;
    POLL_ACCEPT = "listener.poll-accept", Silent;

    READ = "tcp-stream.read", Event;
    WRITE = "tcp-stream.write", Event;
    READ_BYTES = "tcp-stream.read-bytes", Event;
    WRITE_BYTES = "tcp-stream.write-bytes", Event;
    PEEK = "tcp-stream.peek", Event;
    SHUTDOWN = "tcp-stream.shutdown", Event;
    UDP_SEND_TO = "udp-socket.send-to", Event;
    UDP_SEND = "udp-socket.send", Event;
    UDP_RECV_FROM = "udp-socket.recv-from", Event;
    UDP_RECV = "udp-socket.recv", Event;
    UDP_DISCONNECT = "udp-socket.disconnect", Event;
    LOOKUP_HOST = "lookup-host", Event;

    OPTION = "option", Silent;
    ADDRESS = "address", Silent;
    SUBSCRIBE = "subscribe", Silent;
    HALF = "half", Silent;
    DROP = "drop", Silent;
}

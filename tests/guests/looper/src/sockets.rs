//! Loops that serve sockets.

use astrid_sys::astrid::ipc::host as ipc;
use astrid_sys::astrid::net::host as net;
use astrid_sys::astrid::request_context::host as request;
use astrid_sys::astrid::sys::host as sys;

fn config(key: &str) -> String {
    sys::get_config(key).ok().flatten().unwrap_or_default()
}

/// Says `served` to every client on the port of the configuration, half a second after it came.
pub(crate) fn tcp() {
    let port = config("port").parse().unwrap_or(0);
    let listener = match net::bind_tcp("127.0.0.1", port) {
        Ok(listener) => listener,
        Err(error) => {
            let _ = ipc::publish("looper.v1.answer", &format!("\"{error:?}\""));
            return;
        }
    };
    sys::signal_ready();
    while let Ok(client) = listener.accept() {
        let _ = sys::sleep_ns(500_000_000);
        let _ = client.write_bytes(b"served");
    }
}

/// Says on the bus who is at the other end of each local client and what its frames hold, for as long as
/// it is there.
pub(crate) fn unix() {
    let Ok(listener) = net::bind_unix() else { return };
    sys::signal_ready();
    while let Ok(client) = listener.accept() {
        let said = |what: &str| {
            let who = request::connection_principal(&client).map_err(|error| format!("{error:?}"));
            let owner = request::connection_owner(&client).map_err(|error| format!("{error:?}"));
            serde_json::json!({ "what": what, "principal": format!("{who:?}"), "owner": format!("{owner:?}") })
        };
        let _ = ipc::publish("looper.v1.answer", &said("connected").to_string());
        loop {
            match client.read() {
                Ok(net::NetReadStatus::Pending) => {}
                Ok(net::NetReadStatus::Data(frame)) => {
                    let text = String::from_utf8_lossy(&frame).into_owned();
                    let _ = ipc::publish("looper.v1.answer", &said(&text).to_string());
                }
                Ok(net::NetReadStatus::Closed) => break,
                Err(error) => {
                    let _ = ipc::publish("looper.v1.answer", &said(&format!("{error:?}")).to_string());
                    break;
                }
            }
        }
    }
}

//! What hyper's errors mean to a guest.

use std::error::Error as StdError;
use std::io::ErrorKind;

use crate::Error;

/// Sources looked at behind an error; a chain that is longer or circular must not hold a worker.
const CHAIN: usize = 8;

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(CHAIN)
}

/// Sorts an error of a connection that was in use.
pub(crate) fn of_hyper(error: &hyper::Error) -> Error {
    let broken = || Error::Connection(error.to_string());
    if error.is_parse() || error.is_parse_status() {
        return Error::Protocol("the response is not well formed");
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return broken();
    }
    for cause in chain(error) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Error::Tls(tls.to_string());
        }
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            let gone = h2.is_io() || (h2.is_remote() && (h2.is_reset() || h2.is_go_away()));
            return if gone { broken() } else { Error::Protocol("the server broke the protocol") };
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return of_io(io);
        }
    }
    broken()
}

/// Sorts an error of a socket or of a reader over one.
pub(crate) fn of_io(error: &std::io::Error) -> Error {
    if let Some(tls) =
        error.get_ref().and_then(|inner| chain(inner).find_map(|e| e.downcast_ref::<rustls::Error>()))
    {
        return Error::Tls(tls.to_string());
    }
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput => Error::Protocol("the body is not well framed"),
        _ => Error::Connection(error.to_string()),
    }
}

//! `lookup-host`.

use std::net::{IpAddr, SocketAddr};

use astrid_airlock::Host;
use astrid_host_context::Target;
use tokio::time::timeout;

use super::wait::marked;
use crate::address::{print, print_ip};
use crate::limits::{LOOKUP_TIME, LOOKUPS, MAX_ADDRESSES};
use crate::op_table::{LOOKUP_HOST, MAY_LOOKUP};
use crate::{Error, NetCtxView};

impl NetCtxView<'_> {
    /// The addresses of a host that may be reached, in the resolver's order; with the port if one was
    /// given. Empty if all of them are kept out.
    ///
    /// # Errors
    /// [`Error::Host`], the policy's, [`Error::LookupRate`], [`Error::Unresolvable`],
    /// [`Error::Timeout`] after [`LOOKUP_TIME`].
    pub async fn lookup_host(&mut self, text: &str) -> Result<Vec<String>, Error> {
        let entry = self.host.enter(&LOOKUP_HOST);
        entry
            .run(marked(&entry, async {
                let (host, port) = split(text)?;
                let name = port.map_or_else(|| host.text().into_owned(), |port| format!("{host}:{port}"));
                entry.allow(MAY_LOOKUP, Target::Other { kind: "host", name: &name })?;
                self.ctx.lookups.charge(&entry.subject(), entry.limit(&LOOKUPS))?;
                let asking = self.ctx.airlock.lookup(entry.call().capsule(), &host, port.unwrap_or(0));
                let found = timeout(LOOKUP_TIME, asking).await.map_err(|_| Error::Timeout)?;
                let found = found.map_err(|_| Error::Unresolvable)?;
                let text = |ip: IpAddr| match port {
                    Some(port) => print(SocketAddr::new(ip, port)),
                    None => print_ip(ip),
                };
                Ok(found.into_iter().take(MAX_ADDRESSES).map(text).collect())
            }))
            .await
    }
}

/// Reads `name`, `name:port`, `1.2.3.4[:port]`, `::1` and `[::1][:port]`.
fn split(text: &str) -> Result<(Host, Option<u16>), Error> {
    if text.parse::<IpAddr>().is_ok() || text.ends_with(']') {
        return Ok((Host::parse(text)?, None));
    }
    match text.rsplit_once(':') {
        None => Ok((Host::parse(text)?, None)),
        Some((host, port)) => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port != 0);
            Ok((
                Host::parse(host)?,
                Some(port.ok_or(Error::Address("the port is no number from 1 to 65535"))?),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_follow_a_name_and_a_bracketed_address() {
        let read = |text| split(text).map(|(host, port)| (host.text().into_owned(), port)).ok();
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("h"), some("h", None));
        assert_eq!(read("H.:443"), some("h", Some(443)));
        assert_eq!(read("1.2.3.4:5"), some("1.2.3.4", Some(5)));
        assert_eq!(read("::1"), some("::1", None));
        assert_eq!(read("[::1]"), some("::1", None));
        assert_eq!(read("[::1]:80"), some("::1", Some(80)));
        for bad in ["", "h:", "h:0", "h:65536", "h:+1", "a b", "u@h", "[::1]80"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}

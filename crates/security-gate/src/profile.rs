//! The second gate: what a principal's profile leaves of what a manifest allows.

use std::sync::Arc;

use astrid_host_context::{Action, CapsuleSecurityGate, Denial, Principal, Request, Target};

use crate::denial::GateDenial;
use crate::net::{Host, Lookup, UrlHost};
use crate::restriction::{Egress, Restriction};

/// Where the kernel keeps profiles.
///
/// Asked at every network and process request, on a runtime worker: an implementation answers from
/// memory. A profile that cannot be read answers [`Restriction::floor`], not `None`.
pub trait Restrictions: Send + Sync {
    /// The principal's restriction; `None` for one whose profile sets no list and who is not in the
    /// group `restricted`.
    fn of(&self, principal: &Principal) -> Option<Arc<Restriction>>;
}

/// Restricts hosts and commands to what the invoking principal's profile lists. It grants nothing:
/// put it behind the manifest's gate with [`Both`](crate::Both).
///
/// Other actions pass, and so does a request without a principal, whose capsule nobody owns.
#[derive(Debug, Clone)]
pub struct ProfileGate<R>(R);

impl<R: Restrictions> ProfileGate<R> {
    /// A gate over these profiles.
    pub fn new(restrictions: R) -> Self {
        Self(restrictions)
    }
}

impl<R: Restrictions> CapsuleSecurityGate for ProfileGate<R> {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        let Some(question) = Question::of(request) else { return Ok(()) };
        let Some(principal) = request.principal else { return Ok(()) };
        let Some(restriction) = self.0.of(principal) else { return Ok(()) };
        match question {
            Question::Reach { operation, host } => {
                let egress = restriction.egress_for(request.capsule);
                let covered = match &egress {
                    Egress::Unrestricted => true,
                    Egress::Nothing => false,
                    Egress::Listed { rules, .. } => host.is_some_and(|(host, port)| rules.cover(&host, port)),
                };
                if covered {
                    Ok(())
                } else {
                    Err(denial(request, principal, operation, "network.egress", egress.entries()))
                }
            }
            Question::Run { operation, program, args } => {
                if restriction.may_run(program, args) {
                    return Ok(());
                }
                Err(denial(request, principal, operation, "process.allow", restriction.commands()))
            }
        }
    }
}

/// What of a request a profile has a say in.
enum Question<'a> {
    Reach { operation: &'static str, host: Option<(Host<'a>, Option<u16>)> },
    Run { operation: &'static str, program: &'a str, args: &'a [String] },
}

impl<'a> Question<'a> {
    fn of(request: &Request<'a>) -> Option<Self> {
        let Action { domain, verb } = request.action;
        Some(match (domain, verb, request.target) {
            ("http", "request", Target::Other { name, .. }) => {
                let host = UrlHost::parse(name).ok().map(|to| (to.host, Some(to.port)));
                Self::Reach { operation: "request", host }
            }
            ("net", "connect", Target::Endpoint { host, port }) => Self::Reach {
                operation: "connect to",
                host: Host::parse(host).map(|host| (host, Some(port))),
            },
            ("net", "udp-send", Target::Endpoint { host, port }) => Self::Reach {
                operation: "send datagrams to",
                host: Host::parse(host).map(|host| (host, Some(port))),
            },
            ("net", "lookup", Target::Other { name, .. }) => {
                let host = Lookup::parse(name).map(|found| (found.host, found.port));
                Self::Reach { operation: "look up", host }
            }
            ("process", "spawn" | "persist", Target::Command { program, args }) => {
                Self::Run { operation: "run", program, args }
            }
            _ => return None,
        })
    }
}

fn denial(
    request: &Request<'_>,
    principal: &Principal,
    operation: &'static str,
    key: &str,
    allowed: &[String],
) -> Denial {
    let setting = format!("the profile of '{principal}', {key},");
    let reason = "the profile does not list it";
    GateDenial::new(request, operation, reason, setting, allowed).into()
}

//! The decision.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_host_context::CapsuleId;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    Admission, Class, Host, Lift, LocalEgress, Nat64Prefix, OwnAddresses, Resolver, SystemResolver,
    Unresolvable, Vetted, judge_with,
};

/// Why nothing may be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name has no address.
    #[error(transparent)]
    Unresolvable(#[from] Unresolvable),
    /// It has addresses, and none of them may be reached. For operators only: guests are not told
    /// which address it was.
    #[error("address {address} is {}, which capsules may not reach; [security.capsule_local_egress] can admit it", class.name())]
    Blocked {
        /// The first address.
        address: IpAddr,
        /// What it is.
        class: Class,
    },
}

/// Decides which addresses capsules may reach. One for all domains of a kernel; every method may be
/// called from any task.
pub struct Airlock {
    rules: ArcSwap<LocalEgress>,
    generation: watch::Sender<u64>,
    resolver: Arc<dyn Resolver>,
    own: OwnAddresses,
    nat64: Vec<Nat64Prefix>,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

impl Airlock {
    /// Starts from the contract's settings: nobody admitted to anything, the system's resolver, own
    /// addresses blocked, no NAT64 but the well-known.
    #[must_use]
    pub fn builder() -> AirlockBuilder {
        AirlockBuilder(Self {
            rules: ArcSwap::default(),
            generation: watch::Sender::new(0),
            resolver: Arc::new(SystemResolver::new()),
            own: OwnAddresses::of_this_machine(),
            nat64: Vec::new(),
            rejected: Mutex::default(),
        })
    }

    /// Puts other rules in force at once, for connections made from now on. Those that are open are
    /// told through [`Airlock::rules_changed`], and whoever holds one asks [`Airlock::admits`] again.
    pub fn replace_rules(&self, rules: LocalEgress) {
        self.rules.store(Arc::new(rules));
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// As [`Airlock::replace_rules`], unless these are in force already. True if they were not.
    pub fn put_rules(&self, rules: LocalEgress) -> bool {
        let others = **self.rules.load() != rules;
        if others {
            self.replace_rules(rules);
        }
        others
    }

    /// Changes whenever the rules were replaced; the value counts how often.
    #[must_use]
    pub fn rules_changed(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Whether the operator admitted `capsule` to this host and port by name, whatever its address.
    /// For rules about redirects; it is no permission to connect.
    #[must_use]
    pub fn is_opted_in(&self, capsule: &CapsuleId, host: &Host, port: u16) -> bool {
        self.rules.load().names(capsule, host, port)
    }

    /// Judges one address that `host` stands for. An address with a scope, such as a link-local one
    /// on an interface, is never admitted.
    ///
    /// # Errors
    /// [`Refused::Blocked`].
    pub fn admits(
        &self,
        capsule: &CapsuleId,
        host: &Host,
        address: SocketAddr,
    ) -> Result<Admission, Refused> {
        let ip = address.ip().to_canonical();
        let scoped = matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
        let class = self.class(ip);
        let lifted = || {
            let by = match host {
                Host::Literal(literal) => *literal == ip && class.lift() != Lift::Never,
                Host::Name(_) => class.lift() == Lift::ByName,
            };
            by && self.is_opted_in(capsule, host, address.port())
        };
        match class {
            _ if scoped => Err(Refused::Blocked { address: ip, class }),
            Class::Public => Ok(Admission::Public),
            _ if lifted() => Ok(Admission::OptedIn),
            class => Err(Refused::Blocked { address: ip, class }),
        }
    }

    /// Judges a literal address before anything is asked of a name server; a name passes.
    ///
    /// # Errors
    /// [`Refused::Blocked`].
    pub fn check_literal(&self, capsule: &CapsuleId, host: &Host, port: u16) -> Result<(), Refused> {
        match host {
            Host::Literal(ip) => {
                let judged = self.admits(capsule, host, SocketAddr::new(*ip, port));
                judged.map(drop).map_err(|refused| self.rejection(refused))
            }
            Host::Name(_) => Ok(()),
        }
    }

    /// Judges a literal address for one request that a person at this machine is asked to let through:
    /// admitted is what an entry with that literal could admit.
    ///
    /// # Errors
    /// [`Refused::Unresolvable`] for a name, [`Refused::Blocked`] for what nothing lifts.
    pub fn vet_consented(&self, host: &Host, port: u16) -> Result<Vetted, Refused> {
        let Host::Literal(ip) = host else { return Err(Refused::Unresolvable(Unresolvable)) };
        let class = self.class(*ip);
        let address = SocketAddr::new(*ip, port);
        let admitted = (class.lift() != Lift::Never).then_some(vec![(address, Admission::OptedIn)]);
        admitted.and_then(Vetted::new).ok_or(Refused::Blocked { address: *ip, class })
    }

    fn class(&self, ip: IpAddr) -> Class {
        match judge_with(ip, &self.nat64) {
            Class::Public if self.own.contains(ip) => Class::Own,
            class => class,
        }
    }

    /// How often something was refused, by what the first refused address is ([`Class::name`]).
    #[must_use]
    pub fn rejections(&self) -> Vec<(&'static str, u64)> {
        self.rejected.lock().iter().map(|(class, count)| (*class, *count)).collect()
    }

    fn rejection(&self, refused: Refused) -> Refused {
        if let Refused::Blocked { class, .. } = refused {
            *self.rejected.lock().entry(class.name()).or_default() += 1;
        }
        refused
    }

    /// Resolves `host` once and keeps the addresses that may be reached. The caller limits the time.
    ///
    /// # Errors
    /// [`Refused`]; some admitted addresses among blocked ones are no refusal.
    pub async fn vet(&self, capsule: &CapsuleId, host: &Host, port: u16) -> Result<Vetted, Refused> {
        let found = match host {
            Host::Literal(ip) => vec![*ip],
            Host::Name(name) => self.resolver.resolve(name).await?,
        };
        let mut admitted = Vec::new();
        let mut blocked = Refused::Unresolvable(Unresolvable);
        for ip in found {
            let address = SocketAddr::new(ip.to_canonical(), port);
            match self.admits(capsule, host, address) {
                Ok(admission) => admitted.push((address, admission)),
                Err(refused) if blocked == Refused::Unresolvable(Unresolvable) => blocked = refused,
                Err(_) => {}
            }
        }
        Vetted::new(admitted).ok_or_else(|| self.rejection(blocked))
    }

    /// Resolves `host` once and gives the addresses that may be reached, in the resolver's order and
    /// without repeats, for whoever only asks. Empty if all of them are kept out. The caller limits
    /// the time.
    ///
    /// # Errors
    /// [`Unresolvable`].
    pub async fn lookup(
        &self,
        capsule: &CapsuleId,
        host: &Host,
        port: u16,
    ) -> Result<Vec<IpAddr>, Unresolvable> {
        let found = match host {
            Host::Literal(ip) => vec![*ip],
            Host::Name(name) => self.resolver.resolve(name).await?,
        };
        let mut permitted = Vec::new();
        for ip in found.into_iter().map(|ip| ip.to_canonical()) {
            let address = SocketAddr::new(ip, port);
            if !permitted.contains(&ip) && self.admits(capsule, host, address).is_ok() {
                permitted.push(ip);
            }
        }
        Ok(permitted)
    }
}

impl fmt::Debug for Airlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Airlock").field("rules", &self.rules.load()).finish_non_exhaustive()
    }
}

/// Builds an [`Airlock`].
#[derive(Debug)]
pub struct AirlockBuilder(Airlock);

impl AirlockBuilder {
    /// What the operator admits, `[security.capsule_local_egress]`.
    #[must_use]
    pub fn rules(self, rules: LocalEgress) -> Self {
        self.0.rules.store(Arc::new(rules));
        self
    }

    /// Who turns names into addresses.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.0.resolver = resolver;
        self
    }

    /// The machine's own addresses, operator key `net.block_own_addresses`.
    #[must_use]
    pub fn own_addresses(mut self, own: OwnAddresses) -> Self {
        self.0.own = own;
        self
    }

    /// Prefixes of the network's own NAT64, operator key `net.nat64_prefixes`.
    #[must_use]
    pub fn nat64_prefixes(mut self, prefixes: Vec<Nat64Prefix>) -> Self {
        self.0.nat64 = prefixes;
        self
    }

    /// The finished airlock.
    #[must_use]
    pub fn build(self) -> Airlock {
        self.0
    }
}

//! The host's budgets with limits from profiles.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use astrid_host_context::{CapsuleId, Held, Permit, Principal, Quota, QuotaExceeded, Resource, Subject};

use crate::cache::ProfileCache;
use crate::profile::Quotas;

/// How a resource of a domain crate takes part in a profile's quotas.
struct Rule {
    /// The resource, by its name: this crate knows no domain.
    resource: &'static str,
    limit: fn(&Quotas) -> u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Counted for each capsule by itself.
    Capsule,
    /// Counted over all capsules, together with every other resource of this account.
    Shared(&'static str),
    /// The domain counts it by itself; what a shared account already holds is not there for it.
    Remainder(&'static str),
}

const STORAGE: &str = "storage";
const PROCESSES: &str = "processes";

/// Resources without a rule have their own default for each (principal, capsule).
const RULES: [Rule; 6] = [
    Rule { resource: "ipc.throughput-bytes", limit: |q| q.max_ipc_throughput_bytes, kind: Kind::Capsule },
    Rule {
        resource: "process.background",
        limit: |q| q.max_background_processes,
        kind: Kind::Shared(PROCESSES),
    },
    Rule {
        resource: "process.foreground",
        limit: |q| q.max_background_processes,
        kind: Kind::Shared(PROCESSES),
    },
    Rule { resource: "fs.home-bytes", limit: |q| q.max_storage_bytes, kind: Kind::Shared(STORAGE) },
    Rule { resource: "fs.tmp-bytes", limit: |q| q.max_storage_bytes, kind: Kind::Shared(STORAGE) },
    Rule { resource: "kv.namespace-bytes", limit: |q| q.max_storage_bytes, kind: Kind::Remainder(STORAGE) },
];

type Account = (Option<Principal>, Option<CapsuleId>, &'static str);

/// Counts what is held and refuses what would pass the limit in force now. An account exists only
/// while something is held, so memory follows use.
#[derive(Debug)]
pub struct ProfileQuota {
    profiles: Arc<ProfileCache>,
    held: Held<Account>,
    operator: OnceLock<HashMap<&'static str, u64>>,
}

impl ProfileQuota {
    /// Limits from `profiles`.
    #[must_use]
    pub fn new(profiles: Arc<ProfileCache>) -> Self {
        Self { profiles, held: Held::default(), operator: OnceLock::new() }
    }

    /// Replaces the defaults of resources that no profile speaks of, for everybody, once: what an
    /// operator's configuration says. A second time changes nothing.
    pub fn operator_limits(&self, limits: impl IntoIterator<Item = (&'static Resource, u64)>) {
        let limits = limits.into_iter().map(|(resource, limit)| (resource.name, limit)).collect();
        if self.operator.set(limits).is_err() {
            tracing::debug!("limits of the configuration are in force already");
        }
    }

    fn default_of(&self, resource: &Resource) -> u64 {
        let set = self.operator.get().and_then(|limits| limits.get(resource.name));
        set.copied().unwrap_or(resource.default)
    }

    /// Children of `who` that run now.
    #[must_use]
    pub fn processes(&self, who: &Principal) -> u64 {
        self.shared(Some(who), PROCESSES)
    }

    /// Bytes of files that `who` holds in home and tmp.
    #[must_use]
    pub fn file_bytes(&self, who: &Principal) -> u64 {
        self.shared(Some(who), STORAGE)
    }

    /// Accounts with something held.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.held.accounts()
    }

    fn shared(&self, who: Option<&Principal>, account: &'static str) -> u64 {
        self.held.of(&(who.cloned(), None, account))
    }
}

impl Quota for ProfileQuota {
    fn limit(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        let Some(rule) = rule(resource) else { return self.default_of(resource) };
        let limit = (rule.limit)(&self.profiles.quotas(subject.principal));
        match rule.kind {
            Kind::Capsule | Kind::Shared(_) => limit,
            // A namespace has a bound of its own besides the principal's.
            Kind::Remainder(account) => {
                self.default_of(resource).min(limit.saturating_sub(self.shared(subject.principal, account)))
            }
        }
    }

    fn acquire(
        &self,
        subject: &Subject<'_>,
        resource: &'static Resource,
        amount: u64,
    ) -> Result<Permit, QuotaExceeded> {
        let limit = self.limit(subject, resource);
        let who = subject.principal.cloned();
        let account = match rule(resource).map(|rule| rule.kind) {
            Some(Kind::Shared(account)) => (who, None, account),
            _ => (who, Some(subject.capsule.clone()), resource.name),
        };
        self.held.take(account, amount, resource, limit)
    }
}

fn rule(resource: &Resource) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.resource == resource.name)
}

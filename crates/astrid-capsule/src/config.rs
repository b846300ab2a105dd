//! What an operator may set, with the reason for each default.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use astrid_airlock::{LocalEgress, Nat64Prefix};
use astrid_event_bus::Charset;
use astrid_host_context::{CapsuleId, Principal};
use astrid_host_http::HttpSettings;
use astrid_host_identity::LinkPolicy;
use astrid_host_ipc::{ActFor, RecvIdle, limits};
use astrid_host_kv::{NAMESPACE_BYTES, NAMESPACE_KEYS};
use astrid_host_process::Network;
use astrid_host_uplink::Platform;
use astrid_process_sandbox::Isolation;
use astrid_store_redb::Options as StoreOptions;

/// The contract's bound on one lifecycle hook (guest chapter §2.5).
const LIFECYCLE_CEILING: Duration = Duration::from_secs(600);

/// How instances get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// Slots reserved once: an instance starts in microseconds.
    #[default]
    Pooling,
    /// Mapped per instance: for machines with little address space.
    OnDemand,
}

/// Limits and choices of a [`crate::Runtime`].
#[derive(Debug, Clone)]
pub struct Config {
    /// How instances get their memory.
    pub allocation: Allocation,
    /// Whether compiled code is kept on disk between starts.
    pub compile_cache: bool,
    /// Size above which the least recently used compiled code is removed.
    pub compile_cache_max_bytes: u64,
    /// Instances per pooled capsule; `None` is `clamp(2 × cores, 8, 64)`, so that a few slow host
    /// waits do not idle the cores and one capsule cannot take every slot of the engine.
    pub instance_pool_size: Option<usize>,
    /// Linear memory of one instance, over all its memories, for principals whose profile says nothing else.
    pub max_memory_bytes: u64,
    /// Wall clock of one invocation, queueing and host waits included, for principals whose profile says
    /// nothing else; handlers get it in whole seconds, rounded up.
    pub invocation_timeout: Duration,
    /// Fuel of one invocation: minutes of straight computation.
    pub fuel_per_invocation: u64,
    /// Fuel one principal may burn in a second over all capsules, unless its profile says something else;
    /// beyond it calls are paced.
    pub fuel_per_second: u64,
    /// Handlers of one capsule that execute at once; host waits over 50 ms do not count. Few, so that
    /// one busy capsule leaves the cores to others.
    pub dispatch_permits: usize,
    /// Handlers that execute for one principal at once over all capsules, unless its profile says something
    /// else; host waits over 50 ms do not count.
    pub max_in_flight_calls: usize,
    /// Wall clock of one install or upgrade hook, waiting for people included: the contract's ten minutes,
    /// in which somebody finds a password, unless it is less. More counts as ten minutes.
    pub lifecycle_timeout: Duration,
    /// How long a run loop may take to signal that it is ready before boot goes on without it.
    pub ready_timeout: Duration,
    /// How long one capsule may take to load before boot goes on without it.
    pub load_timeout: Duration,
    /// Loads components that carry no recorded hash. For development only.
    pub allow_unverified: bool,
    /// What `recv` answers when nothing came.
    pub recv_idle: RecvIdle,
    /// The same for single capsules, by id.
    pub recv_idle_for: BTreeMap<String, RecvIdle>,
    /// Characters of topics, in manifests and calls alike; `Strict` leaves out capitals and `:`, which the
    /// names of tools may hold.
    pub topic_charset: Charset,
    /// How long a publication waits for room at handlers.
    pub publish_wait: Duration,
    /// Messages a second that one principal may publish through one capsule, and as many at once.
    pub max_msgs_per_sec: u64,
    /// Threads that the file work of all capsules runs on at once; `None` is four a core, at least 16, since
    /// such work mostly waits. One capsule's principal gets a quarter of them.
    pub host_blocking_concurrency: Option<usize>,
    /// How the key-value store is opened.
    pub kv: StoreOptions,
    /// What one principal may keep in one capsule's namespace, keys included, besides the profile's storage.
    pub kv_max_namespace_bytes: u64,
    /// How many keys one principal may keep in one capsule's namespace.
    pub kv_max_namespace_keys: u64,
    /// Which capsule may reach which local `host:port`, `[security.capsule_local_egress]`; nobody may
    /// unless the operator says so, since local services trust whoever reaches them.
    pub local_egress: LocalEgress,
    /// Capsules whose run loops serve every principal, where others serve their owner alone. Such a guest
    /// holds what different principals say in one memory, so this is for reviewed ones.
    pub system_resident: BTreeSet<String>,
    /// By capsule, the platforms whose links count for it whoever made them,
    /// `[uplinks."<capsule>"] platforms`; of other platforms only links that the capsule itself made do, so
    /// that a new bridge cannot speak for everybody who is linked already.
    pub uplink_platforms: BTreeMap<String, Vec<Platform>>,
    /// Whether the public addresses of this machine's own interfaces are out of capsules' reach,
    /// `net.block_own_addresses`: what listens on them often trusts this machine.
    pub block_own_addresses: bool,
    /// Prefixes of the network's own NAT64, `net.nat64_prefixes`: what an address under them carries
    /// is judged.
    pub nat64_prefixes: Vec<Nat64Prefix>,
    /// The capsule that clients of the well-known local socket reach, `uplink.control`. Else the first
    /// uplink with a local socket that is loaded.
    pub uplink_control: Option<CapsuleId>,
    /// By capsule, the principals that it may act for when it publishes as them,
    /// `[uplinks."<capsule>"] act_for`; others' names are claims without authority.
    pub act_for: BTreeMap<String, ActFor>,
    /// Platforms no capsule may have an endpoint of, `[security].blocked_platforms`.
    pub blocked_platforms: Vec<Platform>,
    /// Whether the workspace's owner may keep files from every capsule by a `.astridignore` at its root, with
    /// the syntax of gitignore. Read at the start; off, because a file that came with somebody's repository
    /// must not decide unasked what capsules can do. Processes that capsules start do not heed it.
    pub workspace_ignore_file: bool,
    /// Whose links a capsule with `identity = ["link"]` may change, `identity.link_policy`: everybody's but those
    /// of protected principals, or only those of the proven principal that it is called for.
    pub identity_link_policy: LinkPolicy,
    /// Principals whose links only they themselves, proven, or a capsule with `identity = ["admin"]` may change,
    /// `identity.protected`. Whoever holds `*` or a capability that begins with `system:` is one of them anyway.
    pub identity_protected: BTreeSet<Principal>,
    /// Whether calls outside of install and upgrade hooks may ask people too, `elicit.runtime`: those that serve
    /// a message of a proven principal whose connection is open. Some deployed guests ask from their loops;
    /// else a capsule could nag whoever uses it.
    pub elicit_interactive: bool,
    /// By what the processes of capsules are held, `process.sandbox`. `Off` is for machines that are a sandbox
    /// themselves: commands then read and write what the host's user can.
    pub process_sandbox: Isolation,
    /// What those processes reach, `process.network`; `None` is everything the host reaches, and nothing for
    /// principals of the group `restricted`. Package managers need it, so not nothing by default.
    pub process_network: Option<Network>,
    /// Background and persistent processes of one principal, whatever its profile says,
    /// `process.max_background_processes`.
    pub process_most_background: u64,
    /// Bytes of input that one process may be given altogether, `process.max_stdin_bytes`.
    pub process_max_stdin_bytes: u64,
    /// Section `[http]`.
    pub http: HttpSettings,
    /// Streams and uploads one principal may have open through one capsule,
    /// `http.max_concurrent_streams`.
    pub http_max_concurrent_streams: u64,
    /// Requests a second of one principal through one capsule, and twice as many at once,
    /// `http.requests_per_sec`.
    pub http_requests_per_sec: u64,
    /// Whether a request to a local address that nothing admits is put to whoever made the capsule send
    /// it, over `astrid.v1.approval`, `http.local_consent`. Nobody answers on most hosts, so not by default.
    pub http_asks_about_local: bool,
    /// Further root certificates as PEM, `http.extra_ca`.
    pub http_extra_ca: Vec<Vec<u8>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allocation: Allocation::default(),
            compile_cache: true,
            compile_cache_max_bytes: 2 << 30,
            instance_pool_size: None,
            max_memory_bytes: 64 << 20,
            invocation_timeout: Duration::from_secs(300),
            fuel_per_invocation: 10_000_000_000,
            fuel_per_second: 2_000_000_000,
            dispatch_permits: 4,
            max_in_flight_calls: 4,
            lifecycle_timeout: LIFECYCLE_CEILING,
            ready_timeout: Duration::from_millis(500),
            load_timeout: Duration::from_secs(120),
            allow_unverified: false,
            recv_idle: RecvIdle::default(),
            recv_idle_for: BTreeMap::new(),
            topic_charset: Charset::default(),
            publish_wait: limits::PUBLISH_WAIT,
            max_msgs_per_sec: limits::MESSAGES.default,
            host_blocking_concurrency: None,
            kv: StoreOptions::default(),
            kv_max_namespace_bytes: NAMESPACE_BYTES.default,
            kv_max_namespace_keys: NAMESPACE_KEYS.default,
            local_egress: LocalEgress::new(),
            system_resident: BTreeSet::new(),
            uplink_platforms: BTreeMap::new(),
            block_own_addresses: true,
            nat64_prefixes: Vec::new(),
            uplink_control: None,
            act_for: BTreeMap::new(),
            blocked_platforms: Vec::new(),
            workspace_ignore_file: false,
            elicit_interactive: false,
            identity_link_policy: LinkPolicy::default(),
            identity_protected: BTreeSet::new(),
            process_sandbox: Isolation::default(),
            process_network: None,
            process_most_background: astrid_host_process::limits::HOST_BACKGROUND,
            process_max_stdin_bytes: astrid_host_process::limits::MAX_STDIN,
            http: HttpSettings::default(),
            http_max_concurrent_streams: astrid_host_http::limits::STREAMS.default,
            http_requests_per_sec: astrid_host_http::limits::REQUESTS.default,
            http_asks_about_local: false,
            http_extra_ca: Vec::new(),
        }
    }
}

impl Config {
    /// Instances a pooled capsule may have at once; never 0.
    #[must_use]
    pub fn pool_size(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.instance_pool_size.unwrap_or_else(|| (2 * cores).clamp(8, 64)).max(1)
    }

    /// The wall clock of one install or upgrade hook.
    pub(crate) fn lifecycle_ceiling(&self) -> Duration {
        self.lifecycle_timeout.min(LIFECYCLE_CEILING)
    }

    /// What an idle `recv` of this capsule answers.
    #[must_use]
    pub fn recv_idle_of(&self, capsule: &str) -> RecvIdle {
        self.recv_idle_for.get(capsule).copied().unwrap_or(self.recv_idle)
    }
}

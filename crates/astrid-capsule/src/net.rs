//! The network of one runtime: its airlock, its session token, and who owns which local socket.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use astrid_airlock::Airlock;
use astrid_capsule_manifest::CapsuleManifest;
use astrid_event_bus::{Bus, Draft, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Transport};
use astrid_host_ipc::{InFlight, ProvenPeer};
use astrid_host_net::{
    ClientEvents, Connections, FrameObserver, Keyring, NetCtx, NetCtxBuilder, PeerIdentity, SessionAuth,
    SessionToken, UnixEndpoint,
};
use parking_lot::Mutex;

use crate::approval::Consents;
use crate::home::private_dir;
use crate::{CapsuleError, Code, Home};

/// The sockets that are bound, for as long as a generation of their capsule is loaded.
#[derive(Default)]
struct Sockets {
    /// By capsule. A replacement that is built beside the old instance listens on the same one.
    own: HashMap<String, Weak<UnixEndpoint>>,
    /// The one that clients of the well-known socket reach.
    control: Weak<UnixEndpoint>,
}

/// What all capsules' networks share.
pub(crate) struct Network {
    pub(crate) airlock: Arc<Airlock>,
    pub(crate) connections: Connections,
    /// What ends with the last connection of whoever consented.
    consents: Consents,
    pub(crate) session: Arc<SessionAuth>,
    sockets: Mutex<Sockets>,
    /// The capsule that the well-known socket is for, if an operator named one.
    named: Option<CapsuleId>,
    home: Home,
}

impl Network {
    /// Draws this start's token and puts it where local clients look; what they claim to be, `keyring`
    /// knows how to prove. Blocks for the file system.
    pub(crate) fn start(
        home: &Home,
        airlock: Arc<Airlock>,
        keyring: Arc<dyn Keyring>,
        named: Option<CapsuleId>,
        consents: Consents,
    ) -> Result<Self, CapsuleError> {
        let failed = |error: std::io::Error| CapsuleError::host(format!("session token: {error}"));
        private_dir(&home.run()).map_err(failed)?;
        let token = SessionToken::generate().map_err(failed)?;
        token.write_to(&home.run().join("system.token")).map_err(failed)?;
        Ok(Self {
            airlock,
            connections: Connections::new(),
            consents,
            session: Arc::new(SessionAuth::new(token, keyring, env!("CARGO_PKG_VERSION"))),
            sockets: Mutex::default(),
            named,
            home: home.clone(),
        })
    }

    /// Closes what an operator's change no longer admits, until the runtime is gone. Needs a runtime
    /// of tokio's.
    pub(crate) fn follow_rules(&self) {
        tokio::spawn(self.connections.clone().follow(Arc::downgrade(&self.airlock)));
    }

    /// The network of one capsule, whose loop runs in `workers` stores, and the path of its local
    /// socket if its manifest has one.
    pub(crate) fn open(
        &self,
        manifest: &CapsuleManifest,
        bus: &Bus,
        workers: usize,
    ) -> Result<(NetCtx, Option<String>), CapsuleError> {
        let mut net = self.outgoing(bus).bind_workers(workers);
        let local = manifest.capabilities.net_bind.iter().any(|entry| entry.starts_with("unix:"));
        if !local {
            return Ok((net.build(), None));
        }
        let (endpoint, path) = self.endpoint(manifest)?;
        net = net.endpoint(endpoint);
        Ok((net.build(), Some(path)))
    }

    /// The network of a capsule without its local socket.
    pub(crate) fn outgoing(&self, bus: &Bus) -> NetCtxBuilder {
        let (connections, consents) = (self.connections.clone(), self.consents.clone());
        let announced = Announced { bus: bus.clone(), connections: connections.clone(), consents };
        NetCtx::builder(self.airlock.clone()).connections(connections).client_events(Arc::new(announced))
    }

    /// Whether the socket that clients dial without knowing a capsule is this capsule's: the one that
    /// `uplink.control` names, else the first uplink that is loaded.
    fn is_control(&self, manifest: &CapsuleManifest, sockets: &Sockets) -> bool {
        let name = &*manifest.package.name;
        match &self.named {
            Some(named) => named.as_str() == name,
            None if !manifest.capabilities.uplink => false,
            None => {
                let taken = sockets.control.strong_count() > 0;
                if taken {
                    tracing::warn!(
                        capsule = name,
                        "another uplink has run/system.sock; uplink.control says whose it is"
                    );
                }
                !taken
            }
        }
    }

    /// Every capsule with an entry has a socket of its own; one of them also has the well-known one.
    fn endpoint(&self, manifest: &CapsuleManifest) -> Result<(Arc<UnixEndpoint>, String), CapsuleError> {
        let name = manifest.package.name.as_str();
        let run = self.home.run();
        let failed = |path: &Path, error| {
            CapsuleError::of(name, Code::Host, format!("local socket {}: {error}", path.display()))
        };
        let own = run.join("c").join(format!("{name}.sock"));
        let well_known = run.join("system.sock");
        let mut sockets = self.sockets.lock();
        if let Some(bound) = sockets.own.get(name).and_then(Weak::upgrade) {
            let is_control = sockets.control.upgrade().is_some_and(|control| Arc::ptr_eq(&control, &bound));
            let path = if is_control { well_known.as_path() } else { bound.path() }.display().to_string();
            return Ok((bound, path));
        }
        let is_control = self.is_control(manifest, &sockets);
        let mut endpoint =
            UnixEndpoint::bind(&own, self.session.clone()).map_err(|error| failed(&own, error))?;
        let mut path = endpoint.path().to_owned();
        if is_control {
            endpoint = endpoint
                .also_at(&well_known, self.session.clone())
                .map_err(|error| failed(&well_known, error))?;
            path = well_known;
        }
        let endpoint = Arc::new(endpoint);
        if is_control {
            sockets.control = Arc::downgrade(&endpoint);
        }
        sockets.own.retain(|_, bound| bound.strong_count() > 0);
        sockets.own.insert(name.to_owned(), Arc::downgrade(&endpoint));
        Ok((endpoint, path.display().to_string()))
    }
}

/// Tells a store's ipc whose frame its net read last.
pub(crate) struct UplinkFrames(pub(crate) InFlight);

impl FrameObserver for UplinkFrames {
    fn frame_read(&self, peer: Option<&PeerIdentity>) {
        self.0.read_returned(peer.map(|peer| ProvenPeer {
            principal: peer.principal.clone(),
            transport: peer.transport,
            device_key: Some(peer.device_key.clone()),
            request_owner: Some(peer.owner),
        }));
    }
}

/// Says on the bus which local clients come and go.
struct Announced {
    bus: Bus,
    connections: Connections,
    consents: Consents,
}

impl Announced {
    fn say(&self, topic: &str, payload: &str, principal: &Principal) {
        let message = Topic::host(topic).map_err(|error| error.to_string()).and_then(|topic| {
            let payload = Payload::parse(payload.to_owned()).map_err(|error| error.to_string())?;
            let attribution = Attribution::Verified(principal.clone());
            let provenance = Provenance { transport: Transport::LocalSocket, ..Provenance::of(attribution) };
            Ok(Draft::new(topic, payload, provenance))
        });
        match message {
            Ok(draft) => {
                self.bus.announce(draft);
            }
            Err(error) => tracing::error!(topic, error, "a client's coming or going was not announced"),
        }
    }
}

impl ClientEvents for Announced {
    fn connected(&self, principal: &Principal) {
        self.say("client.v1.connect", "{}", principal);
    }

    fn disconnected(&self, principal: &Principal) {
        self.say("client.v1.disconnect", r#"{"reason":"socket closed"}"#, principal);
        // The one that goes is still among them.
        if self.connections.peers().iter().filter(|peer| peer.principal == *principal).count() <= 1 {
            self.consents.end_session(principal);
        }
    }
}

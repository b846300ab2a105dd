//! Every action of every domain, and the rule that decides it.

use astrid_capsule_manifest::IdentityOperation;
use astrid_host_context::{Action, Denial, Request, Target};

use crate::commands;
use crate::denial::GateDenial;
use crate::files::{Access, FileRules, Place};
use crate::manifest_gate::ManifestSecurityGate;
use crate::net::UrlHost;

const UNLISTED: &str = "no entry covers it";
const MALFORMED: &str = "the request names no target of the expected kind";

/// Why a request is refused: the words of the operation, the reason, and the capability that would allow it.
struct Refused {
    operation: &'static str,
    reason: String,
    key: &'static str,
}

type Decision = Result<(), Refused>;

fn refused(operation: &'static str, key: &'static str, reason: impl Into<String>) -> Decision {
    Err(Refused { operation, reason: reason.into(), key })
}

impl ManifestSecurityGate {
    pub(crate) fn decide(&self, request: &Request<'_>) -> Result<(), Denial> {
        let Action { domain, verb } = request.action;
        if request.capsule != &self.capsule {
            let reason =
                format!("the gate of capsule '{}' was asked for '{}'", self.capsule, request.capsule);
            return Err(Denial::new(reason));
        }
        if let Some((_, gate)) = self.others.iter().find(|(known, _)| *known == domain) {
            return gate.check(request);
        }
        let decision = match domain {
            "fs" => self.file(verb, request),
            "http" => self.http(verb, request.target),
            "net" => self.net(verb, request.target),
            "process" => self.process(verb, request.target),
            "identity" => self.identity(verb),
            "uplink" => self.uplink(verb, request.target),
            _ => return Err(self.unknown(request)),
        };
        decision.map_err(|refused| self.denial(refused, request))
    }

    fn file(&self, verb: &str, request: &Request<'_>) -> Decision {
        let (operation, key, rules, writes): (_, _, &FileRules, _) = match verb {
            "read" => ("read", "fs_read", &self.read, false),
            "write" => ("write", "fs_write", &self.write, true),
            _ => return unknown_verb(),
        };
        let Target::Path(path) = request.target else { return refused(operation, key, MALFORMED) };
        let place = match Place::parse(path) {
            Ok(place) => place,
            Err(problem) => return refused(operation, key, problem),
        };
        if !rules.cover(&place) {
            return refused(operation, key, UNLISTED);
        }
        let access = Access { principal: request.principal, writes };
        match self.protected.refuses(&place, access) {
            Some(reason) => refused(operation, key, reason),
            None => Ok(()),
        }
    }

    fn http(&self, verb: &str, target: Target<'_>) -> Decision {
        let (operation, key) = ("request", "net");
        match (verb, target) {
            ("request", Target::Other { kind: "url", name }) => match UrlHost::parse(name) {
                Ok(to) if self.web.cover(&to.host, Some(to.port)) => Ok(()),
                Ok(_) => refused(operation, key, UNLISTED),
                Err(problem) => refused(operation, key, problem),
            },
            ("request", _) => refused(operation, key, MALFORMED),
            _ => unknown_verb(),
        }
    }

    fn net(&self, verb: &str, target: Target<'_>) -> Decision {
        let sockets = &self.sockets;
        let (operation, key, allowed) = match (verb, target) {
            ("unix-accept", Target::None) => ("accept connections on", "net_bind", sockets.unix),
            ("connect", Target::Endpoint { host, port }) => {
                ("connect to", "net_connect", sockets.may_connect(host, port))
            }
            ("tcp-bind", Target::Endpoint { host, port }) => {
                ("listen on", "net_bind", sockets.may_listen(host, port))
            }
            ("udp-bind", Target::Endpoint { host, port }) => {
                ("receive datagrams on", "net_udp", sockets.may_bind_udp(host, port))
            }
            ("udp-send", Target::Endpoint { host, port }) => {
                ("send datagrams to", "net_udp", sockets.may_send_to(host, port))
            }
            ("lookup", Target::Other { kind: "host", name }) => {
                ("look up", "net_connect", sockets.may_look_up(name))
            }
            _ => return unknown_verb(),
        };
        if allowed { Ok(()) } else { refused(operation, key, UNLISTED) }
    }

    /// Without a command, as calls on a running process ask: whether any command is declared.
    fn process(&self, verb: &str, target: Target<'_>) -> Decision {
        let (operation, persists) = match verb {
            "spawn" => ("run", false),
            "persist" => ("run beyond the call", true),
            _ => return unknown_verb(),
        };
        let key = "host_process";
        let covered = match target {
            Target::None => !self.commands.is_empty(),
            Target::Command { program, .. } if !commands::is_program(program) => {
                return refused(
                    operation,
                    key,
                    "a program is not empty and has no space or control character",
                );
            }
            Target::Command { program, args } => self.commands.cover(program, args),
            _ => return refused(operation, key, MALFORMED),
        };
        if !covered {
            return refused(operation, key, UNLISTED);
        }
        if persists && !self.held.allow_persistent {
            return refused(operation, "allow_persistent", "the manifest does not set allow_persistent");
        }
        Ok(())
    }

    fn identity(&self, verb: &str) -> Decision {
        let needed = match verb {
            "resolve" => IdentityOperation::Resolve,
            "link" => IdentityOperation::Link,
            "admin" => IdentityOperation::Admin,
            _ => return unknown_verb(),
        };
        // Each word includes the ones before it.
        if self.held.identity.iter().any(|held| *held >= needed) {
            return Ok(());
        }
        refused("use the identity operation", "identity", format!("it needs \"{}\"", needed.as_str()))
    }

    /// Without an endpoint, `register` asks for the capability alone, which comes before any syntax.
    fn uplink(&self, verb: &str, target: Target<'_>) -> Decision {
        let operation = match verb {
            "register" => "register the uplink",
            "send" => "send as an uplink through",
            _ => return unknown_verb(),
        };
        if !self.held.uplink {
            return refused(operation, "uplink", "the manifest does not set uplink");
        }
        match (verb, target) {
            ("register", Target::Other { kind: "uplink", name }) => match self.uplinks.refuse(name) {
                Some(reason) => refused(operation, "uplink", reason),
                None => Ok(()),
            },
            (_, Target::None) => Ok(()),
            _ => refused(operation, "uplink", MALFORMED),
        }
    }

    fn unknown(&self, request: &Request<'_>) -> Denial {
        let Action { domain, verb } = request.action;
        let capsule = &self.capsule;
        Denial::new(format!("capsule '{capsule}' may not {domain} {verb}: no capability is known for it"))
    }

    #[cold]
    fn denial(&self, refused: Refused, request: &Request<'_>) -> Denial {
        let Refused { operation, reason, key } = refused;
        if operation.is_empty() {
            return self.unknown(request);
        }
        let allowed = self.allowed(request.action, key);
        let setting = format!("[capabilities].{key}");
        GateDenial::new(request, operation, reason, setting, allowed).into()
    }

    /// What the lists behind a decision have.
    fn allowed(&self, action: Action, key: &str) -> Vec<&str> {
        let held = &self.held;
        let entries: Vec<&String> = match (action.verb, key) {
            (_, "fs_read") => held.fs_read.iter().collect(),
            (_, "fs_write") => held.fs_write.iter().collect(),
            (_, "net") => held.net.iter().collect(),
            ("tcp-bind", _) => held.net_bind.iter().chain(&held.net_tcp_bind).collect(),
            ("lookup", _) => held.net_connect.iter().chain(&held.net_udp).collect(),
            (_, "net_bind") => held.net_bind.iter().collect(),
            (_, "net_connect") => held.net_connect.iter().collect(),
            (_, "net_udp") => held.net_udp.iter().collect(),
            (_, "host_process") => held.host_process.iter().collect(),
            (_, "identity") => return held.identity.iter().map(|word| word.as_str()).collect(),
            (_, "uplink") => return self.uplinks.declared(),
            _ => Vec::new(),
        };
        entries.into_iter().map(String::as_str).collect()
    }
}

/// An action of a known domain that no capability is for; the words are made where the request is at hand.
fn unknown_verb() -> Decision {
    refused("", "", "")
}

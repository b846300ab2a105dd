//! A tool's calls are cancelled by a message.

use std::sync::{Arc, Weak};

use astrid_event_bus::{AccessPattern, Bus, Charset, Message, Missed, Observer};
use astrid_host_process::Processes;
use serde::Deserialize;
use tokio::task::AbortHandle;

use crate::CapsuleError;

const TOPIC: &str = "tool.v1.request.cancel";
const TYPE: &str = "tool_cancel_request";

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "type")]
    kind: String,
    call_ids: Vec<String>,
}

/// Heeds cancellations for as long as the task runs.
pub(crate) fn listen(bus: &Bus, processes: &Arc<Processes>) -> Result<AbortHandle, CapsuleError> {
    let pattern = AccessPattern::parse(TOPIC, Charset::Token).map_err(CapsuleError::host)?;
    let requests = bus.observe(pattern);
    Ok(tokio::spawn(heed(requests, Arc::downgrade(processes))).abort_handle())
}

async fn heed(mut requests: Observer, processes: Weak<Processes>) {
    loop {
        match requests.recv().await {
            Ok(message) => {
                let Some(processes) = processes.upgrade() else { return };
                cancel(&processes, &message);
            }
            Err(Missed::Lagged(missed)) => {
                tracing::warn!(missed, "cancellations of tools came faster than they were read");
            }
            Err(Missed::Closed) => return,
        }
    }
}

/// Nobody cancels for a principal that the message does not speak for.
fn cancel(processes: &Processes, message: &Message) {
    let request = serde_json::from_slice::<Request>(message.payload().bytes());
    if let (Some(principal), Ok(request)) = (message.authority(), request)
        && request.kind == TYPE
    {
        processes.request_cancel(principal, &request.call_ids);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use astrid_event_bus::{Draft, Payload, Topic};
    use astrid_host_context::{Attribution, HostCx, Principal, Provenance};
    use astrid_host_process::{
        BoxFuture, Control, Exit, Grade, Ground, Launch, LaunchError, Launcher, Lifecycle, LifecycleEvent,
        Network, ProcessCtx, ProcessCtxView, Running, Signal, SpawnRequest, Unconfined, Usage,
    };
    use astrid_host_testkit::FakeHost;
    use tokio::sync::watch;

    use super::*;
    use crate::process::on_bus::OnBus;

    /// Starts what ends when it is told anything.
    struct Waits;

    impl Launcher for Waits {
        fn grade(&self) -> Result<Grade, Unconfined> {
            Ok(Grade { name: "test", persistent: true, fixed_paths: true, injections: true })
        }

        fn start(&self, _: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
            Box::pin(async {
                Ok(Running {
                    control: Box::new(Waiting(watch::Sender::new(None))),
                    stdin: None,
                    stdout: Box::new(tokio::io::empty()),
                    stderr: Box::new(tokio::io::empty()),
                })
            })
        }
    }

    struct Waiting(watch::Sender<Option<Exit>>);

    impl Control for Waiting {
        fn pid(&self) -> u32 {
            1
        }

        fn signal(&self, _: Signal) {
            self.kill();
        }

        fn kill(&self) {
            self.0.send_replace(Some(Exit { code: None, signal: Some(2) }));
        }

        fn ended(&self) -> BoxFuture<'_, Exit> {
            let mut end = self.0.subscribe();
            Box::pin(async move { end.wait_for(Option::is_some).await.unwrap().unwrap() })
        }

        fn usage(&self) -> BoxFuture<'_, Usage> {
            Box::pin(std::future::ready(Usage { cpu_ms: 0, mem_bytes_peak: 0 }))
        }
    }

    fn publish(bus: &Bus, who: Attribution, payload: &str) {
        let payload = Payload::parse(payload.to_owned()).unwrap();
        bus.announce(Draft::new(Topic::host(TOPIC).unwrap(), payload, Provenance::of(who)));
    }

    // process case 22
    #[tokio::test]
    async fn a_message_of_the_principal_itself_cancels_the_run_of_the_call_it_names() {
        let bus = Bus::builder().build();
        let ground = Ground { workspace: "/".into(), home: None, network: Network::None };
        let processes = Processes::builder(Arc::new(Waits), Arc::new(ground)).build().unwrap();
        let _task = listen(&bus, &processes).unwrap();
        let payload = br#"{"type":"tool_execute_request","call_id":"call-1","tool_name":"x","arguments":{}}"#;
        let call_id = crate::process::call_id(payload).unwrap();
        let running = processes.clone();
        let run = tokio::spawn(async move {
            let mut fake = FakeHost::builder().build();
            let mut ctx = ProcessCtx::builder(running).build();
            ctx.set_call_id(Some(&call_id));
            let host: HostCx<'_> = fake.cx();
            let request = SpawnRequest { cmd: "sh".to_owned(), ..SpawnRequest::default() };
            ProcessCtxView { ctx: &mut ctx, host }.spawn(request).await
        });
        let patience = Duration::from_secs(60);
        let began = async {
            while processes.running() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(patience, began).await.unwrap();
        let who = |name: &str| Attribution::Verified(Principal::parse(name).unwrap());
        let right = r#"{"type":"tool_cancel_request","call_ids":["call-1"]}"#;
        publish(&bus, who("bob"), right);
        publish(&bus, Attribution::Claimed(Principal::parse("alice").unwrap()), right);
        publish(&bus, who("alice"), r#"{"type":"tool_cancel_request","call_ids":["call-2"]}"#);
        publish(&bus, who("alice"), r#"{"type":"other","call_ids":["call-1"]}"#);
        publish(&bus, who("alice"), "[]");
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!run.is_finished());
        publish(&bus, who("alice"), right);
        assert!(tokio::time::timeout(patience, run).await.unwrap().unwrap().is_err());
    }

    // process case 65
    #[tokio::test]
    async fn an_event_of_a_process_is_the_hosts_own_for_its_principal_and_its_capsule_alone() {
        let bus = Bus::builder().build();
        let all = AccessPattern::parse("astrid.process.v1.exited.*", Charset::Token).unwrap();
        let mut heard = bus.observe(all);
        OnBus(bus.downgrade()).publish(LifecycleEvent {
            principal: Some(Principal::parse("alice").unwrap()),
            capsule: astrid_host_context::CapsuleId::parse("tools").unwrap(),
            capsule_uuid: astrid_host_context::Uuid::nil(),
            topic: "astrid.process.v1.exited.x".to_owned(),
            payload: r#"{"suffix":"x"}"#.to_owned(),
        });
        let message = heard.recv().await.unwrap();
        assert_eq!(message.private_capsule().unwrap().as_str(), "tools");
        assert_eq!(message.authority().unwrap().as_str(), "alice");
        assert_eq!(message.source(), astrid_host_context::Uuid::nil());
    }

    #[test]
    fn only_requests_that_have_one_have_a_call_id() {
        assert_eq!(crate::process::call_id(br#"{"call_id":"a"}"#).as_deref(), Some("a"));
        for none in [&b"{}"[..], b"[]", b"", b"{\"call_id\":1}", b"\xff"] {
            assert_eq!(crate::process::call_id(none), None);
        }
    }
}

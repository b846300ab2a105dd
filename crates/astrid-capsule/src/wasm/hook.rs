//! One call of a lifecycle hook, in an instance of its own.

use std::pin::pin;
use std::time::Duration;

use astrid_guest::{CallError, INSTALL, UPGRADE};
use astrid_host_context::{
    CallContext, Failure, HostServices, Invocation, LifecyclePhase, Outcome, Principal, Refusal,
};
use astrid_principals::{Desk, Principals};
use tokio::time::{Instant, timeout_at};

use super::number::Numbers;
use super::store::{Instance, Template, YIELD_FUEL};
use super::trap;
use crate::Code;
use crate::cpu::{Stop, placed};
use crate::principal::disabled;

/// How late a guest that computes through its deadline is noticed at most: a few ticks of the engine's
/// clock. Then it is dropped, whatever it does.
const OVERTIME: Duration = Duration::from_millis(500);

/// A call that is about to be made.
pub(crate) struct HookCall<'a> {
    template: &'a Template,
    desk: &'a Desk,
    who: &'a Principal,
    phase: LifecyclePhase,
    deadline: Instant,
    number: u64,
}

/// Why a hook did not do its work.
#[derive(Debug)]
pub(crate) enum HookFailure {
    /// Its time was up, or it was ended from outside.
    Refused(Refusal),
    /// There was no instance to call.
    Start(String),
    /// The guest's own end, in the words of [`trap`].
    Trapped(&'static str),
}

impl<'a> HookCall<'a> {
    /// A call for `who`, of the export that the template is made for.
    pub(crate) fn new(
        template: &'a Template,
        (who, desk): (&'a Principal, &'a Desk),
        phase: LifecyclePhase,
        deadline: Instant,
    ) -> Self {
        let number = Numbers::default().next();
        Self { template, desk, who, phase, deadline, number }
    }

    /// What it runs under.
    pub(crate) fn context(&self) -> CallContext {
        let own = self.template.idle.to_builder().invocation(self.number);
        own.deadline(Some(self.deadline)).cancellation(self.desk.token.clone()).build()
    }

    pub(crate) fn services(&self) -> &HostServices {
        &self.template.services
    }

    /// Makes the instance, calls the export and drops the instance. A guest that returns after it was
    /// cancelled or its time was up did not succeed: its last waits were cut short.
    pub(crate) async fn run(&self) -> Result<(), HookFailure> {
        let context = self.context();
        context.admit()?;
        let limit = self.desk.profile.quotas.max_in_flight_calls;
        let place = self.desk.places.turn(self.template.idle.capsule(), limit);
        let work = pin!(self.work());
        let ended = timeout_at(self.deadline + OVERTIME, placed(work, place)).await;
        context.admit()?;
        ended.unwrap_or(Err(HookFailure::Refused(Refusal::DeadlineExceeded)))
    }

    async fn work(&self) -> Result<(), HookFailure> {
        let made = self.template.instantiate_for(Some(self.who)).await;
        let instance = made.map_err(|error| HookFailure::Start(format!("{error:#}")))?;
        let principals = &self.template.principals;
        let mut measured = Measured { instance, who: self.who, desk: self.desk, principals };
        let Instance { store, guest, .. } = &mut measured.instance;
        store.data_mut().begin(Invocation {
            principal: Some(self.who),
            caller: None,
            deadline: Some(self.deadline),
            cancellation: &self.desk.token,
            number: self.number,
        });
        // Bounded by the deadline alone; the interval lets others in.
        let unlimited = store.set_fuel(u64::MAX);
        let yields = store.fuel_async_yield_interval(Some(YIELD_FUEL));
        unlimited.and(yields).map_err(|error| HookFailure::Start(format!("{error:#}")))?;
        let ended = match self.phase {
            LifecyclePhase::Install => guest.call_install(&mut *store).await,
            LifecyclePhase::Upgrade => guest.call_upgrade(&mut *store).await,
        };
        ended.map_err(|error| {
            let capsule = self.template.idle.capsule();
            tracing::error!(target: "astrid.capsule", %capsule, error = ?error, "lifecycle hook failed");
            HookFailure::from(error)
        })
    }
}

/// An instance whose fuel and memory are told when it is dropped, however the call ended.
struct Measured<'a> {
    instance: Instance,
    who: &'a Principal,
    desk: &'a Desk,
    principals: &'a Principals,
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        let store = &self.instance.store;
        self.desk.fuel.measure(u64::MAX - store.get_fuel().unwrap_or(u64::MAX));
        self.principals.memory.sample(self.who, store.data().meter.bytes());
    }
}

impl HookFailure {
    /// What operators and users read of it.
    pub(crate) fn reason(&self, phase: LifecyclePhase, ceiling: Duration, who: &Principal) -> String {
        let export = export(phase);
        match self {
            Self::Refused(Refusal::DeadlineExceeded) => {
                format!("{export} exceeded its deadline of {}s", ceiling.as_secs_f64())
            }
            Self::Refused(Refusal::Retired) => disabled(Some(who)),
            Self::Refused(Refusal::Cancelled) => format!("{export} was cancelled"),
            Self::Refused(other) => format!("{export} was refused: {other}"),
            Self::Start(error) => format!("component does not start: {error}"),
            Self::Trapped(words) => format!("{export} {words}"),
        }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Refused(Refusal::DeadlineExceeded) => Code::Timeout,
            Self::Refused(_) => Code::Cancelled,
            Self::Start(_) => Code::Instantiate,
            Self::Trapped(_) => Code::Execution,
        }
    }
}

fn export(phase: LifecyclePhase) -> &'static str {
    match phase {
        LifecyclePhase::Install => INSTALL,
        LifecyclePhase::Upgrade => UPGRADE,
    }
}

impl From<Refusal> for HookFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CallError> for HookFailure {
    fn from(error: CallError) -> Self {
        let CallError::Ended { source, .. } = &error else { return Self::Start(error.to_string()) };
        match source.downcast_ref::<Stop>() {
            Some(Stop::Deadline) => Self::Refused(Refusal::DeadlineExceeded),
            Some(Stop::Cancelled) => Self::Refused(Refusal::Cancelled),
            Some(Stop::Retired) => Self::Refused(Refusal::Retired),
            Some(Stop::Windows) | None => Self::Trapped(trap::words(source)),
        }
    }
}

impl Failure for HookFailure {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::Start(_) => Outcome::Failed("instantiate"),
            Self::Trapped(_) => Outcome::Failed("trap"),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        Some(match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::Start(error) => error.clone(),
            Self::Trapped(words) => (*words).to_owned(),
        })
    }
}

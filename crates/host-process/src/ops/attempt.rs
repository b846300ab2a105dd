//! An attempt to start a child: the checks in the chapter's order (§2.2), then the record, then the start.

use std::future::Future;

use astrid_host_context::{Attribution, CallContext, Cancellation, Entry, Standing, Target};
use bytes::Bytes;

use super::lookup::may;
use crate::checked::{
    Environment, Keeping, Placed, check_prelude, check_program, check_sizes, needs_home, parse_injections,
    parse_limits, parse_work_dir,
};
use crate::ctx::ProcessCtx;
use crate::limits::{MAX_CWD, MAX_PROGRAM};
use crate::op_table::{INTENT, MAY_PERSIST, MAY_READ, MAY_SPAWN, MAY_WRITE};
use crate::owner::Owner;
use crate::roll::{Enrolled, Tool};
use crate::{
    Command, Error, Grade, Injection, Launch, LaunchError, Limits, Placement, Roots, Running, SpawnRequest,
    WorkDir,
};

/// Injected bytes above which hashing goes to a thread of its own, so that no worker stands still.
const HASH_INLINE: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Sync,
    Background,
    Persistent,
}

impl Tier {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Background => "background",
            Self::Persistent => "persistent",
        }
    }
}

pub(super) struct Attempt<'a> {
    pub(super) ctx: &'a ProcessCtx,
    pub(super) entry: &'a Entry,
    pub(super) tier: Tier,
}

/// A request in which every check passed that needs no budget and no backend.
pub(super) struct Plan {
    pub(super) command: Command,
    pub(super) prelude: Option<Vec<u8>>,
    pub(super) keep: Keeping,
    environment: Environment,
    limits: Limits,
    injections: Vec<Placed>,
    cwd: WorkDir,
    /// As the guest wrote it, for the records.
    cwd_text: String,
}

impl Plan {
    /// Whether the child has a pipe for its input.
    fn pipes_input(&self, tier: Tier) -> bool {
        match tier {
            Tier::Sync => self.prelude.is_some(),
            Tier::Background => true,
            Tier::Persistent => self.prelude.is_some() || self.stdin_stays_open(tier),
        }
    }

    pub(super) fn stdin_stays_open(&self, tier: Tier) -> bool {
        match tier {
            Tier::Sync => false,
            Tier::Background => self.prelude.is_none(),
            Tier::Persistent => self.keep.stdin_stays_open,
        }
    }
}

impl Attempt<'_> {
    pub(super) fn plan(&self, request: SpawnRequest) -> Result<Plan, Error> {
        let SpawnRequest { cmd, args, stdin, env, cwd, limits, file_injections, keep } = request;
        let entry = self.entry;
        entry.fact("tier", || self.tier.as_str().to_owned());
        if let Some(component) = &self.ctx.component {
            entry.fact("component", || component.to_string());
        }
        // A record never holds more than could have been run.
        let sizes = check_sizes(&cmd, &args, &env);
        let shown = cmd.get(..cmd.floor_char_boundary(MAX_PROGRAM)).unwrap_or_default();
        let all: &[String] = if sizes.is_ok() { &args } else { &[] };
        entry.target(Target::Command { program: shown, args: all });
        entry.fact("args", || serde_json::Value::from(all).to_string());
        let cwd_text = cwd.as_deref().unwrap_or_default();
        let cwd_text = cwd_text.get(..cwd_text.floor_char_boundary(MAX_CWD)).unwrap_or_default().to_owned();
        entry.fact("cwd", || cwd_text.clone());

        may(entry, MAY_SPAWN, Target::None)?;
        check_program(&cmd)?;
        let command = Target::Command { program: &cmd, args: &args };
        may(entry, MAY_SPAWN, command)?;
        if self.tier == Tier::Persistent {
            may(entry, MAY_PERSIST, command)?;
        }
        check_prelude(stdin.as_deref())?;
        sizes?;
        let mut environment = Environment::parse(env)?;
        let limits = parse_limits(entry, limits)?;
        let injections = parse_injections(file_injections, self.ctx.processes.launcher.grade().ok())?;
        environment.yield_to(&injections);
        let dir = parse_work_dir(cwd.as_deref())?;
        if needs_home(&dir) || environment.home.is_some() {
            may(entry, MAY_READ, Target::Path("home://"))?;
        }
        let keep = match self.tier {
            Tier::Persistent => self.keeping(&keep, &cmd)?,
            Tier::Sync | Tier::Background => Keeping::ephemeral(&cmd),
        };
        entry.call().admit()?;
        Ok(Plan {
            command: Command { program: cmd, args },
            prelude: stdin,
            keep,
            environment,
            limits,
            injections,
            cwd: dir,
            cwd_text,
        })
    }

    /// What only a child that is kept needs.
    fn keeping(&self, keep: &crate::Keep, cmd: &str) -> Result<Keeping, Error> {
        let keep = Keeping::parse(self.entry, keep, cmd)?;
        if !is_authenticated(self.entry.call()) {
            let why = "the call is for no authenticated principal";
            return Err(Error::PersistUnsupported(why.to_owned()));
        }
        match self.ctx.processes.launcher.grade() {
            Ok(grade) if grade.persistent => Ok(keep),
            Ok(grade) => Err(Error::PersistUnsupported(format!("the sandbox is of grade {}", grade.name))),
            Err(unconfined) => Err(Error::PersistUnsupported(unconfined.to_string())),
        }
    }

    pub(super) fn owner(&self) -> Owner {
        Owner::of(self.entry)
    }

    pub(super) fn enrol(&self) -> Result<Enrolled, Error> {
        let tool = (self.tier == Tier::Sync).then(|| Tool(self.ctx.call_id.clone()));
        self.ctx.processes.roll.enrol(&self.owner(), tool)
    }

    /// Waits for `work`, the end of the call, or whoever stops the child.
    pub(super) async fn raced<T>(
        &self,
        stop: &Cancellation,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = stop.fired() => Err(Error::Stopped),
            done = self.entry.race(work) => Ok(done?),
        }
    }

    /// Starts it, once the intent is on record. Nothing runs if this fails.
    pub(super) async fn launch(&self, plan: &mut Plan, enrolled: &Enrolled) -> Result<Running, Error> {
        let running = self.raced(enrolled.stop(), self.start(plan)).await??;
        // What began to end while the program was started ends it.
        self.entry.call().admit()?;
        match enrolled.stop().standing() {
            Standing::Live => Ok(running),
            Standing::Cancelled | Standing::Retired => Err(Error::Stopped),
        }
    }

    async fn start(&self, plan: &mut Plan) -> Result<Running, Error> {
        let (entry, processes) = (self.entry, &self.ctx.processes);
        let grade = processes.launcher.grade()?;
        let roots = self.roots(plan, entry.call()).await?;
        let injections = hashed(std::mem::take(&mut plan.injections)).await?;
        self.intend(plan, grade, &injections).await?;
        let injects = !injections.is_empty();
        let launch = Launch {
            command: plan.command.clone(),
            env: std::mem::take(&mut plan.environment.variables),
            roots: roots.0,
            cwd: plan.cwd.clone(),
            home: plan.environment.home.take(),
            limits: plan.limits,
            injections,
            network: roots.1,
            stdin: plan.pipes_input(self.tier),
        };
        match processes.launcher.start(launch).await {
            // The file is the guest's choice, the grant is the operator's.
            Err(LaunchError::Masked) if injects => Err(LaunchError::Injection.into()),
            started => Ok(started?),
        }
    }

    /// The home is shown whole or not at all, so what counts is the grant for all of it.
    async fn roots(&self, plan: &Plan, call: &CallContext) -> Result<(Roots, crate::Network), Error> {
        let ground = self.ctx.processes.grounds.of(call).await;
        let ground = ground.map_err(|none| Error::NoGround(none.to_string()))?;
        let whole = Target::Path("home://");
        let readable = ground.home.filter(|_| may(self.entry, MAY_READ, whole).is_ok());
        let home = readable.map(|home| (home, may(self.entry, MAY_WRITE, whole).is_ok()));
        let wanted = needs_home(&plan.cwd) || plan.environment.home.is_some();
        if wanted && home.is_none() {
            return Err(LaunchError::NoDirectory.into());
        }
        Ok((Roots { workspace: ground.workspace, home }, ground.network))
    }

    /// A record of what is about to be done that outlives the host, or no start.
    async fn intend(&self, plan: &Plan, grade: Grade, injections: &[Injection]) -> Result<(), Error> {
        self.entry.recordable()?;
        let (call, services) = (self.entry.call(), self.entry.services());
        let intent = Entry::new(call, services, &INTENT);
        let Command { program, args } = &plan.command;
        intent.target(Target::Command { program, args });
        intent.fact("args", || serde_json::Value::from(args.as_slice()).to_string());
        intent.fact("tier", || self.tier.as_str().to_owned());
        intent.fact("cwd", || plan.cwd_text.clone());
        if let Some(component) = &self.ctx.component {
            intent.fact("component", || component.to_string());
        }
        for record in [self.entry, &intent] {
            record.fact("sandbox", || grade.name.to_owned());
            if !injections.is_empty() {
                record.fact("injections", || listed(injections));
            }
        }
        intent.run_now(|| Ok::<_, Error>(()))?;
        services.audit().written().await;
        // A sink that failed at this very record says so now.
        Ok(self.entry.recordable()?)
    }
}

/// The host itself knows for whom the call is made: not the capsule's owner in place of nobody, not a claim.
fn is_authenticated(call: &CallContext) -> bool {
    let attribution = call.caller().map(|caller| &caller.provenance.attribution);
    match (attribution, call.principal()) {
        (Some(Attribution::Verified(verified)), Some(who)) => verified == who && !who.is_anonymous(),
        _ => false,
    }
}

fn listed(injections: &[Injection]) -> String {
    let one = |injection: &Injection| {
        let hash = blake3::Hash::from_bytes(injection.hash).to_hex();
        match &injection.placement {
            Placement::EnvPointer(name) => format!("{name}={hash}"),
            Placement::FixedPath(path) => format!("{}={hash}", path.display()),
        }
    };
    injections.iter().map(one).collect::<Vec<_>>().join(" ")
}

async fn hashed(placed: Vec<Placed>) -> Result<Vec<Injection>, Error> {
    fn hash(placed: Vec<Placed>) -> Vec<Injection> {
        let one = |Placed { content, placement }: Placed| {
            let hash = *blake3::hash(&content).as_bytes();
            Injection { content, hash, placement }
        };
        placed.into_iter().map(one).collect()
    }
    let bytes: usize = placed.iter().map(|one| Bytes::len(&one.content)).sum();
    if bytes <= HASH_INLINE {
        return Ok(hash(placed));
    }
    let hashed = tokio::task::spawn_blocking(move || hash(placed)).await;
    hashed.map_err(|_| LaunchError::Failed("the injected files could not be hashed".to_owned()).into())
}

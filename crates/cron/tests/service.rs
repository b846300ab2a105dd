//! Firing, limits, restarts and clocks that are set, all in paused time.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use astrid_capsule_manifest::CronJobDef;
use astrid_cron::{
    BoxFuture, Clock, CronError, CronService, Firing, JobKey, JobStore, JobStoreError, MemoryJobs, NewJob,
    Outcome, Runner, StoredJob,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Tokio's paused time, and a wall clock that a test sets.
#[derive(Clone)]
struct Hands {
    start: Instant,
    base: Timestamp,
    shift: Arc<AtomicI64>,
    /// How often somebody looked at it.
    looks: Arc<AtomicU64>,
}

impl Hands {
    fn at(wall: &str) -> Self {
        Self {
            start: Instant::now(),
            base: wall.parse().unwrap(),
            shift: Arc::default(),
            looks: Arc::default(),
        }
    }

    fn set_by(&self, seconds: i64) {
        self.shift.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let shift = SignedDuration::from_secs(self.shift.load(Ordering::Relaxed));
        self.base + self.start.elapsed() + shift
    }

    fn elapsed(&self) -> Duration {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.start.elapsed()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// What one test sees: firings, suspensions, and how long an action takes and how it ends.
#[derive(Clone, Default)]
struct Actions {
    fired: Arc<Mutex<Vec<Firing>>>,
    suspended: Arc<Mutex<Vec<String>>>,
    takes: Duration,
    outcome: Option<Outcome>,
    running: Arc<AtomicI64>,
}

impl Actions {
    fn slots(&self) -> Vec<String> {
        self.fired.lock().iter().map(|one| one.scheduled_at.to_string()).collect()
    }

    fn count(&self) -> usize {
        self.fired.lock().len()
    }
}

impl Runner for Actions {
    fn fire(&self, firing: Firing) -> BoxFuture<'static, Outcome> {
        let me = self.clone();
        Box::pin(async move {
            me.fired.lock().push(firing);
            assert_eq!(me.running.fetch_add(1, Ordering::Relaxed), 0, "never two at once");
            tokio::time::sleep(me.takes).await;
            me.running.fetch_sub(1, Ordering::Relaxed);
            me.outcome.unwrap_or(Outcome::Done)
        })
    }

    fn suspended(&self, job: &JobKey, reason: &str) {
        self.suspended.lock().push(format!("{} {reason}", job.name));
    }
}

/// A store that outlives the service, as a disk does.
#[derive(Clone, Default)]
struct Disk(Arc<MemoryJobs>);

impl JobStore for Disk {
    fn load<'a>(&'a self, capsule: &'a str) -> BoxFuture<'a, Result<Vec<StoredJob>, JobStoreError>> {
        self.0.load(capsule)
    }
    fn put(&self, job: StoredJob) -> BoxFuture<'_, Result<(), JobStoreError>> {
        self.0.put(job)
    }
    fn remove<'a>(&'a self, key: &'a JobKey) -> BoxFuture<'a, Result<(), JobStoreError>> {
        self.0.remove(key)
    }
}

fn service(hands: &Hands, actions: &Actions) -> CronService {
    let service = CronService::new(hands.clone(), MemoryJobs::default(), actions.clone());
    tokio::spawn(service.run());
    service
}

fn job(name: &str, schedule: &str) -> NewJob {
    NewJob { name: name.to_owned(), schedule: schedule.to_owned(), action: None, payload: "p".into() }
}

fn declared(cron: &str) -> Vec<CronJobDef> {
    let text = format!("[package]\nname = \"c\"\nversion = \"1.0.0\"\n{cron}");
    astrid_capsule_manifest::parse_manifest(&text, std::path::Path::new("Capsule.toml")).unwrap().0.cron_jobs
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

// dispatch case 28
#[tokio::test(start_paused = true)]
async fn a_job_that_is_still_running_is_skipped_and_counted_and_never_runs_twice_at_once() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions { takes: Duration::from_millis(2_900), ..Actions::default() };
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"slow\"\nschedule = \"@every 1s\"\n"))
        .await
        .unwrap();
    pass(31).await;
    // Every three seconds: at 1, 4, 7, …
    assert!((8..=11).contains(&actions.count()), "{}", actions.count());
    let [info] = <[_; 1]>::try_from(cron.list("c", "owner")).unwrap();
    assert!(info.skipped >= 18 && info.failures == 0, "{info:?}");
}

// dispatch case 28
#[tokio::test(start_paused = true)]
async fn a_calendar_fires_at_its_instants_with_its_payload_and_as_the_owner() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions::default();
    let cron = service(&hands, &actions);
    let manifest =
        "[[cron]]\nname = \"q\"\nschedule = \"*/15 * * * *\"\naction = \"tidy\"\npayload = { deep = true }\n";
    cron.activate("c", "owner", &declared(manifest)).await.unwrap();
    assert_eq!(cron.list("c", "x").first().unwrap().next_at.unwrap().to_string(), "2026-11-21T10:15:00Z");
    pass(8 * 60 - 1).await;
    assert_eq!(actions.count(), 0);
    pass(2).await;
    let firing = actions.fired.lock().first().unwrap().clone();
    assert_eq!((&*firing.key.principal, firing.action.as_str()), ("owner", "tidy"));
    assert_eq!(
        firing.payload(),
        serde_json::json!({
            "name": "q", "scheduled_at": "2026-11-21T10:15:00Z", "fired_at": firing.fired_at.to_string(),
            "payload": { "deep": true },
        })
    );
    assert_eq!(actions.slots(), ["2026-11-21T10:15:00Z"]);
}

// dispatch case 29
#[tokio::test(start_paused = true)]
async fn a_scheduled_job_survives_a_restart_and_is_gone_after_its_cancellation() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let (disk, before) = (Disk::default(), Actions::default());
    let first = CronService::new(hands.clone(), disk.clone(), before.clone());
    tokio::spawn(first.run());
    first.activate("c", "owner", &[]).await.unwrap();
    let at = first.schedule("c", "alice", job("j", "0 11 * * *")).await.unwrap();
    assert_eq!(at.to_string(), "2026-11-21T11:00:00Z");
    drop(first);

    let after = Actions::default();
    let second = CronService::new(hands.clone(), disk.clone(), after.clone());
    tokio::spawn(second.run());
    second.activate("c", "owner", &[]).await.unwrap();
    pass(60 * 60).await;
    assert_eq!((before.count(), after.slots()), (0, vec!["2026-11-21T11:00:00Z".to_owned()]));
    assert_eq!(&*after.fired.lock().first().unwrap().key.principal, "alice");
    assert!(second.list("c", "bob").is_empty());

    second.cancel("c", "alice", "j").await.unwrap();
    assert_eq!(second.cancel("c", "alice", "j").await, Err(CronError::Unknown("j".to_owned())));
    second.activate("c", "owner", &[]).await.unwrap();
    pass(48 * 60 * 60).await;
    assert_eq!(after.count(), 1);
}

// dispatch case 29
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_job_is_said_with_the_limit() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let cron = service(&hands, &Actions::default());
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"mine\"\nschedule = \"@daily\"\n"))
        .await
        .unwrap();
    let large = NewJob { payload: "x".repeat(64 << 10).into(), ..job("j", "@daily") };
    for (wrong, said) in [
        (job("j", "@every 500ms"), "minimum of 1s"),
        (job("j", "@every 0s"), "shorter than one second"),
        (job("j", "0 0 31 2 *"), "never fires"),
        (job("J", "@daily"), "lowercase"),
        (job("", "@daily"), "1 to 64"),
        (job("mine", "@daily"), "name is declared in the manifest"),
        (large, "65536"),
        (NewJob { action: Some(String::new()), ..job("j", "@daily") }, "action"),
    ] {
        let error = cron.schedule("c", "alice", wrong).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(cron.cancel("c", "alice", "mine").await, Err(CronError::Declared("mine".to_owned())));
    for n in 0..32 {
        cron.schedule("c", "alice", job(&format!("j{n}"), "@daily")).await.unwrap();
    }
    assert!(matches!(cron.schedule("c", "alice", job("j32", "@daily")).await, Err(CronError::TooMany(_))));
    cron.schedule("c", "alice", job("j0", "@hourly")).await.unwrap();
    cron.schedule("c", "bob", job("j32", "@daily")).await.unwrap();
    assert_eq!(cron.list("c", "alice").len(), 33);
    cron.cancel("c", "alice", "j1").await.unwrap();
    cron.schedule("c", "alice", job("j32", "@daily")).await.unwrap();
}

// dispatch case 30
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_fires_no_slot_twice() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions::default();
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"q\"\nschedule = \"*/15 * * * *\"\n"))
        .await
        .unwrap();
    pass(60 * 60).await;
    assert_eq!(actions.count(), 4);
    hands.set_by(-3600);
    pass(2 * 60 * 60).await;
    let mut slots = actions.slots();
    assert_eq!(slots.len(), 8, "{slots:?}");
    slots.dedup();
    slots.sort();
    slots.dedup();
    assert_eq!(slots.len(), 8, "{slots:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_far_ahead_before_anything_fired_does_not_hold_jobs_back() {
    let hands = Hands::at("2027-11-21T10:07:00Z");
    let actions = Actions::default();
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"q\"\nschedule = \"*/15 * * * *\"\n"))
        .await
        .unwrap();
    pass(1).await;
    hands.set_by(-365 * 86_400);
    pass(10 * 60).await;
    assert_eq!(actions.slots(), ["2026-11-21T10:15:00Z"]);
}

#[tokio::test(start_paused = true)]
async fn slots_that_pass_while_the_machine_sleeps_are_not_made_up_for() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions::default();
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"q\"\nschedule = \"*/15 * * * *\"\n"))
        .await
        .unwrap();
    pass(60).await;
    hands.set_by(3 * 3600 + 12 * 60);
    pass(60).await;
    assert_eq!(actions.count(), 0);
    assert_eq!(cron.list("c", "owner").first().unwrap().missed, 1);
    pass(15 * 60).await;
    assert_eq!(actions.slots(), ["2026-11-21T13:30:00Z"]);
}

// dispatch case 30
#[tokio::test(start_paused = true)]
async fn a_reload_keeps_scheduled_jobs_and_reads_declared_ones_anew() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions::default();
    let cron = service(&hands, &actions);
    let names = |cron: &CronService| -> Vec<String> {
        cron.list("c", "alice").iter().map(|job| job.key.name.to_string()).collect()
    };
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"old\"\nschedule = \"@every 1m\"\n"))
        .await
        .unwrap();
    cron.schedule("c", "alice", job("mine", "@every 1h")).await.unwrap();
    assert_eq!(names(&cron), ["mine", "old"]);
    cron.deactivate("c");
    pass(600).await;
    assert_eq!((actions.count(), names(&cron).len()), (0, 0));
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"new\"\nschedule = \"@every 1m\"\n"))
        .await
        .unwrap();
    assert_eq!(names(&cron), ["mine", "new"]);
    pass(61).await;
    assert_eq!(actions.fired.lock().iter().map(|one| &*one.key.name).collect::<Vec<_>>(), ["new"]);
    cron.forget_for("c", "bob").await.unwrap();
    assert_eq!(names(&cron), ["mine", "new"], "bob had none");
    cron.forget_for("c", "alice").await.unwrap();
    assert_eq!(names(&cron), ["new"]);
    cron.schedule("c", "alice", job("mine", "@every 1h")).await.unwrap();
    cron.forget("c").await.unwrap();
    cron.activate("c", "owner", &[]).await.unwrap();
    assert!(names(&cron).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_two_owners_builds_of_a_capsule_declare_runs_side_by_side() {
    let cron = service(&Hands::at("2026-11-21T10:07:00Z"), &Actions::default());
    let names = || -> Vec<String> {
        cron.list("c", "x").iter().map(|job| format!("{} {}", job.key.principal, job.key.name)).collect()
    };
    cron.activate("c", "alice", &declared("[[cron]]\nname = \"a\"\nschedule = \"@daily\"\n")).await.unwrap();
    cron.activate("c", "bob", &declared("[[cron]]\nname = \"b\"\nschedule = \"@daily\"\n")).await.unwrap();
    assert_eq!(names(), ["alice a", "bob b"]);
    cron.activate("c", "alice", &[]).await.unwrap();
    assert_eq!(names(), ["bob b"]);
    cron.deactivate("c");
    assert!(names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn ten_failures_in_a_row_suspend_a_job_until_its_capsule_is_loaded_again() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions { outcome: Some(Outcome::Failed("no".to_owned())), ..Actions::default() };
    let cron = service(&hands, &actions);
    let manifest = declared("[[cron]]\nname = \"q\"\nschedule = \"@every 1m\"\n");
    cron.activate("c", "owner", &manifest).await.unwrap();
    pass(3600).await;
    assert_eq!(actions.count(), 10);
    assert_eq!(*actions.suspended.lock(), ["q no"]);
    assert_eq!(cron.list("c", "owner").first().unwrap().next_at, None);
    cron.activate("c", "owner", &manifest).await.unwrap();
    pass(61).await;
    assert_eq!(actions.count(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_principal_that_is_disabled_is_no_failure() {
    let hands = Hands::at("2026-11-21T10:07:00Z");
    let actions = Actions { outcome: Some(Outcome::NotNow("disabled".to_owned())), ..Actions::default() };
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &declared("[[cron]]\nname = \"q\"\nschedule = \"@every 1m\"\n"))
        .await
        .unwrap();
    pass(3600).await;
    assert_eq!((actions.count(), actions.suspended.lock().len()), (59, 0));
}

#[tokio::test(start_paused = true)]
async fn the_loop_ends_with_the_last_clone_of_the_service() {
    let cron = CronService::new(Hands::at("2026-11-21T10:07:00Z"), MemoryJobs::default(), Actions::default());
    let running = tokio::spawn(cron.run());
    pass(1).await;
    drop(cron);
    running.await.unwrap();
}

// dispatch §9: a wake looks at what is due, however many jobs there are
#[tokio::test(start_paused = true)]
async fn among_ten_thousand_jobs_only_those_that_are_due_are_looked_at() {
    let (hands, actions) = (Hands::at("2026-11-21T10:07:00Z"), Actions::default());
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &[]).await.unwrap();
    for n in 0..10_000 {
        // The second half of the names sorts behind the job that fires, the first before it.
        let schedule = if n % 2 == 0 { "0 0 1 1 *" } else { "@every 20000h" };
        cron.schedule("c", &format!("p{}", n / 32), job(&format!("j{}", n % 32), schedule)).await.unwrap();
    }
    cron.schedule("c", "p17-x", job("often", "@every 1s")).await.unwrap();
    cron.schedule("c", "p171-x", job("minute", "* * * * *")).await.unwrap();
    pass(1).await;
    let before = hands.looks.load(Ordering::Relaxed);
    pass(100).await;
    let looks = hands.looks.load(Ordering::Relaxed) - before;
    assert!((100..=104).contains(&actions.count()), "{}", actions.count());
    assert!(looks < 100 * 20, "{looks} looks at the clock for a hundred firings");

    // Set back, every calendar is looked at once, and then only what is due again.
    hands.set_by(-7200);
    pass(31).await;
    let before = hands.looks.load(Ordering::Relaxed);
    pass(10).await;
    assert!(hands.looks.load(Ordering::Relaxed) - before < 10 * 20);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_replaced_cancelled_or_withdrawn_leaves_nothing_that_is_due() {
    let (hands, actions) = (Hands::at("2026-11-21T10:07:00Z"), Actions::default());
    let cron = service(&hands, &actions);
    cron.activate("c", "owner", &[]).await.unwrap();
    for n in 0..1_000 {
        cron.schedule("c", "alice", job("j", &format!("@every {}s", 10 + n % 7))).await.unwrap();
    }
    cron.schedule("c", "alice", job("j", "@every 60s")).await.unwrap();
    pass(59).await;
    assert_eq!(actions.count(), 0, "only the last one counts");
    pass(2).await;
    assert_eq!(actions.count(), 1);
    cron.cancel("c", "alice", "j").await.unwrap();
    cron.schedule("c", "alice", job("k", "* * * * *")).await.unwrap();
    cron.deactivate("c");
    pass(3600).await;
    assert_eq!(actions.count(), 1);
}

//! `log` and the day files.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{State, state};
use astrid_host_context::{CapsuleId, Principal};
use astrid_host_sys::{LogLevel, LogLine, LogRouter, LogSettings, LogSink, MemorySecrets, SecretScope};
use astrid_host_sys::{SecretStore, SysCtx, SysView};
use astrid_host_testkit::FakeHost;

#[derive(Default)]
struct HostLog(Mutex<Vec<String>>);

impl LogSink for HostLog {
    fn write(&self, line: LogLine) {
        #[expect(clippy::unwrap_used, reason = "a poisoned test has failed already")]
        self.0.lock().unwrap().push(line.text);
    }
}

struct Fixture {
    root: tempfile::TempDir,
    router: LogRouter,
    host_log: Arc<HostLog>,
}

#[expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
impl Fixture {
    fn new(settings: LogSettings) -> Self {
        let root = tempfile::tempdir().unwrap();
        let host_log = Arc::new(HostLog::default());
        let router = LogRouter::with_host_log(root.path(), settings, host_log.clone()).unwrap();
        for name in ["alice", "bob", "default"] {
            router.register(&Principal::parse(name).unwrap()).unwrap();
        }
        Self { root, router, host_log }
    }
    fn state(&self, ctx: astrid_host_sys::SysCtxBuilder) -> State {
        state(FakeHost::builder().capsule("c"), ctx.log(Arc::new(self.router.clone())))
    }
    fn folder(&self, principal: &str) -> PathBuf {
        self.root.path().join("home").join(principal).join(".local/log/c")
    }
    fn lines(&self, principal: &str) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.folder(principal)) else { return Vec::new() };
        let text: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        text.lines().map(str::to_owned).collect()
    }
    fn at_host(&self) -> Vec<String> {
        self.host_log.0.lock().unwrap().clone()
    }
    fn write_at(&self, at: SystemTime, text: &str) {
        self.router.write(LogLine {
            principal: Some(Principal::parse("alice").unwrap()),
            capsule: CapsuleId::parse("c").unwrap(),
            level: LogLevel::Info,
            text: text.to_owned(),
            at,
        });
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().map_or(0, |file| file.permissions().mode() & 0o777)
}

// sys cases 14 and 16
#[tokio::test]
async fn a_line_is_in_its_principals_file_alone_and_errors_are_in_the_hosts_log_too() {
    let fixture = Fixture::new(LogSettings::default());
    let mut state = fixture.state(SysCtx::builder());
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    for level in [Trace, Debug, Info, Warn, Error] {
        state.sys().log(level, level.word());
    }
    state.fake.serve("bob");
    state.sys().log(Info, "hi");
    fixture.router.flush().await;
    let alice = fixture.lines("alice");
    assert_eq!(alice.len(), 5);
    for (line, level) in alice.iter().zip(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]) {
        assert!(line.ends_with(&format!(" {level} [c] {level}")), "{line}");
    }
    assert!(matches!(&fixture.lines("bob")[..], [one] if one.ends_with(" INFO [c] hi")));
    assert!(fixture.lines("default").is_empty());
    assert_eq!(fixture.at_host(), ["ERROR"]);
    assert_eq!(mode(&fixture.folder("alice")), 0o700);
    let file = std::fs::read_dir(fixture.folder("alice")).unwrap().next().unwrap().unwrap();
    assert_eq!(mode(&file.path()), 0o600);
}

// sys case 17
#[tokio::test]
async fn an_unregistered_principal_gets_no_directory_and_its_line_is_in_the_hosts_log() {
    let fixture = Fixture::new(LogSettings::default());
    let mut state = fixture.state(SysCtx::builder());
    state.fake.serve("mallory");
    state.sys().log(LogLevel::Info, "hi");
    fixture.router.flush().await;
    assert_eq!(fixture.at_host(), ["hi"]);
    assert!(!fixture.root.path().join("home/mallory").exists());
    fixture.router.register(&Principal::parse("mallory").unwrap()).unwrap();
    state.sys().log(LogLevel::Info, "again");
    fixture.router.flush().await;
    assert_eq!(fixture.lines("mallory").len(), 1);
}

// sys case 18
#[tokio::test]
async fn the_day_of_a_line_decides_its_file_and_files_over_seven_days_go() {
    let fixture = Fixture::new(LogSettings::default());
    // 2026-11-19T23:59:59.999Z
    let before = UNIX_EPOCH + Duration::from_millis(1_795_132_799_999);
    fixture.write_at(before, "old day");
    fixture.router.flush().await;
    let day = |name: &str| fixture.folder("alice").join(format!("{name}.log"));
    for name in ["2026-11-12", "2026-11-14", "notes"] {
        std::fs::write(day(name), "").unwrap();
    }
    fixture.write_at(before + Duration::from_millis(1), "new day");
    fixture.router.flush().await;
    assert!(std::fs::read_to_string(day("2026-11-19")).unwrap().ends_with("old day\n"));
    assert!(std::fs::read_to_string(day("2026-11-20")).unwrap().ends_with("new day\n"));
    assert!(!day("2026-11-12").exists() && day("2026-11-14").exists() && day("notes").exists());
}

// sys case 19
#[tokio::test]
async fn lines_in_the_file_and_lines_counted_as_dropped_add_up() {
    const CALLS: u64 = 100_000;
    let fixture = Fixture::new(LogSettings::default());
    let mut state = fixture.state(SysCtx::builder());
    for _ in 0..CALLS {
        state.sys().log(LogLevel::Info, "x");
    }
    fixture.router.flush().await;
    let (mut written, mut dropped) = (0, 0);
    for line in fixture.lines("alice") {
        match line.split_once("… ").and_then(|(_, rest)| rest.strip_suffix(" lines dropped")) {
            Some(count) => dropped += count.parse::<u64>().unwrap(),
            None => written += 1,
        }
    }
    assert!(dropped > 0, "the loop was slower than the limit");
    assert_eq!(written + dropped, CALLS);
    assert_eq!(state.fake.recorder().counted("log").0, CALLS);
}

// sys case 20
#[tokio::test]
async fn a_file_that_fails_leaves_its_lines_to_the_hosts_log_until_it_works_again() {
    let fixture = Fixture::new(LogSettings { retry_after: Duration::ZERO, ..LogSettings::default() });
    let blocker = fixture.root.path().join("home/alice/.local");
    std::fs::write(&blocker, "").unwrap();
    let mut state = fixture.state(SysCtx::builder());
    state.sys().log(LogLevel::Warn, "lost?");
    state.sys().log(LogLevel::Error, "once");
    fixture.router.flush().await;
    assert_eq!(fixture.at_host(), ["lost?", "once"]);
    std::fs::remove_file(&blocker).unwrap();
    state.sys().log(LogLevel::Warn, "back");
    fixture.router.flush().await;
    assert_eq!(fixture.lines("alice").len(), 1);
}

// sys case 21
#[tokio::test]
async fn a_link_in_a_day_files_place_is_not_followed() {
    let fixture = Fixture::new(LogSettings::default());
    // Past the removal at start, for which all of the seventies is old.
    fixture.router.flush().await;
    let victim = fixture.root.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    std::fs::create_dir_all(fixture.folder("alice")).unwrap();
    symlink(&victim, fixture.folder("alice").join("1970-01-01.log")).unwrap();
    fixture.write_at(UNIX_EPOCH, "hi");
    fixture.router.flush().await;
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fixture.at_host(), ["hi"]);
}

// sys cases 21 and 22
#[test]
fn lines_of_many_instances_stay_whole_and_in_order_and_the_last_drop_writes_them() {
    let settings = LogSettings {
        queue_lines: 20_000,
        queue_bytes: 1 << 30,
        lines_per_second: 100_000,
        bytes_per_second: 1 << 30,
        ..LogSettings::default()
    };
    let fixture = Fixture::new(settings);
    std::thread::scope(|threads| {
        for instance in 0..8 {
            let mut state = fixture.state(SysCtx::builder());
            threads.spawn(move || {
                for n in 0..1000 {
                    state.sys().log(LogLevel::Info, &format!("{instance} {n} {}", "x".repeat(1000)));
                }
            });
        }
    });
    let Fixture { root, router, host_log } = fixture;
    drop(router);
    let fixture = Fixture { router: LogRouter::open(root.path(), settings).unwrap(), root, host_log };
    // The drop waits for two seconds, and the writer goes on however long a busy machine takes.
    let begun = std::time::Instant::now();
    while fixture.lines("alice").len() < 8000 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut next = [0; 8];
    for line in fixture.lines("alice") {
        let words: Vec<_> = line.split(' ').collect();
        let (instance, n): (usize, usize) = (words[3].parse().unwrap(), words[4].parse().unwrap());
        assert_eq!((next[instance], words[5].len()), (n, 1000));
        next[instance] += 1;
    }
    assert_eq!(next, [1000; 8]);
}

// sys case 23
#[tokio::test]
async fn a_revealed_secret_is_not_in_the_log_and_nothing_is_logged_without_authority() {
    let fixture = Fixture::new(LogSettings::default());
    let store = Arc::new(MemorySecrets::new());
    let capsule = CapsuleId::parse("c").unwrap();
    let scope = SecretScope { principal: Some(Principal::parse("alice").unwrap()), capsule };
    store.set(&scope, "a", "supersecret1".to_owned().into()).await.unwrap();
    store.set(&scope, "b", "supersecret1-and-more".to_owned().into()).await.unwrap();
    let mut state = fixture.state(SysCtx::builder().secret_key("a").secret_key("b").secrets(store));
    state.sys().get_config("a").await.unwrap();
    state.sys().get_config("b").await.unwrap();
    state.sys().log(LogLevel::Info, "<supersecret1> <supersecret1-and-more>");
    state.fake.cancellation().retire();
    state.sys().log(LogLevel::Info, "too late");
    fixture.router.flush().await;
    assert!(matches!(&fixture.lines("alice")[..], [one] if one.ends_with("<[redacted]> <[redacted]>")));
}

// sys case 18
#[tokio::test]
async fn old_files_are_removed_at_start_also_of_capsules_that_log_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("home/zoe/.local/log/quiet");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["1999-12-31.log", "2999-12-31.log", "notes.txt"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    let router = LogRouter::open(root.path(), LogSettings::default()).unwrap();
    router.flush().await;
    let mut left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["2999-12-31.log", "notes.txt"]);
}

// sys case 16
#[tokio::test]
async fn an_error_that_finds_no_room_is_still_in_the_hosts_log() {
    let fixture = Fixture::new(LogSettings { lines_per_second: 0, ..LogSettings::default() });
    let mut state = fixture.state(SysCtx::builder());
    state.sys().log(LogLevel::Warn, "counted");
    state.sys().log(LogLevel::Error, "serious");
    fixture.router.flush().await;
    assert_eq!(fixture.at_host(), ["serious"]);
    assert!(matches!(&fixture.lines("alice")[..], [.., last] if last.ends_with(" lines dropped")));
}

// sys case 21
#[tokio::test]
async fn a_pipe_in_a_day_files_place_stops_nobody() {
    let fixture = Fixture::new(LogSettings::default());
    // Past the removal at start, for which all of the seventies is old.
    fixture.router.flush().await;
    std::fs::create_dir_all(fixture.folder("alice")).unwrap();
    let pipe = fixture.folder("alice").join("1970-01-01.log");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    fixture.write_at(UNIX_EPOCH, "hi");
    fixture.router.flush().await;
    assert_eq!(fixture.at_host(), ["hi"]);
}

// sys case 15
#[tokio::test]
async fn a_message_of_64_kib_is_whole_and_one_byte_more_is_cut_with_a_mark() {
    let fixture = Fixture::new(LogSettings::default());
    let mut state = fixture.state(SysCtx::builder());
    for length in [65_535, 65_536, 65_537] {
        state.sys().log(LogLevel::Info, &"x".repeat(length));
    }
    fixture.router.flush().await;
    let lines = fixture.lines("alice");
    let texts: Vec<_> = lines.iter().map(|line| line.split_once("[c] ").unwrap().1).collect();
    assert_eq!((texts[0].len(), texts[1].len()), (65_535, 65_536));
    assert_eq!(texts[2], format!("{}…[+1 bytes]", "x".repeat(65_536)));
}

//! A child process links and unlinks, says what it tries and what was acknowledged, and is killed at a random
//! moment; what it left must agree with what it said, link and index alike.
//!
//! 12 rounds, or 200 with `ASTRID_LONG_TESTS` set.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use astrid_host_identity::{Change, IdentityStore, UserId};
use astrid_store_redb::RedbIdentities;

use crate::{KEY, account, commit, link, user};

const DIRECTORY: &str = "ASTRID_CRASH_DIRECTORY";
const USERS: usize = 4;
const TASKS: usize = 8;
const PAIRS: usize = 5;
/// Acknowledged operations of a round, over all tasks, before the clock of the kill starts.
const WARM: usize = 40;

fn rounds() -> u64 {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 200 } else { 12 }
}

/// What is known of a pair: linked or not as last acknowledged, and whether another change was tried since.
#[derive(Default, Debug, Clone, Copy)]
struct Known {
    linked: bool,
    in_doubt: bool,
}

// identity case 29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigkill_every_acknowledged_change_is_there_and_every_link_is_in_its_index() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    for n in 0..USERS {
        store.change(Change::CreateUser(user(&format!("u{n}"))), commit()).await.unwrap();
    }
    store.close().await;
    drop(store);
    let (mut known, mut acknowledged) = (BTreeMap::<String, Known>::new(), 0);
    for round in 1..=rounds() {
        for line in work_and_kill(directory.path(), Duration::from_millis(1 + (round * 37) % 60)) {
            let words: Vec<_> = line.split(' ').collect();
            let [word, change, pair] = words[..] else { panic!("the child said {line:?}") };
            let known = known.entry(pair.to_owned()).or_default();
            known.in_doubt = word == "try";
            if word == "ack" {
                known.linked = change == "link";
                acknowledged += 1;
            }
        }
        let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
        // Nothing had to be mended: a link and its row of the index are there or not there together.
        assert_eq!((store.repaired_rows(), store.foreign_records()), (0, 0), "round {round}");
        let mut listed = 0;
        for user in store.users(None, 100).await.unwrap() {
            for link in store.links(user.id).await.unwrap().unwrap() {
                let found = store.find(&link.account).await.unwrap();
                assert_eq!(found.map(|found| found.link), Some(link));
                listed += 1;
            }
        }
        let mut linked = 0;
        for (pair, known) in &mut known {
            let found = store.find(&account(pair)).await.unwrap().is_some();
            assert!(found == known.linked || known.in_doubt, "round {round}: {pair} is {found}, {known:?}");
            // The next round starts from what is there.
            *known = Known { linked: found, in_doubt: false };
            linked += usize::from(found);
        }
        assert_eq!(listed, linked, "round {round}");
        store.close().await;
    }
    assert!(acknowledged >= WARM * usize::try_from(rounds()).unwrap(), "{acknowledged}");
}

fn work_and_kill(directory: &Path, wait: Duration) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["crash::a_child_links_until_it_is_killed", "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut output = output.filter_map(|line| line.strip_prefix('@').map(str::to_owned));
    let mut lines: Vec<String> = Vec::new();
    while lines.iter().filter(|line| line.starts_with("ack")).count() < WARM {
        lines.push(output.next().unwrap());
    }
    let reader = std::thread::spawn(move || output.collect::<Vec<_>>());
    std::thread::sleep(wait);
    process.kill().unwrap();
    process.wait().unwrap();
    lines.extend(reader.join().unwrap());
    lines
}

fn say(word: &str, change: &str, pair: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{word} {change} {pair}").unwrap();
    out.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the crash test"]
async fn a_child_links_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = Arc::new(RedbIdentities::open(directory, &KEY).unwrap());
    let users: Vec<UserId> = store.users(None, 100).await.unwrap().into_iter().map(|user| user.id).collect();
    println!();
    let tasks = (0..TASKS).map(|task| {
        let (store, owner) = (store.clone(), users[task % USERS]);
        tokio::spawn(async move {
            for step in 0.. {
                let pair = format!("t{task}p{}", step % PAIRS);
                let before = store.link(&account(&pair)).await.unwrap();
                let (word, change) = match before {
                    None => ("link", link(account(&pair), owner, "token")),
                    Some(link) => ("unlink", Change::Unlink { account: link.account, owner: link.user }),
                };
                say("try", word, &pair);
                store.change(change, commit()).await.unwrap();
                say("ack", word, &pair);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

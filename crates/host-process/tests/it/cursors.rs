//! Reading without taking.

use astrid_host_process::{Keep, LogChunk, LogStream, OverflowPolicy, ProcessView, SpawnRequest};

use crate::common::scripted::Puppet;
use crate::common::{Desk, arm_of, desk, eventually, puppets, sh};

const OUT: LogStream = LogStream::Stdout;

impl Desk {
    fn since(&mut self, id: &str, cursor: Option<&str>, max: u32) -> LogChunk {
        self.state.process().read_since(id, OUT, cursor, max).unwrap()
    }

    /// Waits until so many bytes came, kept or not.
    async fn arrived(&mut self, id: &str, bytes: u64) {
        loop {
            let info = self.state.process().status(id).await.unwrap();
            if info.buffered_bytes + info.bytes_dropped >= bytes {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn exited(desk: &mut Desk, puppet: &Puppet, id: &str) {
    puppet.exit(0);
    desk.state.process().wait(id, 10_000).await.unwrap();
}

fn ring(bytes: u32, overflow: OverflowPolicy) -> SpawnRequest {
    let keep = Keep { log_ring_bytes: Some(bytes), overflow: Some(overflow), ..Keep::default() };
    SpawnRequest { keep, ..sh("") }
}

// process case 49
#[tokio::test]
async fn every_cursor_sees_everything_in_its_own_time() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    puppet.say("abcXYZ").await;
    desk.arrived(&id, 6).await;
    let first = desk.since(&id, None, 3);
    assert_eq!((&first.data[..], first.drained_eof), (&b"abc"[..], false));
    exited(&mut desk, &puppet, &id).await;
    let second = desk.since(&id, Some(&first.next), 99);
    assert_eq!((&second.data[..], second.drained_eof, second.bytes_dropped), (&b"XYZ"[..], true, 0));
    let other = desk.since(&id, None, 99);
    assert_eq!((&other.data[..], other.drained_eof), (&b"abcXYZ"[..], true));
    assert_eq!(desk.since(&id, Some(&first.next), 99).data, b"XYZ");
    assert!(desk.since(&id, Some(&second.next), 99).drained_eof);
}

// process case 50
#[tokio::test]
async fn a_cursor_from_before_says_what_it_lost() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(ring(4096, OverflowPolicy::DropOldest)).await;
    let puppet = script.next().await;
    let early = desk.since(&id, None, 0).next;
    puppet.say(vec![b'x'; 10_000]).await;
    desk.arrived(&id, 10_000).await;
    let chunk = desk.since(&id, Some(&early), u32::MAX);
    assert_eq!((chunk.bytes_dropped, chunk.data.len()), (5904, 4096));
    let after = desk.since(&id, Some(&chunk.next), u32::MAX);
    assert_eq!((after.bytes_dropped, after.data.len()), (5904, 0));
    assert_eq!(desk.since(&id, None, u32::MAX).bytes_dropped, 0);
    assert_eq!(desk.state.process().status(&id).await.unwrap().bytes_dropped, 5904);
}

// process case 51
#[tokio::test]
async fn a_cursor_of_anything_else_is_no_such_process() {
    let (mut desk, _script) = puppets();
    let (id, other) = (desk.state.keep(sh("")).await, desk.state.keep(sh("")).await);
    let token = desk.since(&id, None, 0).next;
    let mut forged = token.clone().into_bytes();
    forged[20] = if forged[20] == b'a' { b'b' } else { b'a' };
    let forged = String::from_utf8(forged).unwrap();
    let mut view = desk.state.process();
    assert_eq!(arm_of(view.read_since(&id, LogStream::Stderr, Some(&token), 1)), "NoSuchProcess");
    assert_eq!(arm_of(view.read_since(&other, OUT, Some(&token), 1)), "NoSuchProcess");
    for bad in [forged.as_str(), "", "x"] {
        assert_eq!(arm_of(view.read_since(&id, OUT, Some(bad), 1)), "NoSuchProcess");
    }
    assert_eq!(arm_of(view.read_since(&id, OUT, Some(&token), 1)), "ok");
}

// process case 52
#[tokio::test]
async fn nothing_may_be_read_and_no_more_than_4_mib_at_a_time() {
    let mut desk = desk();
    let keep = Keep { log_ring_bytes: Some(8 << 20), ..Keep::default() };
    let request = SpawnRequest { keep, ..sh("head -c 5242880 /dev/zero") };
    let id = desk.state.keep(request).await;
    desk.state.process().wait(&id, 60_000).await.unwrap();
    let nothing = desk.since(&id, None, 0);
    assert!(nothing.data.is_empty() && !nothing.drained_eof);
    assert_eq!(desk.since(&id, Some(&nothing.next), 0).next, nothing.next);
    let first = desk.since(&id, Some(&nothing.next), u32::MAX);
    assert_eq!((first.data.len(), first.drained_eof), (4_194_304, false));
    let rest = desk.since(&id, Some(&first.next), u32::MAX);
    assert_eq!((rest.data.len(), rest.drained_eof), (1_048_576, true));
}

// process case 54
#[tokio::test]
async fn under_backpressure_a_reader_with_a_cursor_gets_every_byte_in_order() {
    let mut desk = desk();
    let args = vec!["-c".to_owned(), "seq 100000 250000".to_owned()];
    let request = SpawnRequest { args, ..ring(4096, OverflowPolicy::Backpressure) };
    let id = desk.state.keep(request).await;
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let chunk = desk.since(&id, cursor.as_deref(), u32::MAX);
        assert_eq!(chunk.bytes_dropped, 0);
        all.extend(chunk.data);
        cursor = Some(chunk.next);
        if chunk.drained_eof {
            break;
        }
        tokio::task::yield_now().await;
    }
    let expected: String = (100_000..=250_000).map(|n| format!("{n}\n")).collect();
    assert!(all.len() > 1 << 20 && all == expected.as_bytes());
    assert_eq!(desk.state.process().wait(&id, 10_000).await.unwrap().code, Some(0));
    assert_eq!(desk.state.process().status(&id).await.unwrap().bytes_dropped, 0);
}

// process case 55
#[tokio::test]
async fn without_a_reader_the_child_waits_and_loses_nothing() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(ring(4096, OverflowPolicy::Backpressure)).await;
    let puppet = script.next().await;
    // As much as fits into ring, reader and pipe.
    puppet.say(vec![b'x'; 60 * 1024]).await;
    desk.arrived(&id, 4000).await;
    let info = desk.state.process().status(&id).await.unwrap();
    assert!(info.buffered_bytes <= 4096 && info.bytes_dropped == 0);
    let first = desk.state.process().read_logs(&id).unwrap();
    assert!(!first.stdout.is_empty());
    let mut all = first.stdout.len();
    eventually(|| {
        all += desk.state.process().read_logs(&id).unwrap().stdout.len();
        all == 60 * 1024
    })
    .await;
}

// process case 49
#[tokio::test]
async fn what_is_taken_is_gone_for_cursors_too_and_no_loss_of_the_child() {
    let (mut desk, mut script) = puppets();
    let id = desk.state.keep(sh("")).await;
    let puppet = script.next().await;
    let early = desk.since(&id, None, 0).next;
    puppet.say("abc").await;
    desk.arrived(&id, 3).await;
    assert_eq!(desk.state.process().read_logs(&id).unwrap().stdout, "abc");
    assert_eq!(desk.since(&id, Some(&early), 9).bytes_dropped, 3);
    assert_eq!(desk.state.process().status(&id).await.unwrap().bytes_dropped, 0);
}

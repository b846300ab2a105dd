//! Records, cancellation, limits, and what of a failure guests may read.

use crate::place::{Place, arm};
use astrid_host_fs::{BYTES_WRITTEN, FILE_BYTES, FsView, OpenMode, Text, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;

// fs case 49
#[tokio::test]
async fn a_write_leaves_one_record_with_its_digest_and_none_without_a_sink() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder());
        host.fs().write_file("a".into(), b"hello".into()).await.unwrap();
        let audited = host.fake.recorder().audited();
        let [event] = &audited[..] else { unreachable!("{audited:?}") };
        assert_eq!(event.target.as_deref(), Some("workspace://a"));
        let digest = blake3::hash(b"hello").to_hex().to_string();
        assert!(event.facts.contains(&("blake3", digest)) && event.facts.contains(&("length", "5".into())));
        host.fake.recorder().refuse_records(true);
        let refused = Err(Arm::Unknown(Text::AuditUnavailable));
        assert_eq!(arm(host.fs().write_file("b".into(), vec![1]).await), refused);
        assert_eq!(arm(host.fs().mkdir("d".into()).await), refused);
        assert_eq!(arm(host.fs().unlink("a".into()).await), refused);
        assert_eq!(host.fs().read_dir(String::new()).await.unwrap(), ["a"]);
    }
}

// fs case 10
#[tokio::test]
async fn a_read_through_a_link_is_recorded_with_where_it_led() {
    for place in crate::ways::places() {
        std::fs::create_dir(place.at("workspace/d")).unwrap();
        std::fs::write(place.at("workspace/t.txt"), "t").unwrap();
        std::os::unix::fs::symlink("../t.txt", place.at("workspace/d/l")).unwrap();
        let mut host = place.host(FakeHost::builder());
        host.fs().read_file("d/l".into()).await.unwrap();
        let event = host.fake.recorder().audited().pop().unwrap();
        assert_eq!(event.target.as_deref(), Some("workspace://t.txt"));
    }
}

// fs case 3
#[tokio::test]
async fn a_denied_call_leaves_a_record_with_the_path_as_written() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder().deny(astrid_host_fs::op_table::READ, "*"));
        assert_eq!(arm(host.fs().read_file("a/../there".into()).await.map(drop)), Err(Arm::CapabilityDenied));
        let event = host.fake.recorder().audited().pop().unwrap();
        assert_eq!((event.outcome.word(), event.target.as_deref()), ("denied", Some("workspace://there")));
    }
}

#[tokio::test]
async fn not_to_exist_is_an_answer_and_no_failure_in_the_record() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder());
        assert_eq!(arm(host.fs().exists("a".into()).await), Ok(false));
        assert_eq!(host.fake.recorder().audited().pop().unwrap().outcome.word(), "allowed");
    }
}

// fs case 6
#[tokio::test]
async fn an_escape_is_marked_in_its_record() {
    for place in crate::ways::places() {
        std::os::unix::fs::symlink("/etc", place.at("workspace/l")).unwrap();
        let mut host = place.host(FakeHost::builder());
        for path in ["../x", "workspace://../x", "a/../../x", "l/passwd"] {
            assert_eq!(arm(host.fs().read_file(path.into()).await), Err(Arm::BoundaryEscape), "{path}");
            let event = host.fake.recorder().audited().pop().unwrap();
            assert!(event.facts.contains(&("security_event", "true".into())), "{path}");
        }
    }
}

// fs cases 45, 46
#[tokio::test]
async fn a_retired_or_cancelled_call_has_no_effect_and_no_authority() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder());
        for end in [astrid_host_context::Cancellation::cancel, astrid_host_context::Cancellation::retire] {
            host.fake.serve("alice");
            end(&host.fake.cancellation());
            assert_eq!(arm(host.fs().write_file("a".into(), vec![1]).await), Err(Arm::CapabilityDenied));
            assert_eq!(arm(host.fs().exists("a".into()).await), Err(Arm::CapabilityDenied));
        }
        host.fake.serve("bob");
        assert_eq!(arm(host.fs().exists("a".into()).await), Ok(false));
    }
}

// fs case 43
#[tokio::test]
async fn bytes_written_are_counted_to_the_last() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder().limit(&BYTES_WRITTEN, 1000));
        let refused = host.fs().write_file("no/where".into(), vec![0; 999]).await;
        assert_eq!(arm(refused), Err(Arm::NotFound));
        host.fs().write_file("a".into(), vec![0; 999]).await.unwrap();
        host.fs().append("a".into(), vec![0; 1]).await.unwrap();
        assert_eq!(arm(host.fs().append("a".into(), vec![0; 1]).await), Err(Arm::TooLarge));
        assert_eq!(arm(host.fs().copy("a".into(), "b".into()).await), Err(Arm::TooLarge));
        assert_eq!(host.fs().read_file("a".into()).await.unwrap().len(), 1000);
        host.fs().unlink("a".into()).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_grows_to_its_limit_and_not_beyond() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder().limit(&FILE_BYTES, 10));
        let f = host.fs().open("f".into(), OpenMode::Write).await.unwrap();
        assert_eq!(arm(host.fs().write_at(&f, 8, vec![1; 2]).await), Ok(2));
        assert_eq!(arm(host.fs().write_at(&f, 8, vec![1; 3]).await), Err(Arm::TooLarge));
        assert_eq!(arm(host.fs().set_len(&f, 11).await), Err(Arm::TooLarge));
        assert_eq!(arm(host.fs().append("f".into(), vec![1]).await), Err(Arm::TooLarge));
        assert_eq!(host.fs().stat_handle(&f).await.unwrap().size, 10);
    }
}

// fs case 44
#[tokio::test]
async fn a_scratch_directory_holds_its_number_of_entries() {
    let place = Place { entries: 10, ..Place::new() };
    let mut host = place.host(FakeHost::builder());
    for n in 0..10 {
        host.fs().write_file(format!("tmp://{n}"), vec![]).await.unwrap();
    }
    assert_eq!(arm(host.fs().write_file("tmp://x".into(), vec![]).await), Err(Arm::Quota));
    assert_eq!(arm(host.fs().mkdir("tmp://x".into()).await), Err(Arm::Quota));
    host.fs().write_file("tmp://0".into(), vec![1]).await.unwrap();
    host.fs().unlink("tmp://0".into()).await.unwrap();
    host.fs().write_file("tmp://x".into(), vec![]).await.unwrap();
    // Counted again when opened anew.
    let mut host = place.host(FakeHost::builder());
    assert_eq!(arm(host.fs().mkdir("tmp://y".into()).await), Err(Arm::Quota));
}

// fs case 50, the part of closing
#[tokio::test]
async fn a_handle_the_host_closed_says_so_and_a_dropped_one_leaves_a_summary() {
    for place in crate::ways::places() {
        let mut host = place.host(FakeHost::builder());
        let f = host.fs().open("f".into(), OpenMode::Append).await.unwrap();
        host.fs().write_at(&f, 0, b"abc".into()).await.unwrap();
        host.fake.cx().table.get(&f).unwrap().close();
        let closed = Err(Arm::Closed);
        assert_eq!(arm(host.fs().write_at(&f, 0, vec![1]).await.map(drop)), closed);
        assert_eq!(arm(host.fs().stat_handle(&f).await.map(drop)), closed);
        assert_eq!(arm(host.fs().sync_all(&f).await), closed);
        assert_eq!(arm(host.fs().set_len(&f, 0).await), closed);
        host.fs().drop_handle(f);
        let event = host.fake.recorder().audited().pop().unwrap();
        assert_eq!(event.op.function, "file-handle.drop");
        assert!(
            event.facts.contains(&("written", "3".into())) && event.facts.contains(&("size", "3".into()))
        );
    }
}

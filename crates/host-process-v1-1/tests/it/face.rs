//! What a guest of 1.1.0 sees: the generated types, filled by the face.

use crate::common::{Store, Waits};
use astrid_host_process::ProcessView;
use astrid_host_process::v1_0::astrid::process::host as old;
use astrid_host_process_v1_1::v1_1::astrid::process::host::*;
use wasmtime::component::Resource;

fn request(file_injections: Vec<FileInjection>) -> SpawnRequest {
    SpawnRequest {
        cmd: "sh".to_owned(),
        args: vec!["-c".to_owned(), "x".to_owned()],
        stdin: None,
        env: Vec::new(),
        cwd: None,
        limits: None,
        file_injections,
        label: Some("label".to_owned()),
        keep_stdin_open: None,
        overflow: Some(OverflowPolicy::DropOldest),
        log_ring_bytes: None,
        max_lifetime_ms: None,
        idle_timeout_ms: None,
        exit_retention_ms: None,
    }
}

fn old_request() -> old::SpawnRequest {
    old::SpawnRequest {
        cmd: "sh".to_owned(),
        args: Vec::new(),
        stdin: None,
        env: Vec::new(),
        cwd: None,
        limits: None,
        label: None,
        keep_stdin_open: None,
        overflow: None,
        log_ring_bytes: None,
        max_lifetime_ms: None,
        idle_timeout_ms: None,
        exit_retention_ms: None,
    }
}

fn borrowed<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

// process case 67
#[tokio::test]
async fn an_id_of_one_version_is_one_of_the_other() {
    let mut store = Store::new(Waits);
    let mut view = store.process();
    let new = Host::spawn_persistent(&mut view, request(Vec::new())).await.unwrap();
    let first = old::Host::spawn_persistent(&mut view, old_request()).await.unwrap();
    let info = old::Host::status(&mut view, new.clone()).await.unwrap();
    assert_eq!((info.label.as_str(), info.command.as_str()), ("label", "sh -c x"));
    assert_eq!((info.id.as_str(), info.os_pid), (new.as_str(), Some(4711)));
    let all = Host::list_processes(&mut view, None).await.unwrap();
    assert_eq!(all.iter().map(|info| &info.id).collect::<Vec<_>>(), [&new, &first]);
    assert!(all.iter().all(|info| matches!(info.phase, ProcessPhase::Running)));
    let stopped = Host::stop(&mut view, first.clone(), Some(0)).await.unwrap();
    assert_eq!((stopped.exit_code, stopped.signal), (None, Some(9)));
    let error = old::Host::status(&mut view, first).await.unwrap_err();
    let arm = old::Host::convert_error_code(&mut view, error).unwrap();
    assert!(matches!(arm, old::ErrorCode::NoSuchProcess), "{arm:?}");
}

#[tokio::test]
async fn a_guest_of_1_1_injects_files_and_reads_them_through_a_cursor() {
    let mut store = Store::new(Waits);
    let mut view = store.process();
    let placement = InjectionPlacement::EnvPointer("POLICY".to_owned());
    let injected = vec![FileInjection { content: b"policy".to_vec(), placement }];
    let id = Host::spawn_persistent(&mut view, request(injected.clone())).await.unwrap();
    let mut cursor = LogCursor { token: None };
    let mut data = Vec::new();
    while data.len() < 6 {
        let chunk = Host::read_since(&mut view, id.clone(), LogStream::Stdout, cursor, 4).unwrap();
        data.extend(chunk.data);
        cursor = chunk.next;
        tokio::task::yield_now().await;
    }
    assert_eq!(data, b"policy");
    let twice = [injected.clone(), injected].concat();
    let error = Host::spawn(&mut view, request(twice)).await.unwrap_err();
    let arm = Host::convert_error_code(&mut view, error).unwrap();
    assert!(matches!(arm, ErrorCode::InvalidInput), "{arm:?}");
}

#[tokio::test]
async fn handles_of_both_versions_are_one_in_the_table() {
    let mut store = Store::new(Waits);
    let mut view = store.process();
    let handle = Host::spawn_background(&mut view, request(Vec::new())).await.unwrap();
    HostProcessHandle::signal(&mut view, borrowed(&handle), ProcessSignal::Usr1).unwrap();
    let killed = old::HostProcessHandle::kill(&mut view, borrowed(&handle)).await.unwrap();
    assert!(killed.killed);
    let logs = HostProcessHandle::read_logs(&mut view, borrowed(&handle)).unwrap();
    assert_eq!((logs.running, logs.exit.unwrap().signal), (false, Some(9)));
    let wait = HostProcessHandle::wait(&mut view, borrowed(&handle), Some(0)).await.unwrap();
    assert_eq!(wait.signal, Some(9));
    HostProcessHandle::drop(&mut view, handle).unwrap();
}

//! The examples that use the network, built and run against real servers on 127.0.0.1.
//!
//! NEEDS THE REGISTRY, as `build_guest.rs` does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use crate::support::{capsule, ended, run, write};
use serde_json::{Value, json};

/// A directory with the example `name`, copied and built.
fn built(name: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let copy = place.path().join(name);
    let sources = std::fs::read_dir(example.join("src")).unwrap();
    let sources = sources.map(|file| Path::new("src").join(file.unwrap().file_name()));
    let others = ["Capsule.toml", "Cargo.toml", "Cargo.lock"].into_iter().map(PathBuf::from);
    for file in sources.chain(others) {
        write(&copy, file.to_str().unwrap(), std::fs::read(example.join(&file)).unwrap());
    }
    let guests = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let mut command = capsule(place.path(), &["build", name]);
    command.env("CARGO_TARGET_DIR", guests);
    ended(command).good();
    place
}

/// Bytes that differ from one 64 KiB block to the next.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xff).unwrap()).collect()
}

/// Answers every request with `body`, for as long as the test runs.
fn file_server(body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let header =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // A client that goes away is its own affair.
            let _ = client.write_all(header.as_bytes()).and_then(|()| client.write_all(&body));
        }
    });
    address
}

/// Sends back what it gets, to the end of each connection.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || std::io::copy(&mut client.try_clone().unwrap(), &mut client));
        }
    });
    address
}

#[test]
fn fetch_streams_a_download_into_the_workspace_and_tells_how_far_it_is() {
    let place = built("fetch");
    run(place.path(), &["check", "fetch"]).good();
    let body = pattern(3_500_000);
    let server = file_server(body.clone());
    let allow = format!("fetch={server}");
    let call = format!("fetch:get={}", json!({"url": format!("http://{server}/x"), "file": "got/x.bin"}));
    let workspace = place.path().join("work");
    std::fs::create_dir_all(workspace.join("got")).unwrap();
    let said = run(
        place.path(),
        &["run", "fetch", "--home", "home", "--workspace", "work", "--allow-local", &allow, "--call", &call]
            .into_iter()
            .chain(["--expect", "fetch.v1.state.*", "--count", "4"])
            .collect::<Vec<_>>(),
    )
    .good();
    let got = std::fs::read(workspace.join("got/x.bin")).unwrap();
    assert!(got == body, "{} of {} bytes", got.len(), body.len());
    assert!(!workspace.join("got/x.bin.part").exists());
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    assert_eq!(lines[0], r#"{"bytes":3500000,"file":"got/x.bin"}"#);
    let mut before = 0;
    for line in &lines[1..4] {
        let told = line.strip_prefix("fetch.v1.state.progress ").unwrap();
        let told: Value = serde_json::from_str(told).unwrap();
        assert_eq!(told["of"], 3_500_000);
        assert!(told["bytes"].as_u64().unwrap() > before, "{said}");
        before = told["bytes"].as_u64().unwrap();
    }
    assert_eq!(lines[4], r#"fetch.v1.state.done {"bytes":3500000,"file":"got/x.bin"}"#);
}

// http case 8
#[test]
fn fetch_reaches_no_local_server_without_the_operators_word() {
    let place = built("fetch");
    let server = file_server(b"secret".to_vec());
    let call = format!("fetch:get={}", json!({"url": format!("http://{server}/x"), "file": "x"}));
    let refused = run(place.path(), &["run", "fetch", "--home", "home", "--call", &call]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("AirlockRejected"), "{}", refused.stderr);
    assert!(!place.path().join("x").exists() && !place.path().join("x.part").exists());
    // What the operator's file says counts as the switch does.
    let rules = format!("[security.capsule_local_egress]\nfetch = [\"{server}\"]\n");
    write(place.path(), "home/etc/config.toml", rules);
    run(place.path(), &["run", "fetch", "--home", "home", "--call", &call]).good();
    assert_eq!(std::fs::read(place.path().join("x")).unwrap(), b"secret");
}

#[test]
fn proxy_carries_connections_to_the_upstream_and_counts_their_bytes() {
    let place = built("proxy");
    run(place.path(), &["check", "proxy"]).good();
    let upstream = echo_server();
    let env = json!({"listen": "127.0.0.1:0", "upstream": upstream.to_string()});
    let env = write(place.path(), "home/home/default/.config/env/proxy.env.json", env.to_string());
    std::fs::set_permissions(env, std::fs::Permissions::from_mode(0o600)).unwrap();
    let allow = format!("proxy={upstream}");
    let mut command = capsule(
        place.path(),
        &[
            "run",
            "proxy",
            "--home",
            "home",
            "--allow-local",
            &allow,
            "--expect",
            "proxy.v1.*",
            "--count",
            "3",
        ],
    );
    let mut proxy = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(proxy.stdout.take().unwrap()).lines();
    let listening = lines.next().unwrap().unwrap();
    let listening: Value =
        serde_json::from_str(listening.strip_prefix("proxy.v1.listening ").unwrap()).unwrap();
    let address: SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();

    let length = 8 << 20;
    let clients: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(move || {
                let sent = pattern(length);
                let mut client = TcpStream::connect(address).unwrap();
                let mut writer = client.try_clone().unwrap();
                let writing = thread::spawn(move || {
                    writer.write_all(&pattern(length)).unwrap();
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let mut got = Vec::new();
                client.read_to_end(&mut got).unwrap();
                writing.join().unwrap();
                assert!(got == sent, "{} of {} bytes came back", got.len(), sent.len());
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    for _ in 0..2 {
        let closed = lines.next().unwrap().unwrap();
        let counted = format!("proxy.v1.closed {{\"received\":{length},\"sent\":{length}}}");
        assert_eq!(closed, counted);
    }
    assert!(proxy.wait().unwrap().success());
}

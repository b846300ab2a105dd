//! Plain requests: what is sent, what comes back.

use astrid_host_http::v1_0::astrid::http::host::{Host, HttpMethod, HttpRequestData, KeyValuePair};
use astrid_host_http::{Error, HttpView, Options, Timeouts};

use crate::common::server::{Manual, Server, answer};
use crate::common::*;

// http case 1
#[tokio::test]
async fn a_get_returns_status_body_and_how_it_came_about() {
    let server = Server::start(|_| answer(200, &[("X-Key", "v")], b"hello")).await;
    let url = server.url("/200");
    let response = World::new().alice().http().request(get(&url), &plain()).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!(header(&response.headers, "x-key"), Some("v"));
    let meta = response.meta;
    assert_eq!((meta.final_url, meta.redirect_count, meta.wire_bytes), (url, 0, 5));
}

// http case 1
#[tokio::test]
async fn the_first_version_gives_the_same_without_meta_and_folds_errors() {
    let server = Server::start(|_| answer(200, &[], b"hello")).await;
    let mut store = World::new().alice();
    let mut view = store.http();
    let data = |url: String| HttpRequestData {
        url,
        method: HttpMethod::Delete,
        headers: vec![KeyValuePair { key: "a".into(), value: "b".into() }],
        body: None,
    };
    let response = Host::http_request(&mut view, data(server.url("/"))).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!((server.requests()[0].method(), server.requests()[0].one("a")), ("DELETE", Some("b".into())));
    let error = Host::http_request(&mut view, data("ftp://h/".into())).await.unwrap_err();
    let arm = Host::convert_error_code(&mut view, error).unwrap();
    assert_eq!(format!("{arm:?}"), "ErrorCode::InvalidRequest");
}

// http case 2
#[tokio::test]
async fn any_status_is_a_response_and_some_have_no_body() {
    let server = Server::start(|seen| match seen.path() {
        "/head" => b"HTTP/1.1 200 X\r\ncontent-length: 77\r\ncontent-encoding: gzip\r\n\r\n".to_vec(),
        "/204" => b"HTTP/1.1 204 X\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 X\r\ncontent-length: 9\r\n\r\n".to_vec(),
        path => answer(path[1..].parse().unwrap(), &[], b"no"),
    })
    .await;
    let mut store = World::new().alice();
    for status in [404, 500] {
        let response = store.http().request(get(server.url(&format!("/{status}"))), &plain()).await.unwrap();
        assert_eq!((response.status, &response.body[..]), (status, &b"no"[..]));
    }
    let mut head = get(server.url("/head"));
    head.method = "HEAD".to_owned();
    let response = store.http().request(head, &plain()).await.unwrap();
    assert!(response.body.is_empty());
    assert_eq!(header(&response.headers, "content-length"), Some("77"));
    for status in [204, 304] {
        let response = store.http().request(get(server.url(&format!("/{status}"))), &plain()).await.unwrap();
        assert_eq!((response.status, response.body.len()), (status, 0));
    }
    assert_eq!(server.connections(), 1);
}

// http cases 5 and 6
#[tokio::test]
async fn methods_and_fields_arrive_as_they_were_given() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut store = World::new().alice();
    let given = [
        ("cookie", "a"),
        ("x", "Café"),
        ("Cookie", "b"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("content-length", "999"),
    ];
    for method in ["PROPFIND", "TRACE", "PATCH"] {
        let mut request = with_headers(post(server.url("/p?q=1"), b"body"), &given);
        request.method = method.to_owned();
        if method == "TRACE" {
            request.body = None;
        }
        store.http().request(request, &plain()).await.unwrap();
    }
    let seen = server.requests();
    assert_eq!(
        seen.iter().map(|s| s.line.as_str()).collect::<Vec<_>>(),
        ["PROPFIND /p?q=1 HTTP/1.1", "TRACE /p?q=1 HTTP/1.1", "PATCH /p?q=1 HTTP/1.1"]
    );
    let first = &seen[0];
    assert_eq!(first.all("cookie"), ["a", "b"]);
    assert_eq!(first.one("x").unwrap(), "Café");
    assert_eq!((first.all("content-length"), &first.body[..]), (vec!["4".to_owned()], &b"body"[..]));
    assert!(first.one("transfer-encoding").is_none() && first.one("connection").is_none());
    assert_eq!(first.one("accept").unwrap(), "*/*");
    assert!(first.one("user-agent").is_none() && first.one("referer").is_none());
}

// http case 7
#[tokio::test]
async fn response_fields_are_never_dropped_and_never_too_many() {
    let server = Server::start(|seen| match seen.path() {
        "/latin" => {
            b"HTTP/1.1 200 X\r\nx: \xe9\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n"
                .to_vec()
        }
        _ => {
            let fields: Vec<_> = (0..257).map(|n| (format!("x{n}"), "v")).collect();
            let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            answer(200, &fields, b"")
        }
    })
    .await;
    let mut store = World::new().alice();
    let response = store.http().request(get(server.url("/latin")), &plain()).await.unwrap();
    assert_eq!(header(&response.headers, "x"), Some("é"));
    assert_eq!(response.headers.iter().filter(|(n, _)| n == "set-cookie").count(), 2);
    let error = store.http().request(get(server.url("/many")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

// http case 12
#[tokio::test]
async fn each_phase_has_its_own_limit() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let _silent = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(server.accept().await);
        }
    });
    let mut store = World::new().alice();
    let limits = |first_byte_ms, total_ms, connect_ms| Options {
        timeouts: Timeouts { first_byte_ms, total_ms, connect_ms, between_bytes_ms: None },
        ..Options::default()
    };
    for options in [limits(Some(30), None, None), limits(None, Some(30), None)] {
        let error = store.http().request(get(&url), &options).await.unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    }
    for options in [limits(Some(0), None, None), limits(None, Some(0), None), limits(None, None, Some(0))] {
        let error = store.http().request(get("http://127.0.0.1:1/"), &options).await.unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    }
}

// http case 12
#[tokio::test]
async fn a_black_hole_costs_the_connect_limit_and_no_more() {
    let dns = astrid_airlock::Scripted::new().silent("hole.test");
    let mut store = World::with(open_rules(), dns, Default::default(), None).alice();
    let timeouts = Timeouts { connect_ms: Some(200), ..Timeouts::default() };
    let options = Options { timeouts, ..Options::default() };
    let before = std::time::Instant::now();
    let error = store.http().request(get("http://hole.test/"), &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(before.elapsed() >= std::time::Duration::from_millis(195), "{:?}", before.elapsed());
}

#[tokio::test]
async fn what_requests_came_to_is_counted_by_capsule() {
    let server = Server::start(|_| answer(200, &[], b"x")).await;
    let world = World::new();
    let mut store = world.alice();
    for _ in 0..3 {
        store.http().request(get(server.url("/")), &plain()).await.unwrap();
    }
    let _ = store.http().request(get("http://10.0.0.1/"), &plain()).await;
    let mut other = world.store(astrid_host_testkit::FakeHost::builder().capsule("other"));
    let _ = other.http().request(get(server.url("/")), &plain()).await;
    let figures = world.client.figures();
    let figures: Vec<_> =
        figures.iter().map(|(capsule, what, count)| (capsule.as_str(), *what, *count)).collect();
    assert_eq!(
        figures,
        [("fake", "airlock-rejected", 1), ("fake", "ok", 3), ("other", "airlock-rejected", 1)]
    );
    assert_eq!(world.airlock.rejections(), [("loopback", 1), ("private", 1)]);
}

// http case 43
#[tokio::test]
async fn credentials_of_the_url_become_basic_and_show_nowhere_else() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut store = World::new().alice();
    let url = format!("http://u:p@127.0.0.1:{}/", server.port);
    let response = store.http().request(get(&url), &plain()).await.unwrap();
    assert_eq!(response.meta.final_url, server.url("/"));
    store.http().request(with_headers(get(&url), &[("authorization", "Mine")]), &plain()).await.unwrap();
    let sent: Vec<_> = server.requests().iter().map(|s| s.all("authorization")).collect();
    assert_eq!(sent, [["Basic dTpw"], ["Mine"]]);
}

// http case 45
#[tokio::test]
async fn a_thousand_requests_use_one_connection() {
    let server = Server::start(|_| answer(200, &[], b"x")).await;
    let world = World::new();
    let mut store = world
        .store(astrid_host_testkit::FakeHost::builder().limit(&astrid_host_http::limits::REQUESTS, 5000));
    for _ in 0..1000 {
        store.http().request(get(server.url("/")), &plain()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

// http case 45
#[tokio::test]
async fn a_stale_connection_gets_a_get_a_second_try_and_a_post_none() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let serve = tokio::spawn(async move {
        let ok = b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n";
        // The second request on each of these connections is read and never answered.
        for _ in 0..2 {
            let mut first = server.say(ok).await;
            let mut buffer = Vec::new();
            crate::common::server::read_request(&mut first, &mut buffer).await.unwrap();
            drop(first);
            drop(server.say(ok).await);
        }
    });
    let mut store = World::new().alice();
    store.http().request(get(&url), &plain()).await.unwrap();
    store.http().request(get(&url), &plain()).await.unwrap();
    // The pooled connection is closed and known to be; this one opens the next.
    store.http().request(get(&url), &plain()).await.unwrap();
    let error = store.http().request(post(&url, b"x"), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
    serve.abort();
}

// http case 46
#[tokio::test(start_paused = true)]
async fn a_burst_of_200_passes_and_the_next_is_refused() {
    let world = World::new();
    let mut store = world.alice();
    let closed = get("http://127.0.0.1:1/");
    let now =
        Options { timeouts: Timeouts { total_ms: Some(0), ..Timeouts::default() }, ..Options::default() };
    let mut refused = false;
    for at in 0..400 {
        match store.http().request(closed.clone(), &now).await.unwrap_err() {
            Error::Timeout(_) => {}
            Error::Rate(100) => {
                assert!(at >= 200);
                refused = true;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused);
    let mut bob = world.store(astrid_host_testkit::FakeHost::builder().principal("bob"));
    assert!(matches!(bob.http().request(closed, &now).await, Err(Error::Timeout(_))));
}

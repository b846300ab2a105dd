use astrid_event_bus::Charset;
use astrid_host_ipc::RecvIdle;
use astrid_store_redb::Durability;

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
}

#[test]
fn every_key_sets_its_field() {
    let config = parse(
        "[capsule]\nallocation = \"on-demand\"\ncompile_cache = \"off\"\ncompile_cache_max_bytes = 1\n\
         instance_pool_size = 3\nmax_memory_bytes = 65536\ninvocation_timeout_secs = 4\n\
         lifecycle_timeout_secs = 16\nready_timeout_secs = 5\nfuel_per_invocation = 6\nfuel_per_second = 7\ndispatch_permits = 8\n\
         host_blocking_concurrency = 9\nsystem_resident = [\"router\"]\n\
         [bus]\nrecv_idle = \"timeout\"\ntopic_charset = \"strict\"\npublish_wait_ms = 10\n\
         max_msgs_per_sec = 11\nrecv_idle_for = { router = \"empty\" }\n\
         [kv]\ndurability = \"relaxed\"\ncache_bytes = 12\nrow_cache_bytes = 13\n\
         max_namespace_bytes = 14\nmax_namespace_keys = 15\n\
         [elicit]\nruntime = \"interactive\"\n\
         [workspace]\nignore_file = \"on\"\n",
    )
    .unwrap();
    assert_eq!(config.host_blocking_concurrency, Some(9));
    assert!(config.system_resident.iter().eq(["router"]));
    assert_eq!((config.topic_charset, config.publish_wait), (Charset::Strict, Duration::from_millis(10)));
    assert_eq!((config.max_msgs_per_sec, config.recv_idle_of("other")), (11, RecvIdle::Timeout));
    assert_eq!(config.recv_idle_of("router"), RecvIdle::Empty);
    assert_eq!(config.kv.durability, Durability::Relaxed);
    assert_eq!((config.kv.cache_bytes, config.kv.row_cache_bytes), (12, 13));
    assert_eq!((config.kv_max_namespace_bytes, config.kv_max_namespace_keys), (14, 15));
    assert_eq!(config.allocation, Allocation::OnDemand);
    assert!(!config.compile_cache);
    assert_eq!(config.compile_cache_max_bytes, 1);
    assert_eq!(config.pool_size(), 3);
    assert_eq!(config.dispatch_permits, 8);
    assert_eq!(config.max_memory_bytes, 65_536);
    assert_eq!(config.invocation_timeout, Duration::from_secs(4));
    assert_eq!(config.ready_timeout, Duration::from_secs(5));
    assert_eq!(config.lifecycle_timeout, Duration::from_secs(16));
    assert_eq!((config.fuel_per_invocation, config.fuel_per_second), (6, 7));
    assert!(matches!(config.recv_idle, RecvIdle::Timeout));
    assert!(config.workspace_ignore_file && config.elicit_interactive);
    assert!(!parse("[elicit]\nruntime = \"deny\"\n").unwrap().elicit_interactive);
}

#[test]
fn a_slip_is_named_with_file_line_and_the_key_that_was_meant() {
    let said = parse("# limits\n[capsule]\nmax_memory_byte = 1\n").unwrap_err();
    assert_eq!(said, "etc/config.toml:3:capsule.max_memory_byte: unknown key; did you mean max_memory_bytes");
    let said = parse("\n[capsul]\n").unwrap_err();
    assert_eq!(said, "etc/config.toml:2:capsul: unknown key; did you mean capsule");
    let said = parse("[bus]\nsomething_else = 1\n").unwrap_err();
    assert_eq!(
        said,
        "etc/config.toml:2:bus.something_else: unknown key; allowed: recv_idle, recv_idle_for, topic_charset, publish_wait_ms, max_msgs_per_sec"
    );
}

#[test]
fn a_value_outside_its_range_is_refused_and_the_range_is_said() {
    for (line, expected) in [
        ("instance_pool_size = 1025", "instance_pool_size: not 1025; allowed: 0 to 1024"),
        ("invocation_timeout_secs = 0", "invocation_timeout_secs: not 0; allowed: 1 to 86400"),
        ("fuel_per_second = -1", "fuel_per_second: not -1; allowed: 1 to 9223372036854775807"),
        ("max_memory_bytes = \"64M\"", "max_memory_bytes: not \"64M\"; allowed: 65536 to 4294967296"),
        ("allocation = \"pool\"", "allocation: not \"pool\"; allowed: pooling, on-demand"),
        ("compile_cache = true", "compile_cache: not true; allowed: on, off"),
    ] {
        let said = parse(&format!("[capsule]\n{line}\n")).unwrap_err();
        assert_eq!(said, format!("etc/config.toml:2:capsule.{expected}"));
    }
    assert_eq!(parse("[capsule]\ninstance_pool_size = 0\n").unwrap().pool_size(), 1);
    for (line, expected) in [
        ("bus]\ntopic_charset = \"ascii\"", "bus.topic_charset: not \"ascii\"; allowed: token, strict"),
        ("bus]\npublish_wait_ms = 60001", "bus.publish_wait_ms: not 60001; allowed: 0 to 60000"),
        ("bus]\nmax_msgs_per_sec = 0", "bus.max_msgs_per_sec: not 0; allowed: 1 to 10000000"),
        (
            "bus.recv_idle_for]\nrouter = \"error\"",
            "bus.recv_idle_for.router: not \"error\"; allowed: empty, timeout",
        ),
        (
            "bus]\nrecv_idle_for = 1",
            "bus.recv_idle_for: found integer; allowed: capsule = \"empty\" or \"timeout\"",
        ),
        ("kv]\ndurability = \"none\"", "kv.durability: not \"none\"; allowed: flushed, relaxed"),
        ("elicit]\nruntime = \"allow\"", "elicit.runtime: not \"allow\"; allowed: deny, interactive"),
        ("kv]\nrow_cache_bytes = -1", "kv.row_cache_bytes: not -1; allowed: 0 to 1099511627776"),
        ("kv]\nmax_namespace_keys = 0", "kv.max_namespace_keys: not 0; allowed: 1 to 16777216"),
        (
            "capsule]\nhost_blocking_concurrency = 0",
            "capsule.host_blocking_concurrency: not 0; allowed: 1 to 1024",
        ),
        (
            "capsule]\nsystem_resident = [1]",
            "capsule.system_resident: found integer; allowed: a list of names of capsules",
        ),
    ] {
        let said = parse(&format!("[{line}\n")).unwrap_err();
        assert_eq!(said, format!("etc/config.toml:2:{expected}"));
    }
}

#[test]
fn no_file_is_every_default_and_broken_toml_is_an_error_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    assert_eq!(Config::from_file(&file).unwrap().pool_size(), Config::default().pool_size());
    std::fs::write(&file, "[capsule]\nallocation = \n").unwrap();
    let said = Config::from_file(&file).unwrap_err().to_string();
    assert!(said.starts_with(&format!("{}:2: ", file.display())), "{said}");
    std::fs::write(&file, "#".repeat(300 << 10)).unwrap();
    assert!(Config::from_file(&file).unwrap_err().to_string().contains("too long"));
}

//! The published backend suite on the in-memory engine.

use std::sync::Arc;

use astrid_host_kv::{Memory, Store};

astrid_host_testkit::kv_contract!(|| async { Arc::new(Memory::new()) as Arc<dyn Store> });

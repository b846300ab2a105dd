//! The store in memory, against the suite of all stores.

use std::sync::Arc;

use astrid_host_identity::{IdentityStore, MemoryIdentities};
use astrid_host_testkit::contract;

// identity case 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_passes_the_suite() {
    contract::identity::all(async || Arc::new(MemoryIdentities::new()) as Arc<dyn IdentityStore>).await;
}

//! The published backend suite on sled.

use std::sync::Arc;

use astrid_host_kv::Store;
use astrid_store_sled::{Options, SledStore};

astrid_host_testkit::kv_contract!(|| async {
    // Kept, because the store outlives the closure; in the target directory, so that `clean` removes it.
    let path = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
    Arc::new(SledStore::open(path, &Options::default()).unwrap()) as Arc<dyn Store>
});

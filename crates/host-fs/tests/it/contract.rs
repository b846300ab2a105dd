//! The published suite on the backend of this crate, with `openat2`.

use std::sync::Arc;

use astrid_host_fs::{Direct, Volume};

astrid_host_testkit::fs_contract!(|scheme, directory| {
    Arc::new(Direct::builder_for(scheme).open(directory).unwrap()) as Arc<dyn Volume>
});

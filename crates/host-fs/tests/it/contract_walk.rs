//! The published suite again with every path walked component by component.

use std::sync::Arc;

use astrid_host_fs::{Direct, Volume};

astrid_host_testkit::fs_contract!(|scheme, directory| {
    Arc::new(Direct::builder_for(scheme).openat2(false).open(directory).unwrap()) as Arc<dyn Volume>
});

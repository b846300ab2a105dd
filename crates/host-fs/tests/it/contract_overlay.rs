//! The published suite on overlays: what it plants is the lower tree.

use std::sync::Arc;

use astrid_host_fs::{Direct, Overlay, Volume};

// fs case 51
astrid_host_testkit::fs_contract!(|scheme, directory| {
    let lower = Arc::new(Direct::builder_for(scheme).open(directory).unwrap());
    let changes = directory.with_extension("changes");
    Arc::new(Overlay::open(lower, scheme, &changes).unwrap()) as Arc<dyn Volume>
});

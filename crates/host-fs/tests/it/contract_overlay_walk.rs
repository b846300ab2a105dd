//! The published suite on overlays again, with every path of both trees walked component by component.

use std::sync::Arc;

use astrid_host_fs::{Direct, Overlay, Volume};

// fs cases 14, 51
astrid_host_testkit::fs_contract!(|scheme, directory| {
    let lower = Arc::new(Direct::builder_for(scheme).openat2(false).open(directory).unwrap());
    let changes = directory.with_extension("changes");
    Arc::new(Overlay::open(lower, scheme, &changes).unwrap()) as Arc<dyn Volume>
});

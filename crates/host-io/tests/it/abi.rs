//! The frozen file alone, against this crate alone.

use crate::common::State;
use astrid_host_io::add_to_linker;
use astrid_host_testkit::link;

#[test]
fn a_guest_that_imports_every_function_links() {
    let three = ["astrid:io/error@1.0.0", "astrid:io/poll@1.0.0", "astrid:io/streams@1.0.0"];
    assert_eq!(link::<State>("wit", &[add_to_linker]).unwrap(), three);
}

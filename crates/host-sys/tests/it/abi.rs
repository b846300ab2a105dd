//! The frozen file alone, against this crate alone.

use crate::common::State;
use astrid_host_sys::add_to_linker;
use astrid_host_testkit::{link, offers};

#[test]
fn nothing_but_the_one_interface_is_linked() {
    let offered = |instance, function| offers::<State>(add_to_linker, instance, function).unwrap();
    assert!(offered("astrid:sys/host@1.0.0", "get-config"));
    assert!(!offered("astrid:sys/host@1.0.0", "get-other"));
    assert!(!offered("astrid:sys/host@1.0.1", "get-config"));
    assert!(!offered("astrid:io/poll@1.0.0", "poll"));
}

// sys case 45
#[test]
fn the_ten_functions_are_offered_with_the_types_of_the_frozen_file() {
    assert_eq!(link::<State>("wit", &[add_to_linker]).unwrap(), ["astrid:sys/host@1.0.0"]);
    let ten = [
        "check-capsule-capability",
        "clock-monotonic-ns",
        "clock-ms",
        "enumerate-capabilities",
        "get-caller",
        "get-config",
        "log",
        "random-bytes",
        "signal-ready",
        "sleep-ns",
    ];
    for function in ten {
        assert!(offers::<State>(add_to_linker, "astrid:sys/host@1.0.0", function).unwrap(), "{function}");
    }
}

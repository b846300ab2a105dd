//! Random calls on a tree full of traps: what guests and records may read of it.
//!
//! 5,000 calls, or 100,000 with `ASTRID_LONG_TESTS` set. `fuzz/fuzz_targets/texts.rs` makes the same calls.

use std::os::unix::fs::PermissionsExt;

use crate::calls::{Choices, call, plant};
use crate::child::done_by_nobody;
use crate::place::Place;
use astrid_host_fs::Text;
use astrid_host_fs::v1_0::bindings::astrid::fs::host::ErrorCode;
use astrid_host_testkit::FakeHost;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Choices for Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

async fn listen(mut place: Place) {
    let calls = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 100_000 } else { 5000 };
    let hosts_own = place.directory.path().file_name().unwrap().to_str().unwrap().to_owned();
    let (mut dice, mut failed, mut unknown) = (Dice(0x9e37_79b9_7f4a_7c15), 0, 0);
    let mut host = place.host(FakeHost::builder());
    for round in 0..calls {
        if round % 200 == 0 {
            plant(&place.at("workspace"));
            place.openat2 = round % 400 == 0;
            host = place.host(FakeHost::builder());
        }
        let text = match call(&mut host, &mut dice).await {
            Ok(text) => text,
            Err(error) => {
                failed += 1;
                let code = ErrorCode::from(error);
                if let ErrorCode::Unknown(text) = &code {
                    unknown += 1;
                    assert!(Text::ALL.iter().any(|known| known.as_str() == text), "{text}");
                }
                format!("{code:?}")
            }
        };
        let records = format!("{:?}", host.fake.recorder().audited());
        assert!(!text.contains(&hosts_own), "call {round}: {text}");
        assert!(!records.contains(&hosts_own), "call {round}: {records}");
        host.fake.recorder().clear();
    }
    std::fs::set_permissions(place.at("workspace/locked"), PermissionsExt::from_mode(0o700)).unwrap();
    assert!(failed > calls / 10 && failed < calls && unknown > 0, "{failed} failed, {unknown} with a text");
}

// fs case 47
#[tokio::test]
async fn no_call_says_more_than_the_closed_list_and_none_names_a_host_path() {
    if done_by_nobody("texts::no_call_says_more_than_the_closed_list_and_none_names_a_host_path") {
        return;
    }
    listen(Place::new()).await;
}

// fs cases 47, 51
#[tokio::test]
async fn no_call_on_an_overlay_says_more_than_the_closed_list_and_none_names_a_host_path() {
    if done_by_nobody(
        "texts::no_call_on_an_overlay_says_more_than_the_closed_list_and_none_names_a_host_path",
    ) {
        return;
    }
    listen(Place { overlaid: true, ..Place::new() }).await;
}

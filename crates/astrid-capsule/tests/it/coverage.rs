//! The façade offers every frozen package, by exact version, except the gaps listed here. A gap that
//! becomes covered fails until it leaves the list.

use std::collections::BTreeSet;

use astrid_capsule::PACKAGES;

/// Frozen packages without a crate yet.
const GAPS: &[(&str, &str)] = &[];

fn frozen() -> BTreeSet<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/host");
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let split = |name: std::ffi::OsString| {
        let name = name.into_string().unwrap();
        let (package, version) = name.strip_suffix(".wit").unwrap().split_once('@').unwrap();
        (package.to_owned(), version.to_owned())
    };
    names.map(split).collect()
}

fn owned(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    list.iter().map(|(package, version)| ((*package).to_owned(), (*version).to_owned())).collect()
}

#[test]
fn every_frozen_package_is_offered_or_a_listed_gap_and_never_both() {
    let (offered, gaps) = (owned(PACKAGES), owned(GAPS));
    assert!(offered.is_disjoint(&gaps), "covered, so no gap any more: {:?}", &offered & &gaps);
    assert_eq!(&offered | &gaps, frozen());
}

#[test]
fn no_package_is_offered_twice() {
    assert_eq!(owned(PACKAGES).len(), PACKAGES.len());
}

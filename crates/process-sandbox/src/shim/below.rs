//! Directories below a root, opened so that no link leads out, whatever is exchanged meanwhile.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::plan::Below;
use crate::wire::Refusal;

/// How often a rename in the middle of a walk is met before giving up; the kernel then says so.
const TRIES: u32 = 64;

/// The directory itself.
pub(super) fn open(place: &Below) -> Result<OwnedFd, Refusal> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, place.root.path(), flags, Mode::empty()).map_err(refusal)?;
    if place.parts.is_empty() {
        return Ok(root);
    }
    let path = place.parts.join("/");
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut found = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        found = rustix::fs::openat2(&root, &path, flags, Mode::empty(), resolve);
        if !matches!(found, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    found.map_err(refusal)
}

fn refusal(error: Errno) -> Refusal {
    match error {
        Errno::XDEV | Errno::LOOP | Errno::AGAIN => Refusal::OutsideRoot,
        _ => Refusal::NoDirectory,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::RenameFlags;

    use super::*;

    // process case 19
    #[test]
    fn a_directory_exchanged_a_thousand_times_is_never_outside() {
        let root = tempfile::tempdir().unwrap();
        let (place, other) = (root.path().join("place"), root.path().join("other"));
        std::fs::create_dir(&place).unwrap();
        symlink("/", &other).unwrap();
        let inside = rustix::fs::stat(&place).unwrap().st_ino;
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let swapper = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &place, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let place = Below { root: root.path().into(), parts: vec!["place".to_owned()] };
        for _ in 0..1000 {
            match open(&place) {
                Ok(found) => assert_eq!(rustix::fs::fstat(found).unwrap().st_ino, inside),
                Err(refusal) => assert!(matches!(refusal, Refusal::OutsideRoot), "{refusal:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
    }
}

//! What `.astridignore` keeps from guests.

use std::fs::File;
use std::io::{Error, Read, Result};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{Direct, sys};
use crate::fault::Fault;
use crate::ignored::{FILE, Ignored, MAX_BYTES};
use crate::volume::{Stop, Volume};

/// Entries between two looks at the token; the contract's figure.
const STEP: usize = 256;

/// Reads the file, if there is one. What cannot be read is an error, because it must not allow anything.
pub(super) fn read(volume: &Direct) -> Result<Ignored> {
    let folds = volume.root.guard().folds();
    let file = match sys::openat(volume.root.fd(), FILE, OFlags::RDONLY | OFlags::NONBLOCK, 0) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Ignored::parse("", folds)),
        Err(error) => return Err(Error::other(format!("{FILE}: {}", Error::from(error)))),
    };
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return Err(Error::other(format!(
            "{FILE}: no plain file, or too long; allowed: up to {MAX_BYTES} bytes"
        )));
    }
    let mut text = String::new();
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| Error::other(format!("{FILE}: {error}")))?;
    Ok(Ignored::parse(&text, folds))
}

impl Direct {
    /// A directory that is moved or removed must hold nothing that is kept from guests.
    pub(crate) fn spares_withheld(&self, relative: &str, stop: &Stop) -> std::result::Result<(), Fault> {
        if self.ignored.is_none() {
            return Ok(());
        }
        let (mut waiting, mut seen) = (vec![relative.to_owned()], 0_usize);
        while let Some(directory) = waiting.pop() {
            let children = match self.children(&directory) {
                // Gone since it was listed, or not there for an overlay that shows its own.
                Err(Fault::NotFound | Fault::NotDirectory) => continue,
                children => children?,
            };
            for (name, is_directory) in children {
                // Patterns are text, so no other name can match.
                let Ok(name) = name.to_str() else { continue };
                let child =
                    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
                if self.withholds(&child) {
                    return Err(Fault::Denied);
                }
                seen += 1;
                if seen.is_multiple_of(STEP) {
                    stop.check()?;
                }
                if is_directory {
                    waiting.push(child);
                }
            }
        }
        Ok(())
    }
}

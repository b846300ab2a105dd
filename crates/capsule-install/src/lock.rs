//! One installation of a capsule at a time.

use std::fs::{File, TryLockError};

use crate::{Code, InstallError, Place, disk};

/// The right to change one principal's capsule, over all processes. It ends with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    place: Place,
    file: File,
}

impl Lock {
    /// Takes it at once or not at all.
    ///
    /// # Errors
    /// [`Code::Busy`]: somebody else has it.
    pub fn take(place: &Place) -> Result<Self, InstallError> {
        Self::try_take(place)?.ok_or_else(|| {
            let problem =
                format!("capsule {} of {} is being installed or removed", place.capsule(), place.principal());
            InstallError::new(Code::Busy, problem).allowed("to try again when that is done")
        })
    }

    /// The same; `None` if somebody else has it.
    pub(crate) fn try_take(place: &Place) -> Result<Option<Self>, InstallError> {
        let path = place.lock();
        path.parent().map_or(Ok(()), disk::make_dirs)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(InstallError::io(&path, "cannot be opened"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { place: place.clone(), file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(InstallError::io(&path, "cannot be locked")(error)),
        }
    }

    /// What is locked.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it alone would leave the lock to a child that another thread is about to start, until that has
        // become its program. What fails here is done by the closing that follows.
        let _ = self.file.unlock();
    }
}

//! A directory whose device does what a test wants.

use std::sync::Arc;

use astrid_host_fs::{
    At, Content, Direct, Directories, Fault, File, FileId, FileStat, Mounts, OpenMode, Overlay, Scheme,
    Volume, Written,
};

/// What happens at the device; each is called on the pool, before the real thing.
pub(crate) trait Device: Send + Sync + std::fmt::Debug {
    fn reads(&self) {}
    fn replaces(&self) {}
    fn syncs(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// A volume with a device between it and the files.
#[derive(Debug)]
pub(crate) struct Tampered(pub(crate) Arc<dyn Volume>, pub(crate) Arc<dyn Device>);

/// Two workspaces on such a device, the second with its changes kept apart.
pub(crate) fn both(place: &std::path::Path, device: &Arc<dyn Device>) -> [Arc<dyn Mounts>; 2] {
    let direct = || Arc::new(Direct::builder().open(&place.join("workspace")).unwrap());
    let overlay = Overlay::open(direct(), Scheme::Workspace, &place.join("changes")).unwrap();
    let volumes: [Arc<dyn Volume>; 2] = [direct(), Arc::new(overlay)];
    volumes.map(|volume| {
        let tampered = Tampered(volume, device.clone());
        Arc::new(Directories::new().workspace(Arc::new(tampered))) as Arc<dyn Mounts>
    })
}

#[derive(Debug)]
struct TamperedFile(Box<dyn File>, Arc<dyn Device>);

impl File for TamperedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        self.1.reads();
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Fault> {
        self.0.write_at(data, offset)
    }
    fn append(&self, data: &[u8], limit: u64) -> Result<(), Fault> {
        self.0.append(data, limit)
    }
    fn sync(&self, everything: bool) -> Result<(), Fault> {
        self.1.syncs()?;
        self.0.sync(everything)
    }
    fn stat(&self) -> Result<FileStat, Fault> {
        self.0.stat()
    }
    fn set_len(&self, size: u64) -> Result<(), Fault> {
        self.0.set_len(size)
    }
    fn id(&self) -> Result<FileId, Fault> {
        self.0.id()
    }
}

impl Volume for Tampered {
    fn stat(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault> {
        self.0.stat(at, follow)
    }
    fn canonicalize(&self, at: At<'_>) -> Result<String, Fault> {
        self.0.canonicalize(at)
    }
    fn read_link(&self, at: At<'_>) -> Result<String, Fault> {
        self.0.read_link(at)
    }
    fn list(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault> {
        self.0.list(at, limit)
    }
    fn open(&self, at: At<'_>, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        Ok(Box::new(TamperedFile(self.0.open(at, mode)?, self.1.clone())))
    }
    fn make_dir(&self, at: At<'_>) -> Result<(), Fault> {
        self.0.make_dir(at)
    }
    fn make_dirs(&self, at: At<'_>) -> Result<(), Fault> {
        self.0.make_dirs(at)
    }
    fn unlink(&self, at: At<'_>) -> Result<(), Fault> {
        self.0.unlink(at)
    }
    fn remove_all(&self, at: At<'_>) -> Result<u64, Fault> {
        self.0.remove_all(at)
    }
    fn replace(&self, at: At<'_>, content: Content<'_>) -> Result<Written, Fault> {
        self.1.replaces();
        self.0.replace(at, content)
    }
    fn append(&self, at: At<'_>, data: &[u8], limit: u64) -> Result<(), Fault> {
        self.0.append(at, data, limit)
    }
    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.0.rename(from, to)
    }
    fn link(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.0.link(from, to)
    }
}

//! The face of `astrid:fs@1.0.0`: conversion only.

/// What `bindgen!` makes of the frozen file.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

    wasmtime::component::bindgen!({
        path: "wit",
        interfaces: "import astrid:fs/host@1.0.0;",
        imports: { default: async },
        with: { "astrid:fs/host@1.0.0.file-handle": crate::FileHandle },
    });
}

use bindings::astrid::fs::host::{self, Datetime, ErrorCode, FileType, Host, HostFileHandle};
use wasmtime::component::Resource;

use crate::error::arms;
use crate::volume::{FileKind, FileStat, OpenMode, Timestamp};
use crate::{Error, FileHandle, FsCtxView};

impl Host for FsCtxView<'_> {
    async fn fs_open(
        &mut self,
        path: String,
        mode: host::OpenMode,
    ) -> Result<Resource<FileHandle>, ErrorCode> {
        Ok(self.open(path, mode.into()).await?)
    }

    async fn fs_exists(&mut self, path: String) -> Result<bool, ErrorCode> {
        Ok(self.exists(path).await?)
    }

    async fn fs_mkdir(&mut self, path: String) -> Result<(), ErrorCode> {
        Ok(self.mkdir(path).await?)
    }

    async fn fs_mkdir_all(&mut self, path: String) -> Result<(), ErrorCode> {
        Ok(self.mkdir_all(path).await?)
    }

    async fn fs_readdir(&mut self, path: String) -> Result<Vec<String>, ErrorCode> {
        Ok(self.read_dir(path).await?)
    }

    async fn fs_stat(&mut self, path: String) -> Result<host::FileStat, ErrorCode> {
        Ok(FsCtxView::stat(self, path).await?.into())
    }

    async fn fs_stat_symlink(&mut self, path: String) -> Result<host::FileStat, ErrorCode> {
        Ok(self.stat_symlink(path).await?.into())
    }

    async fn fs_unlink(&mut self, path: String) -> Result<(), ErrorCode> {
        Ok(self.unlink(path).await?)
    }

    async fn read_file(&mut self, path: String) -> Result<Vec<u8>, ErrorCode> {
        Ok(FsCtxView::read_file(self, path).await?)
    }

    async fn write_file(&mut self, path: String, content: Vec<u8>) -> Result<(), ErrorCode> {
        Ok(FsCtxView::write_file(self, path, content).await?)
    }

    async fn fs_append(&mut self, path: String, content: Vec<u8>) -> Result<(), ErrorCode> {
        Ok(self.append(path, content).await?)
    }

    async fn fs_copy(&mut self, src: String, dst: String) -> Result<(), ErrorCode> {
        Ok(self.copy(src, dst).await?)
    }

    async fn fs_rename(&mut self, src: String, dst: String) -> Result<(), ErrorCode> {
        Ok(self.rename(src, dst).await?)
    }

    async fn fs_remove_dir_all(&mut self, path: String) -> Result<u64, ErrorCode> {
        Ok(self.remove_dir_all(path).await?)
    }

    async fn fs_canonicalize(&mut self, path: String) -> Result<String, ErrorCode> {
        Ok(self.canonicalize(path).await?)
    }

    async fn fs_read_link(&mut self, path: String) -> Result<String, ErrorCode> {
        Ok(self.read_link(path).await?)
    }

    async fn fs_hard_link(&mut self, src: String, link_path: String) -> Result<(), ErrorCode> {
        Ok(self.hard_link(src, link_path).await?)
    }
}

impl HostFileHandle for FsCtxView<'_> {
    async fn read_at(
        &mut self,
        handle: Resource<FileHandle>,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, ErrorCode> {
        Ok(FsCtxView::read_at(self, &handle, offset, max).await?)
    }

    async fn write_at(
        &mut self,
        handle: Resource<FileHandle>,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<u32, ErrorCode> {
        Ok(FsCtxView::write_at(self, &handle, offset, data).await?)
    }

    async fn sync_data(&mut self, handle: Resource<FileHandle>) -> Result<(), ErrorCode> {
        Ok(FsCtxView::sync_data(self, &handle).await?)
    }

    async fn sync_all(&mut self, handle: Resource<FileHandle>) -> Result<(), ErrorCode> {
        Ok(FsCtxView::sync_all(self, &handle).await?)
    }

    async fn stat(&mut self, handle: Resource<FileHandle>) -> Result<host::FileStat, ErrorCode> {
        Ok(self.stat_handle(&handle).await?.into())
    }

    async fn set_len(&mut self, handle: Resource<FileHandle>, size: u64) -> Result<(), ErrorCode> {
        Ok(FsCtxView::set_len(self, &handle, size).await?)
    }

    async fn drop(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.drop_handle(handle);
        Ok(())
    }
}

impl From<host::OpenMode> for OpenMode {
    fn from(mode: host::OpenMode) -> Self {
        match mode {
            host::OpenMode::Read => Self::Read,
            host::OpenMode::Write => Self::Write,
            host::OpenMode::Append => Self::Append,
            host::OpenMode::ReadWrite => Self::ReadWrite,
        }
    }
}

impl From<FileKind> for FileType {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::Unknown => Self::TypeUnknown,
            FileKind::Regular => Self::Regular,
            FileKind::Directory => Self::Directory,
            FileKind::Symlink => Self::Symlink,
            FileKind::BlockDevice => Self::BlockDevice,
            FileKind::CharacterDevice => Self::CharacterDevice,
            FileKind::Fifo => Self::Fifo,
            FileKind::Socket => Self::Socket,
        }
    }
}

impl From<Timestamp> for Datetime {
    fn from(Timestamp { seconds, nanoseconds }: Timestamp) -> Self {
        Self { seconds, nanoseconds }
    }
}

impl From<FileStat> for host::FileStat {
    fn from(stat: FileStat) -> Self {
        Self {
            size: stat.size,
            kind: stat.kind.into(),
            mode: stat.mode,
            modified: stat.modified.map(Into::into),
            created: stat.created.map(Into::into),
            accessed: stat.accessed.map(Into::into),
        }
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> Self {
        match arms::V1_0::from(&error) {
            arms::V1_0::NotFound => Self::NotFound,
            arms::V1_0::Access => Self::Access,
            arms::V1_0::CapabilityDenied => Self::CapabilityDenied,
            arms::V1_0::BoundaryEscape => Self::BoundaryEscape,
            arms::V1_0::InvalidPath => Self::InvalidPath,
            arms::V1_0::WouldBlock => Self::WouldBlock,
            arms::V1_0::IsDirectory => Self::IsDirectory,
            arms::V1_0::NotDirectory => Self::NotDirectory,
            arms::V1_0::NotEmpty => Self::NotEmpty,
            arms::V1_0::TooLarge => Self::TooLarge,
            arms::V1_0::Quota => Self::Quota,
            arms::V1_0::CrossVfs => Self::CrossVfs,
            arms::V1_0::AlreadyExists => Self::AlreadyExists,
            arms::V1_0::Closed => Self::Closed,
            arms::V1_0::Unknown(text) => Self::Unknown(text.as_str().to_owned()),
        }
    }
}

//! Shows a disk with a cache as a file, through FUSE, so that the kernel can lay a file system on it.
//!
//! Two files: `disk`, whose `fsync` is the flush, and `power`, which cuts the power when a seed is written to it and then holds
//! what that did. Loses nothing by itself: if this process is killed, the disk is as if all had been flushed.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

use super::cache::CachedDisk;
use super::{DISK, POWER};
use crate::LabError;
use crate::error::file;

const ROOT: u64 = 1;
const DISK_NODE: u64 = 2;
const POWER_NODE: u64 = 3;

/// Attributes never change on their own.
const TTL: Duration = Duration::from_secs(3600);

/// Shows the file `image` as a disk in the folder `front` until that is unmounted.
pub fn serve_disk(image: &Path, front: &Path) -> Result<(), LabError> {
    let opened = File::options().read(true).write(true).open(image).map_err(file("open", image))?;
    let disk = CachedDisk::new(opened);
    let size = disk.size().map_err(file("read", image))?;
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("kolla-lang-lab".to_owned()),
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
    ];
    fuser::mount(Front { size, disk: Mutex::new(disk) }, front, &config)
        .map_err(file("show a disk in", front))
}

/// The folder with the two files.
struct Front {
    size: u64,
    disk: Mutex<CachedDisk>,
}

impl Front {
    fn disk(&self) -> MutexGuard<'_, CachedDisk> {
        // A panic in another request leaves the disk as it was between two writes of a file.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attr(&self, node: u64) -> Option<FileAttr> {
        let (kind, size, perm) = match node {
            ROOT => (FileType::Directory, 0, 0o700),
            DISK_NODE => (FileType::RegularFile, self.size, 0o600),
            POWER_NODE => (FileType::RegularFile, 0, 0o600),
            _ => return None,
        };
        Some(FileAttr {
            ino: INodeNo(node),
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}

impl Filesystem for Front {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let node = match name.to_str() {
            Some(DISK) if parent.0 == ROOT => DISK_NODE,
            Some(POWER) if parent.0 == ROOT => POWER_NODE,
            _ => 0,
        };
        match self.attr(node) {
            Some(attr) => reply.entry(&TTL, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(node.0) {
            Some(attr) => reply.attr(&TTL, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // The page cache of the file system on it is enough; one below it would only be a second copy.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let disk = self.disk();
        if node.0 == POWER_NODE {
            let text = disk.lost().and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default();
            let rest =
                text.as_bytes().get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            return reply.data(&rest[..rest.len().min(size as usize)]);
        }
        match disk.read(offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(why) => reply.error(why.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut disk = self.disk();
        let written = if node.0 == POWER_NODE {
            match std::str::from_utf8(data).ok().and_then(|it| it.trim().parse().ok()) {
                Some(seed) => disk.cut(seed).map(drop),
                None => return reply.error(Errno::EINVAL),
            }
        } else {
            disk.write(offset, data)
        };
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(why) => reply.error(why.into()),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // This is `close`, which promises nothing.
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.disk().flush() {
            Ok(()) => reply.ok(),
            Err(why) => reply.error(why.into()),
        }
    }
}

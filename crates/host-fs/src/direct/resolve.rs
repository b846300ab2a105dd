//! From a path to (parent descriptor, name), without a race: no component is ever looked up twice,
//! and nothing above the root can be reached from a descriptor below it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::levels::Levels;
use super::root::Root;
use super::sys::{self, Meta};
use crate::fault::{Fault, Text};
use crate::path::{is_temporary, parts};
use crate::volume::FileKind;
use crate::{VfsPath, errno};

/// Links followed in one resolution; the contract's figure, Linux's own.
const MAX_LINKS: usize = 40;

/// How often a name may change under one operation, or `openat2` see a rename, before giving up.
pub(super) const RETRIES: usize = 8;

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory that holds the name; the root itself if there is no name.
    pub(super) parent: Arc<OwnedFd>,
    /// The last component, or none for the root.
    pub(super) name: Option<String>,
    /// What the name stands for, if anything; never what a link at the end points to if links were followed.
    pub(super) node: Option<Meta>,
    /// The resolved components, joined by `/`.
    pub(super) relative: String,
    /// What of the path follows the first name that does not exist.
    pub(super) rest: Vec<String>,
    /// Whether the missing name was found in a link.
    pub(super) dangling: bool,
    /// Whether only a directory will do.
    pub(super) wants_directory: bool,
}

impl Place {
    pub(super) fn kind(&self) -> Option<FileKind> {
        self.node.map(|node| node.kind())
    }

    /// The object, which must exist.
    pub(super) fn existing(&self) -> Result<Meta, Fault> {
        self.node.ok_or(Fault::NotFound)
    }

    /// The name, where the root will not do.
    pub(super) fn name(&self, root: Fault) -> Result<&str, Fault> {
        self.name.as_deref().ok_or(root)
    }
}

/// Resolves `path`; `follow` says whether a link at its end is followed.
///
/// # Errors
/// [`Fault::Escape`], [`Fault::NotDirectory`], [`Fault::NotFound`] where a directory on the way is
/// missing, unless `tail` asks for the missing components.
pub(super) fn resolve(root: &Root, path: &VfsPath, follow: bool, tail: bool) -> Result<Place, Fault> {
    if path.written().any(is_temporary) {
        return Err(Fault::NotFound);
    }
    let place = match quick(root, path, follow, tail)? {
        Some(place) => place,
        None => walk(root, path, follow)?,
    };
    if !place.rest.is_empty() && !tail {
        return Err(Fault::NotFound);
    }
    root.guard().passes(root, &place)?;
    Ok(place)
}

/// The parent by one `openat2`, if that shows that the path is the canonical one.
fn quick(root: &Root, path: &VfsPath, follow: bool, tail: bool) -> Result<Option<Place>, Fault> {
    if !root.quick() || !path.is_plain() {
        return Ok(None);
    }
    let relative = path.relative();
    let (parent, name) = match relative.rsplit_once('/') {
        Some((parent, name)) => match root.beneath(parent) {
            Ok(parent) => (Arc::new(parent), name),
            Err(Errno::NOENT) if !tail => return Err(Fault::NotFound),
            Err(_) => return Ok(None),
        },
        None => (root.fd().clone(), relative),
    };
    let node = if name.is_empty() { sys::stat(&parent) } else { sys::stat_at(&parent, name) };
    let node = match node {
        Ok(node) => Some(node),
        Err(Errno::NOENT) => None,
        Err(error) => return Err(errno::path(error)),
    };
    let wants_directory = path.wants_directory();
    match node.map(|node| node.kind()) {
        Some(FileKind::Symlink) if follow || wants_directory => return Ok(None),
        Some(FileKind::Directory) | None => {}
        Some(_) if wants_directory => return Err(Fault::NotDirectory),
        Some(_) => {}
    }
    Ok(Some(Place {
        parent,
        name: (!name.is_empty()).then(|| name.to_owned()),
        node,
        relative: relative.to_owned(),
        rest: Vec::new(),
        dangling: false,
        wants_directory,
    }))
}

/// One component after the other, each opened without following it.
fn walk(root: &Root, path: &VfsPath, follow: bool) -> Result<Place, Fault> {
    let mut levels = Levels::new(root.fd().clone());
    // Last component first. The flag says that a link brought it.
    let mut pending: Vec<(String, bool)> =
        path.written().rev().map(|part| (part.to_owned(), false)).collect();
    let (mut links, mut wants_directory) = (0, path.wants_directory());
    while let Some((part, from_link)) = pending.pop() {
        if part == ".." {
            levels.pop().ok_or(Fault::Escape)?;
            continue;
        }
        if is_temporary(&part) {
            return Err(Fault::NotFound);
        }
        let top = levels.top()?;
        let last = pending.is_empty();
        let object = match sys::pin(&top, part.as_str()) {
            Ok(object) => object,
            Err(Errno::NOENT) => {
                let rest = pending.into_iter().rev().map(|(part, _)| part).collect();
                return Ok(end(&levels, top, part, None, rest, from_link, wants_directory));
            }
            Err(error) => return Err(errno::path(error)),
        };
        let meta = object.meta();
        match meta.kind() {
            FileKind::Directory => {
                root.guard().enters(root, &meta)?;
                levels.push(&part, object.into_directory().map_err(errno::path)?);
            }
            FileKind::Symlink if last && !follow && !wants_directory => {
                return Ok(end(&levels, top, part, Some(meta), Vec::new(), from_link, false));
            }
            FileKind::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Fault::Unknown(Text::TooManyLinks));
                }
                let target = object.link_text().map_err(errno::path)?;
                if target.starts_with('/') {
                    return Err(Fault::Escape);
                }
                wants_directory |= last && target.ends_with('/');
                pending.extend(parts(&target).rev().map(|part| (part.to_owned(), true)));
            }
            _ if last && !wants_directory => {
                return Ok(end(&levels, top, part, Some(meta), Vec::new(), from_link, false));
            }
            _ => return Err(Fault::NotDirectory),
        }
    }
    directory(root, levels, wants_directory)
}

/// The place of the directory the walk ended in.
fn directory(root: &Root, mut levels: Levels, wants_directory: bool) -> Result<Place, Fault> {
    let node = Some(sys::stat(levels.top()?).map_err(errno::path)?);
    let relative = levels.relative();
    let name = levels.pop();
    let parent = if name.is_some() { levels.top()? } else { root.fd().clone() };
    Ok(Place { parent, name, node, relative, rest: Vec::new(), dangling: false, wants_directory })
}

fn end(
    levels: &Levels,
    parent: Arc<OwnedFd>,
    name: String,
    node: Option<Meta>,
    rest: Vec<String>,
    dangling: bool,
    wants_directory: bool,
) -> Place {
    let mut relative = levels.relative();
    for part in std::iter::once(&name).chain(&rest) {
        if !relative.is_empty() {
            relative.push('/');
        }
        relative.push_str(part);
    }
    let dangling = dangling && node.is_none();
    Place { parent, name: Some(name), node, relative, rest, dangling, wants_directory }
}

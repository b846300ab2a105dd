//! Resolution in both layers at once, a pinned pair of directories a step. Nothing above a root can be
//! reached, because neither layer ever opens `..` or follows a link by itself.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::View;
use super::cuts::Cuts;
use crate::direct::sys::{self, Meta, Pin};
use crate::errno;
use crate::fault::{Fault, Text};
use crate::path::{is_temporary, parts};
use crate::volume::{At, FileKind};
use crate::{Direct, VfsPath};

/// Links followed in one resolution; the contract's figure, Linux's own.
const MAX_LINKS: usize = 40;

/// Which tree shows an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Upper,
    Lower,
}

/// An object that is seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) meta: Meta,
    pub(super) layer: Layer,
    /// Whether the lower tree has something there that is not cut; of a directory it is merged, anything else is hidden by the upper one.
    pub(super) below: bool,
}

impl Node {
    pub(super) fn kind(&self) -> FileKind {
        self.meta.kind()
    }
}

/// Where a path leads.
#[derive(Debug)]
pub(super) struct Spot {
    /// The resolved components, joined by `/`, what is missing included.
    pub(super) relative: String,
    pub(super) is_root: bool,
    pub(super) node: Option<Node>,
    /// What follows the first name that does not exist.
    pub(super) rest: Vec<String>,
    /// Whether the missing name was found in a link.
    pub(super) dangling: bool,
    pub(super) wants_directory: bool,
    /// Whether the upper tree has the directory that holds the name.
    pub(super) parent_raised: bool,
}

impl Spot {
    pub(super) fn kind(&self) -> Option<FileKind> {
        self.node.map(|node| node.kind())
    }

    pub(super) fn existing(&self) -> Result<Node, Fault> {
        self.node.ok_or(Fault::NotFound)
    }

    pub(super) fn not_root(&self, fault: Fault) -> Result<(), Fault> {
        if self.is_root { Err(fault) } else { Ok(()) }
    }

    /// The resolved path of the directory that holds the name.
    pub(super) fn parent(&self) -> &str {
        parent(&self.relative)
    }
}

pub(super) fn parent(relative: &str) -> &str {
    relative.rsplit_once('/').map_or("", |(parent, _)| parent)
}

pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// A directory of the merged tree.
struct Stand {
    relative: String,
    upper: Option<Arc<OwnedFd>>,
    lower: Option<Arc<OwnedFd>>,
}

impl Stand {
    /// The directory that was seen under a name.
    fn on(relative: String, found: &Node, object: Pin, under: Option<Pin>) -> Result<Self, Fault> {
        let directory = |object: Pin| object.into_directory().map(Arc::new).map_err(errno::path);
        let (seen, under) = (directory(object)?, under.map(directory).transpose()?);
        let (upper, lower) = match found.layer {
            Layer::Upper => (Some(seen), under),
            Layer::Lower => (None, Some(seen)),
        };
        Ok(Self { relative, upper, lower })
    }
}

impl View<'_> {
    /// Resolves and asks about the place found.
    pub(super) fn find(&self, at: At<'_>, follow: bool) -> Result<Spot, Fault> {
        self.find_in(&self.cuts.read(), at, follow)
    }

    /// As [`View::find`], with the cuts held still.
    pub(super) fn find_in(&self, cuts: &Cuts, at: At<'_>, follow: bool) -> Result<Spot, Fault> {
        let spot = self.resolve(cuts, at.path, follow)?;
        if !spot.rest.is_empty() {
            return Err(Fault::NotFound);
        }
        agreed(at, spot)
    }

    /// As [`View::find`] for a path whose last directories may be missing.
    pub(super) fn find_tail(&self, at: At<'_>) -> Result<Spot, Fault> {
        let spot = self.resolve(&self.cuts.read(), at.path, true)?;
        agreed(at, spot)
    }

    pub(super) fn layer(&self, layer: Layer) -> &Direct {
        match layer {
            Layer::Upper => self.upper,
            Layer::Lower => self.lower,
        }
    }

    fn resolve(&self, cuts: &Cuts, path: &VfsPath, follow: bool) -> Result<Spot, Fault> {
        if path.written().any(is_temporary) {
            return Err(Fault::NotFound);
        }
        let mut stand = self.root();
        // Last component first. The flag says that a link brought it.
        let mut pending: Vec<(String, bool)> =
            path.written().rev().map(|part| (part.to_owned(), false)).collect();
        let (mut links, mut wants_directory) = (0, path.wants_directory());
        // What the walk stands on, once it stands on anything but the root.
        let mut node = None;
        while let Some((part, from_link)) = pending.pop() {
            if part == ".." {
                (stand, node) = self.above(cuts, &stand)?;
                continue;
            }
            if is_temporary(&part) {
                return Err(Fault::NotFound);
            }
            let relative = join(&stand.relative, &part);
            let parent_raised = stand.upper.is_some();
            let last = pending.is_empty();
            let spot = |node: Option<Node>, rest: Vec<String>, wants_directory| Spot {
                relative: rest.iter().fold(relative.clone(), |path, part| join(&path, part)),
                is_root: false,
                dangling: from_link && node.is_none(),
                node,
                rest,
                wants_directory,
                parent_raised,
            };
            let Some((found, object, under)) = look(cuts, &stand, &relative, &part)? else {
                let rest = std::mem::take(&mut pending).into_iter().rev().map(|(part, _)| part).collect();
                return Ok(spot(None, rest, wants_directory));
            };
            match found.kind() {
                FileKind::Directory => {
                    stand = Stand::on(relative, &found, object, under)?;
                    node = Some((found, parent_raised));
                }
                FileKind::Symlink if last && !follow && !wants_directory => {
                    return Ok(spot(Some(found), Vec::new(), false));
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
                _ if last && !wants_directory => return Ok(spot(Some(found), Vec::new(), false)),
                _ => return Err(Fault::NotDirectory),
            }
        }
        let is_root = stand.relative.is_empty();
        let (node, parent_raised) = match node {
            Some(known) if !is_root => known,
            // The root is the workspace's own, whatever lies over it.
            _ => {
                let meta = sys::stat(self.lower.top()).map_err(errno::path)?;
                (Node { meta, layer: Layer::Upper, below: true }, true)
            }
        };
        Ok(Spot {
            relative: stand.relative,
            is_root,
            node: Some(node),
            rest: Vec::new(),
            dangling: false,
            wants_directory,
            parent_raised,
        })
    }

    fn root(&self) -> Stand {
        let (upper, lower) = (self.upper.top().clone(), self.lower.top().clone());
        Stand { relative: String::new(), upper: Some(upper), lower: Some(lower) }
    }

    /// The directory above, reached from the root again by the names the walk went through.
    fn above(&self, cuts: &Cuts, stand: &Stand) -> Result<(Stand, Option<(Node, bool)>), Fault> {
        if stand.relative.is_empty() {
            return Err(Fault::Escape);
        }
        let (mut here, mut node) = (self.root(), None);
        for part in parts(parent(&stand.relative)) {
            let (relative, raised) = (join(&here.relative, part), here.upper.is_some());
            let (found, object, under) =
                look(cuts, &here, &relative, part)?.ok_or(Fault::Unknown(Text::RetryLimit))?;
            if found.kind() != FileKind::Directory {
                return Err(Fault::Unknown(Text::RetryLimit));
            }
            here = Stand::on(relative, &found, object, under)?;
            node = Some((found, raised));
        }
        Ok((here, node))
    }
}

fn agreed(at: At<'_>, spot: Spot) -> Result<Spot, Fault> {
    if spot.relative != at.path.relative() {
        at.consent.resolved(&spot.relative)?;
    }
    Ok(spot)
}

type Seen = (Node, Pin, Option<Pin>);

/// What a name stands for: the node, its object, and the lower directory that is merged with it.
fn look(cuts: &Cuts, stand: &Stand, relative: &str, name: &str) -> Result<Option<Seen>, Fault> {
    let upper = pin(stand.upper.as_ref(), name)?;
    let lower = if cuts.holds(relative) { Ok(None) } else { pin(stand.lower.as_ref(), name) };
    let Some(object) = upper else {
        let node = |meta| Node { meta, layer: Layer::Lower, below: true };
        return Ok(lower?.map(|object| (node(object.meta()), object, None)));
    };
    let meta = object.meta();
    // What the upper tree shows does not depend on what is hidden below it.
    let lower = lower.ok().flatten();
    let below = lower.is_some();
    let merged = lower
        .filter(|lower| meta.kind() == FileKind::Directory && lower.meta().kind() == FileKind::Directory);
    Ok(Some((Node { meta, layer: Layer::Upper, below }, object, merged)))
}

fn pin(directory: Option<&Arc<OwnedFd>>, name: &str) -> Result<Option<Pin>, Fault> {
    let Some(directory) = directory else { return Ok(None) };
    match sys::pin(directory, name) {
        Ok(object) => Ok(Some(object)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(errno::path(error)),
    }
}

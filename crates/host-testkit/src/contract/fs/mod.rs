//! What every file backend must do, as cases that any of them can run on itself.
//!
//! ```ignore
//! astrid_host_testkit::fs_contract!(|scheme, directory| Arc::new(MyVolume::open(scheme, directory)) as Arc<dyn Volume>);
//! ```
//!
//! makes one test of each case. The maker is given a directory as the host sees it, which it serves as
//! the scheme's volume. Cases plant what guests cannot make (links, pipes) in that directory before
//! the volume is made, and look at results through the functions of the package alone, so that a
//! backend that keeps changes elsewhere passes as well.

mod content;
mod handles;
mod links;
mod names;
mod paths;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_context::{HostContext, HostCx, Scope};
use astrid_host_fs::{Error, FsCtx, FsCtxView, FsView, Mount, Mounts, Scheme, Volume, arms::V1_0 as Arm};

use crate::FakeHost;

pub use content::*;
pub use handles::*;
pub use links::*;
pub use names::*;
pub use paths::*;

/// Makes a volume of a directory.
pub type Maker = fn(Scheme, &Path) -> Arc<dyn Volume>;

/// Calls a macro with the name of every case.
#[doc(hidden)]
#[macro_export]
macro_rules! fs_contract_cases {
    ($then:path $(, $with:expr)?) => {
        $then! {
            [$($with)?]
            every_spelling_of_a_place_reads_the_same_file
            what_is_missing_is_not_found_and_does_not_exist
            a_dot_dot_is_followed_only_through_a_directory_that_exists
            canonical_paths_have_one_form
            names_of_temporaries_do_not_exist
            a_link_out_of_the_root_is_an_escape_and_can_still_be_looked_at_and_removed
            a_relative_link_inside_the_root_is_followed_and_read
            a_link_that_climbs_above_the_root_escapes
            forty_links_are_followed_and_forty_one_are_not
            a_dangling_link_does_not_exist_and_creates_its_target_when_written
            special_files_are_never_opened
            a_whole_file_has_at_most_ten_mebibytes
            content_at_the_limit_is_written_and_more_touches_nothing
            a_listing_has_at_most_4096_names_sorted_and_hides_what_guests_cannot_write
            writing_replaces_content_and_keeps_the_mode
            writing_through_one_of_two_names_keeps_both
            appending_creates_and_adds
            parallel_appends_never_mix
            readers_see_one_whole_content
            copies_keep_content_and_mode_and_replace
            a_large_copy_replaces_its_destination_under_readers
            a_copy_onto_itself_keeps_the_content
            mkdir_makes_one_level_once
            one_of_many_racing_mkdirs_wins_and_all_mkdir_alls_do
            mkdir_all_stops_at_what_is_no_directory
            unlink_removes_names_and_no_directories
            rename_follows_the_rules_of_posix
            removing_a_tree_counts_its_entries_and_follows_no_link
            a_very_deep_tree_is_removed_with_few_descriptors
            a_hard_link_is_the_same_file
            open_modes_differ_as_the_contract_says
            pieces_have_at_most_one_mebibyte_and_end_with_the_file
            a_gap_reads_as_zeroes_and_a_cut_file_grows_zeroes
            a_handle_outlives_its_name
            every_mode_can_be_synced
            stat_tells_kind_size_and_times
        }
    };
}

/// Makes one test of each case. Takes a function from (scheme, directory) to an `Arc<dyn Volume>`.
#[macro_export]
macro_rules! fs_contract {
    ($make:expr) => {
        $crate::fs_contract_cases! { $crate::fs_contract_tests, $make }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! fs_contract_tests {
    ([$make:expr] $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::fs::$case($make).await;
        }
    )*};
}

macro_rules! run_all {
    ([] $($case:ident)*) => {
        /// Runs every case, each on fresh directories.
        pub(super) async fn all(make: Maker) {
            $(Box::pin($case(make)).await;)*
        }
    };
}
fs_contract_cases!(run_all);

/// Three directories, planted and then served.
pub(crate) struct Bed {
    directory: Arc<tempfile::TempDir>,
    make: Maker,
}

#[expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]
impl Bed {
    pub(crate) fn new(make: Maker) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        for place in ["workspace", "home", "tmp"] {
            std::fs::create_dir(directory.path().join(place)).unwrap();
        }
        Self { directory, make }
    }

    /// The workspace as the host sees it.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    /// Something outside every root.
    pub(crate) fn outside(&self) -> &Path {
        self.directory.path()
    }

    /// Serves what was planted.
    pub(crate) fn serve(&self) -> State {
        let volume = |scheme, place: &str| Some((self.make)(scheme, &self.directory.path().join(place)));
        let fixed = Fixed {
            workspace: volume(Scheme::Workspace, "workspace"),
            home: volume(Scheme::Home, "home"),
            tmp: volume(Scheme::Tmp, "tmp"),
        };
        State::new(self.directory.clone(), FsCtx::builder().mounts(Arc::new(fixed)).build())
    }
}

/// The same three volumes for everybody.
#[derive(Debug)]
struct Fixed {
    workspace: Mount,
    home: Mount,
    tmp: Mount,
}

impl Mounts for Fixed {
    fn ready(&self, scope: &Scope, scheme: Scheme) -> Option<Mount> {
        Some(self.open(scope, scheme))
    }

    fn open(&self, _: &Scope, scheme: Scheme) -> Mount {
        match scheme {
            Scheme::Workspace => self.workspace.clone(),
            Scheme::Home => self.home.clone(),
            Scheme::Tmp => self.tmp.clone(),
        }
    }
}

/// A host with nothing but this package.
pub(crate) struct State {
    fake: FakeHost,
    ctx: FsCtx,
    /// Removed with the last store.
    directory: Arc<tempfile::TempDir>,
}

impl State {
    fn new(directory: Arc<tempfile::TempDir>, ctx: FsCtx) -> Self {
        Self { fake: FakeHost::builder().build(), ctx, directory }
    }

    /// Another store over the same volumes.
    pub(crate) fn twin(&self) -> Self {
        Self::new(self.directory.clone(), self.ctx.clone())
    }
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl FsView for State {
    fn fs(&mut self) -> FsCtxView<'_> {
        FsCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

#[expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]
impl State {
    pub(crate) async fn write(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.fs().write_file(path.into(), content.into()).await.unwrap();
    }

    pub(crate) async fn read(&mut self, path: &str) -> Result<String, Arm> {
        arm(self.fs().read_file(path.into()).await.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    pub(crate) async fn exists(&mut self, path: &str) -> bool {
        self.fs().exists(path.into()).await.unwrap()
    }
}

/// The arm a guest sees.
pub(crate) fn arm<T>(result: Result<T, Error>) -> Result<T, Arm> {
    result.map_err(|error| Arm::from(&error))
}

//! `capsule run`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::CliError;
use crate::run::{self, AllowLocal, Call, Publication};
use crate::worker;

/// Runs capsules; with no --call, --publish or --expect until Ctrl-C
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Capsule directories, or directories of them; loaded in the order of their needs [default: what is installed for
    /// the principal, then what the workspace has in .astrid/capsules and is trusted]
    #[arg(value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    /// The host's directory for data, keys, compiled code and logs [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The directory capsules work in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) workspace: PathBuf,
    /// Whose data and authority --call and --publish use
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) principal: String,
    /// Keep changes to the workspace apart, and at the end list them and ask; without a terminal they stay
    /// undecided until `capsule overlay`
    #[arg(long)]
    pub(crate) overlay: bool,
    /// At the end of a run that did all it was asked to, write the changes into the workspace
    #[arg(long, requires = "overlay", conflicts_with = "rollback")]
    pub(crate) commit: bool,
    /// At the end, drop the changes
    #[arg(long, requires = "overlay")]
    pub(crate) rollback: bool,
    /// Build directories that hold a crate first, and accept components without a recorded hash
    #[arg(long)]
    pub(crate) dev: bool,
    /// Let a capsule reach a local endpoint, on top of [security.capsule_local_egress] in the home's
    /// etc/config.toml; `*` is every port. Its manifest still has to name it
    #[arg(long, value_name = "CAPSULE=HOST:PORT", value_parser = AllowLocal::parse)]
    pub(crate) allow_local: Vec<AllowLocal>,
    /// End with an error when any capsule cannot be loaded or lacks what it requires
    #[arg(long)]
    pub(crate) strict: bool,
    /// Call a handler once all capsules are ready, and print its result
    #[arg(long, value_name = "CAPSULE:ACTION=JSON", value_parser = Call::parse)]
    pub(crate) call: Vec<Call>,
    /// Publish a message once all capsules are ready and the calls are done
    #[arg(long, value_name = "TOPIC=JSON", value_parser = Publication::parse)]
    pub(crate) publish: Vec<Publication>,
    /// Print each message on matching topics; a last `*` stands for any number of segments
    #[arg(long, value_name = "PATTERN", value_parser = run::pattern)]
    pub(crate) expect: Vec<astrid_event_bus::AccessPattern>,
    /// End after this many printed messages [default: as many as --publish]
    #[arg(long, value_name = "N", requires = "expect")]
    pub(crate) count: Option<usize>,
    /// End with code 3 when the messages have not come within this time
    #[arg(long, value_name = "SECS", default_value = "30", value_parser = run::seconds)]
    pub(crate) timeout: std::time::Duration,
    /// Answer `capsule ps`, `net`, `publish` and `tail` on a socket [default: run/capsule.sock in the home]
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    pub(crate) listen: Option<Option<PathBuf>>,
    /// Print messages and results as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what each phase of each load took, as JSON lines on stderr
    #[arg(long)]
    pub(crate) timings: bool,
}

impl Args {
    /// Whether the run has no end of its own, so that Ctrl-C is the way it ends.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.call.is_empty() && self.publish.is_empty() && self.expect.is_empty()
    }
}

/// Runs, on a tokio runtime of its own.
pub(crate) fn run(args: &Args) -> Result<ExitCode, CliError> {
    run::log_to_stderr();
    worker::run(run::session(args))
}

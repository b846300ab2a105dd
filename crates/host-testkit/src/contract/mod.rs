//! Suites that a backend runs on itself. Each is a generic function over a maker of fresh backends,
//! and panics with the name of the case that failed.

#[cfg(feature = "kv")]
pub mod kv;

/// Runs every case of [`mod@kv`], each on a fresh backend from `make`. [`crate::kv_contract!`] makes a
/// test of each case instead.
///
/// # Panics
/// At the first wrong answer.
#[cfg(feature = "kv")]
pub async fn kv<F>(make: impl Fn() -> F)
where
    F: Future<Output = std::sync::Arc<dyn astrid_host_kv::Store>>,
{
    kv::all(make).await;
}

#[cfg(feature = "fs")]
pub mod fs;

/// Runs every case of [`mod@fs`], each on fresh directories. [`crate::fs_contract!`] makes a test of
/// each case instead.
///
/// # Panics
/// At the first wrong answer.
#[cfg(feature = "fs")]
pub async fn fs(make: fs::Maker) {
    fs::all(make).await;
}

#[cfg(feature = "elicit")]
pub mod elicit;

#[cfg(feature = "approval")]
pub mod approval;
#[cfg(feature = "identity")]
pub mod identity;

//! Consent for good, signed and on disk.

use std::sync::Arc;

use astrid_host_approval::{Allowance, BoxFuture, Grants, GrantsUnavailable};
use astrid_host_context::Principal;
use ed25519_dalek::SigningKey;

use super::record;
use super::rows::Rows;

/// One row for each; one that cannot be proven moves below [`DAMAGED`] before another takes its place.
const ROWS: &str = "grant:";
const DAMAGED: &str = "damaged:";

/// In the embedded store, which is durable and crash-tested, and whose file anybody with the disk could
/// write: so each record is signed.
pub(super) struct SignedGrants {
    rows: Rows,
    key: Arc<SigningKey>,
}

impl SignedGrants {
    pub(super) fn new(rows: Rows, key: SigningKey) -> Self {
        Self { rows, key: Arc::new(key) }
    }

    async fn read(&self) -> Result<Vec<Allowance>, GrantsUnavailable> {
        let (rows, key) = (self.rows.below(ROWS).await?, self.key.verifying_key());
        // A signature costs some 50 µs, and there may be thousands.
        let proven = tokio::task::spawn_blocking(move || {
            let proven = rows.iter().filter_map(|(name, value)| {
                let allowance =
                    record::open(value, &key).and_then(|allowance| match place(&allowance) == *name {
                        true => Ok(allowance),
                        false => Err("it is a copy of another"),
                    });
                allowance.inspect_err(|why| report(name, why)).ok()
            });
            proven.collect()
        });
        proven.await.map_err(|ended| GrantsUnavailable(ended.to_string()))
    }

    /// Whether what lies in an allowance's place is one of this host's, or nothing. What is neither stays
    /// for whoever looks into it.
    async fn is_ours(&self, place: &str) -> Result<bool, GrantsUnavailable> {
        let found = self.rows.get(place).await?;
        Ok(found.is_none_or(|value| record::open(&value, &self.key.verifying_key()).is_ok()))
    }

    async fn write(&self, allowance: &Allowance) -> Result<(), GrantsUnavailable> {
        let place = place(allowance);
        if !self.is_ours(&place).await?
            && let Some(damaged) = self.rows.get(&place).await?
        {
            self.rows.set(&format!("{DAMAGED}{}", blake3::hash(&damaged).to_hex()), damaged.to_vec()).await?;
        }
        self.rows.set(&place, record::seal(allowance, &self.key)).await
    }
}

impl Grants for SignedGrants {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Allowance>, GrantsUnavailable>> {
        Box::pin(self.read())
    }

    fn put<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(self.write(allowance))
    }

    fn remove<'a>(&'a self, allowance: &'a Allowance) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move {
            let place = place(allowance);
            if self.is_ours(&place).await? { self.rows.delete(&place).await } else { Ok(()) }
        })
    }

    fn remove_of<'a>(&'a self, who: &'a Principal) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move { self.rows.clear(&format!("{ROWS}{who}:")).await })
    }
}

/// The same for those that say the same. A workspace may be longer than a key, so the rest is a digest.
fn place(allowance: &Allowance) -> String {
    let holder = &allowance.holder;
    let mut digest = blake3::Hasher::new();
    for part in [holder.capsule.as_str(), holder.workspace.as_str(), allowance.pattern.as_str()] {
        digest.update(blake3::hash(part.as_bytes()).as_bytes());
    }
    format!("{ROWS}{}:{}", holder.principal, digest.finalize().to_hex())
}

fn report(place: &str, why: &&'static str) {
    tracing::error!(
        target: "astrid.security",
        record = place,
        "remembered consent does not count and is kept as it is: {why}"
    );
}

#[cfg(test)]
mod tests {
    use astrid_host_approval::{Holder, Lasting, Pattern, Workspace};
    use astrid_host_kv::Memory;
    use astrid_host_testkit::contract;

    use super::*;

    fn grants(rows: &Rows) -> SignedGrants {
        SignedGrants::new(rows.clone(), SigningKey::from_bytes(&[7; 32]))
    }

    fn rows() -> Rows {
        Rows::new(Arc::new(Memory::new())).unwrap()
    }

    fn allowance(pattern: &str) -> Allowance {
        let holder = Holder {
            principal: "alice".parse().unwrap(),
            capsule: "shell".parse().unwrap(),
            workspace: Workspace::new("/p"),
        };
        Allowance::new(holder, Pattern::parse(pattern).unwrap(), Lasting::Always)
    }

    #[tokio::test]
    async fn signed_ones_pass_the_suite() {
        contract::approval::all(async || Arc::new(grants(&rows())) as Arc<dyn Grants>).await;
    }

    // approval case 28
    #[tokio::test]
    async fn a_damaged_record_is_ignored_and_kept_and_the_others_count() {
        let rows = rows();
        let (a, b) = (allowance("a *"), allowance("b *"));
        for one in [&a, &b] {
            grants(&rows).put(one).await.unwrap();
        }
        let mut damaged = rows.get(&place(&a)).await.unwrap().unwrap().to_vec();
        damaged[40] ^= 1;
        rows.set(&place(&a), damaged.clone()).await.unwrap();
        let loaded = grants(&rows).load().await.unwrap();
        assert_eq!(loaded.iter().map(|one| one.id).collect::<Vec<_>>(), [b.id]);
        grants(&rows).remove(&a).await.unwrap();
        assert_eq!(*rows.get(&place(&a)).await.unwrap().unwrap(), *damaged, "not taken away either");
        // Somebody consents again.
        grants(&rows).put(&a).await.unwrap();
        assert_eq!(grants(&rows).load().await.unwrap().len(), 2);
        let [(_, kept)] = &rows.below(DAMAGED).await.unwrap()[..] else { panic!() };
        assert_eq!(**kept, *damaged);
    }

    #[tokio::test]
    async fn a_record_in_anothers_place_does_not_count() {
        let rows = rows();
        let (a, b) = (allowance("a *"), allowance("b *"));
        grants(&rows).put(&a).await.unwrap();
        let copied = rows.get(&place(&a)).await.unwrap().unwrap();
        rows.set(&place(&b), copied.to_vec()).await.unwrap();
        assert_eq!(grants(&rows).load().await.unwrap().len(), 1);
    }
}

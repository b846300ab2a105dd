//! Questions that a host put and did not live to decide.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_approval::{BoxFuture, GrantsUnavailable, OpenQuestion, OpenQuestions};
use astrid_host_context::{CapsuleId, HostServices, Principal, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rows::Rows;

const ROWS: &str = "open:";

#[derive(Serialize, Deserialize)]
struct Row {
    request: String,
    record: String,
    principal: String,
    capsule: String,
}

/// Beside the grants.
pub(super) struct Noted(Rows);

impl OpenQuestions for Noted {
    fn begin<'a>(&'a self, question: &'a OpenQuestion) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async move {
            let row = Row {
                request: question.id.to_string(),
                record: question.record.to_string(),
                principal: question.principal.to_string(),
                capsule: question.capsule.to_string(),
            };
            let row = serde_json::to_vec(&row).map_err(|error| GrantsUnavailable(error.to_string()))?;
            self.0.set(&format!("{ROWS}{}", question.id), row).await
        })
    }

    fn end(&self, id: Uuid) -> BoxFuture<'_, Result<(), GrantsUnavailable>> {
        Box::pin(async move { self.0.delete(&format!("{ROWS}{id}")).await })
    }
}

impl Noted {
    pub(super) fn new(rows: Rows) -> Arc<Self> {
        Arc::new(Self(rows))
    }

    /// Records an end of each question whose decision is not in the records at `log`, and forgets them all. For
    /// the start of a host, before a capsule can ask.
    pub(super) async fn close_all(
        &self,
        services: &HostServices,
        log: PathBuf,
    ) -> Result<usize, GrantsUnavailable> {
        let rows = self.0.below(ROWS).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let left: Vec<_> = rows.iter().filter_map(|(_, row)| question(row)).collect();
        // A host may have been killed right after a decision was recorded.
        let decided = tokio::task::spawn_blocking(move || decided(&log)).await;
        let decided = decided.map_err(|ended| GrantsUnavailable(ended.to_string()))?;
        let abandoned: Vec<_> = left.iter().filter(|one| !decided.contains(&one.id.to_string())).collect();
        abandoned.iter().for_each(|question| question.close_abandoned(services));
        services.audit().written().await;
        for (key, _) in &rows {
            self.0.delete(key).await?;
        }
        Ok(abandoned.len())
    }
}

fn question(row: &[u8]) -> Option<OpenQuestion> {
    let row: Row = serde_json::from_slice(row).ok()?;
    let id = |text: &str| uuid::Uuid::parse_str(text).ok().map(Uuid::from);
    Some(OpenQuestion {
        id: id(&row.request)?,
        record: id(&row.record)?,
        principal: Principal::parse(&row.principal).ok()?,
        capsule: CapsuleId::parse(&row.capsule).ok()?,
    })
}

/// The questions whose decisions are in the file or the one before it. None where there is no such file.
fn decided(log: &Path) -> HashSet<String> {
    let mut before = log.as_os_str().to_owned();
    before.push(".1");
    let files = [Path::new(&before), log].into_iter().filter_map(|path| std::fs::File::open(path).ok());
    let lines = files.flat_map(|file| BufReader::new(file).split(b'\n').map_while(Result::ok));
    lines
        .filter_map(|line| {
            // Most lines are about something else.
            let line: Value = line
                .windows(9)
                .any(|part| part == b"\"decided\"")
                .then(|| serde_json::from_slice(&line).ok())??;
            let of_approval = line.get("domain")? == "approval" && line.get("function")? == "decided";
            of_approval.then(|| line.get("request")?.as_str().map(str::to_owned))?
        })
        .collect()
}

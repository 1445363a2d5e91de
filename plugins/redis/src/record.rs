//! What comes of a run's symbols: rendered here, and stored, marked and logged in one step by the script.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use stock_scheduler_sdk::{
    EventKind, Grant, RunPlan, RunStatus, StoreError, StoreErrorKind, StoredJob, Symbol,
    SymbolOutcome, SymbolResult, records,
};

use crate::gather::Part;
use crate::run::Mark;
use crate::{RedisStore, ValueFormat, event, scripts};

impl RedisStore {
    pub(crate) async fn record_results(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        mut results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let given: HashSet<_> = results.iter().map(|result| result.symbol.clone()).collect();
        let planned: HashSet<&Symbol> = plan
            .symbols
            .iter()
            .filter(|symbol| given.contains(*symbol))
            .collect();
        results.retain(|result| planned.contains(&result.symbol));
        let metadata = match self.value_format {
            ValueFormat::Bare => None,
            ValueFormat::Wrapped => Some(self.metadata(grant, plan).await?),
        };
        let end = end.filter(|status| *status != RunStatus::Running);
        let keep = plan.keep.map(|keep| keep.max(1).to_string());
        let mut part: Part = vec![
            grant.run.to_string().into(),
            grant.job.as_str().into(),
            grant.token.to_string().into(),
            end.map(RunStatus::as_str).unwrap_or_default().into(),
            keep.unwrap_or_default().into(),
            results.len().to_string().into(),
        ];
        for result in results {
            push_result(&mut part, grant, plan, result, metadata.as_deref())?;
        }
        let joined = self.records.join(part, |parts| self.record_parts(parts));
        let answer = self.link.in_time("record", joined).await?;
        match answer.as_str() {
            "done" => Ok(()),
            _ => Err(fenced(grant)),
        }
    }

    async fn record_parts(&self, parts: Vec<Arc<Part>>) -> Result<Vec<String>, StoreError> {
        let mut call = scripts::RECORD.call();
        call.arg(parts.len()).parts(&parts);
        self.link.run(&call).await
    }

    /// What stands beside the data in a wrapped window, as readers of the Python module's last version expect it.
    async fn metadata(&self, grant: &Grant, plan: &RunPlan) -> Result<String, StoreError> {
        use stock_scheduler_sdk::{JobStore as _, Store as _};
        let now = self.now().await?.format(STAMP).to_string();
        let stored = self
            .jobs(std::slice::from_ref(&grant.job))
            .await?
            .into_iter()
            .next()
            .flatten();
        let time = stored
            .as_ref()
            .and_then(|stored| stored.job.schedule_time.clone());
        let next = |stored: StoredJob| Some(stored.state.next.at()?.format(STAMP).to_string());
        let at = time
            .as_ref()
            .map(|time| format!(" at {time}"))
            .unwrap_or_default();
        let metadata = json!({
            "source_type": "scheduled_job",
            "job_id": grant.job,
            "job_name": plan.job_name,
            "created_by": "job_scheduler",
            "created_at": now,
            "updated_at": now,
            "schedule_time": time,
            "is_recurring": true,
            "next_update": stored.and_then(next),
            "tags": ["scheduled", "auto-updating"],
            "description": format!("Data from scheduled job '{}'{at}", plan.job_name),
        });
        Ok(metadata.to_string())
    }
}

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.6f+00:00";

fn push_result(
    part: &mut Part,
    grant: &Grant,
    plan: &RunPlan,
    result: SymbolResult,
    metadata: Option<&str>,
) -> Result<(), StoreError> {
    let SymbolResult {
        symbol,
        attempts,
        outcome,
    } = result;
    part.push(symbol.as_str().into());
    match outcome {
        SymbolOutcome::Fetched(series) => {
            let records = records::render(&series);
            let (rows, key) = (records.rows, plan.key(&symbol).to_string());
            let text = match metadata {
                None => records.json,
                Some(metadata) => {
                    format!(r#"{{"data": {}, "metadata": {metadata}}}"#, records.json)
                }
            };
            part.push(Mark::Stored(attempts, rows).to_text().into());
            part.push(event::stored(grant.run, rows, &key).into());
            part.push(rows.to_string().into());
            part.push(key.into());
            part.push(text.into());
            part.push(format!("{}:{symbol}:", plan.prefix).into());
        }
        SymbolOutcome::Failed { kind, message } => {
            let mark = Mark::Failed(attempts, kind.as_str().into(), message.as_str().into());
            part.push(mark.to_text().into());
            let failed = EventKind::StockFailed {
                execution_id: grant.run,
                stock_id: symbol.to_string(),
                kind,
                message,
                attempts,
            };
            part.push(event::json(&failed)?.into());
            part.push(Vec::new());
        }
    }
    Ok(())
}

fn fenced(grant: &Grant) -> StoreError {
    let message = format!(
        "cannot record progress of run {}: token {} was overtaken or its job is gone",
        grant.run, grant.token
    );
    StoreError::new(StoreErrorKind::Fenced, message)
}

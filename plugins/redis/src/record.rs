//! What comes of a run's symbols: rendered here, then stored, marked and logged in one transaction.
//!
//! A script marks and logs. The data goes beside it and not through it: a script takes a letter of its arguments as long
//! as a command takes a hundred.

use std::sync::Arc;

use serde_json::json;
use stock_scheduler_sdk::{
    Grant, RunPlan, RunStatus, StoreError, StoreErrorKind, StoredJob, SymbolResult, records,
};

use crate::step::RecordStep;
use crate::{RedisStore, ValueFormat, scripts};

impl RedisStore {
    pub(crate) async fn record_results(
        &self,
        grant: &Grant,
        plan: &RunPlan,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), StoreError> {
        let metadata = match self.value_format {
            ValueFormat::Bare => None,
            ValueFormat::Wrapped => Some(self.metadata(grant, plan).await?),
        };
        let end = end.filter(|status| *status != RunStatus::Running);
        let results = plan.planned(results);
        let series = results.iter().filter_map(|result| result.outcome.series());
        let mut room: usize = series.map(records::room).sum();
        let mut results = results.into_iter().peekable();
        loop {
            let mut step = RecordStep::new(grant, plan, room);
            while let Some(result) = results.next_if(|_| !step.is_full()) {
                step.add(result, grant, metadata.as_deref())?;
            }
            room = room.saturating_sub(step.text.len());
            let is_last = results.peek().is_none();
            step.end = end.filter(|_| is_last);
            let joined = self.steps.join(step, |steps| self.record_steps(steps));
            let answer = self.link.in_time("record", joined).await?;
            match answer.as_str() {
                "done" if is_last => return Ok(()),
                "done" => {}
                _ => return Err(fenced(grant)),
            }
        }
    }

    async fn record_steps(&self, steps: Vec<Arc<RecordStep>>) -> Result<Vec<String>, StoreError> {
        let answers = Box::pin(self.watches.write(&self.link, &steps));
        self.link.within(scripts::RECORD.name(), answers).await
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

fn fenced(grant: &Grant) -> StoreError {
    let message = format!(
        "cannot record progress of run {}: token {} was overtaken or its job is gone",
        grant.run, grant.token
    );
    StoreError::new(StoreErrorKind::Fenced, message)
}

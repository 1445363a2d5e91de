//! What `--demo` begins with on an empty store: two jobs, the first of which runs at once and again at the next minute.

use chrono::{TimeDelta, Timelike};
use serde_json::json;
use stock_scheduler_sdk::{JobId, RunId};

use crate::host::{Draft, Host, HostError, ManualRun, Mode};

/// Creates the example's jobs.
pub(super) async fn populate(host: &Host) -> Result<(), HostError> {
    if host.status().await.counts.total > 0 {
        return Ok(());
    }
    // At least five seconds away, so that the minute is not over before the job is there.
    let next_minute = (host.now() + TimeDelta::seconds(65)).with_timezone(&host.zone());
    let soon = format!("{:02}:{:02}", next_minute.hour(), next_minute.minute());
    let first = create(
        host,
        "Daily Tech Stocks",
        &["AAPL", "MSFT", "GOOGL", "AMZN", "FAIL"],
        &soon,
    )
    .await?;
    create(
        host,
        "Index funds after the close",
        &["SPY", "QQQ", "VTI"],
        "16:30",
    )
    .await?;
    host.run_now(&first, RunId::random(), ManualRun::default())
        .await
}

async fn create(host: &Host, name: &str, symbols: &[&str], time: &str) -> Result<JobId, HostError> {
    let body = json!({"name": name, "stock_ids": symbols, "schedule_time": time});
    let draft = Draft::read(body, Mode::Create).map_err(HostError::Invalid)?;
    let view = host.create_job(draft, JobId::random(), host.now()).await?;
    Ok(view.stored.job.id.clone())
}

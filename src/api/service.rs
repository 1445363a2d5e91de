//! How the service is: status, health, metrics.

use poem_openapi::OpenApi;
use poem_openapi::payload::PlainText;

use super::gauges::JobGauges;
use super::jobs::Tag;
use super::problem::{Failure, Reads};
use super::process;
use super::reply::Reply;
use super::wire::{Message, Ready, StatusBody};
use crate::host::Host;
use crate::metrics;

pub(crate) struct ServiceApi {
    pub(crate) host: Host,
    /// Whether the metrics tell of each job.
    pub(super) job_gauges: Option<JobGauges>,
}

#[OpenApi]
impl ServiceApi {
    /// Read how the service is
    ///
    /// Answers also while the store is away, with what was last known.
    #[oai(
        path = "/scheduler/status",
        method = "get",
        operation_id = "getStatus",
        tag = "Tag::Service"
    )]
    async fn status(&self) -> Reply<StatusBody> {
        Reply::json(&StatusBody::new(self.host.status().await, self.host.zone()))
    }

    /// Tell that the process lives
    #[oai(
        path = "/healthz",
        method = "get",
        operation_id = "healthz",
        tag = "Tag::Service"
    )]
    async fn healthz(&self) -> Reply<Message> {
        Reply::json(&Message {
            message: "ok".into(),
        })
    }

    /// Tell whether requests can be served
    ///
    /// 503 while the store is away or the service stops.
    #[oai(
        path = "/readyz",
        method = "get",
        operation_id = "readyz",
        tag = "Tag::Service"
    )]
    async fn readyz(&self) -> Result<Reply<Ready>, Failure<Reads>> {
        self.host.ready().await?;
        Ok(Reply::json(&Ready {
            message: "ready".into(),
            warnings: self.host.warnings(),
        }))
    }

    /// Read the service's metrics
    ///
    /// In Prometheus' text format.
    #[oai(
        path = "/metrics",
        method = "get",
        operation_id = "metrics",
        tag = "Tag::Service"
    )]
    async fn metrics(&self) -> PlainText<String> {
        // The gauges of jobs are brought up to date by reading the counts.
        self.host.status().await;
        for calendar in self.host.followed_calendars() {
            metrics::calendar_left(&calendar.code, calendar.days_left);
        }
        let mut text = metrics::render() + &process::render();
        if let Some(gauges) = &self.job_gauges {
            // Without the store nobody knows about jobs; the other numbers are told all the same.
            text += &gauges.render(&self.host).await.unwrap_or_default();
        }
        PlainText(text)
    }
}

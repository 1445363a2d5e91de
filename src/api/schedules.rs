//! What schedules will do: previews and explanations.

use chrono::TimeDelta;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::body::JsonBody;
use super::ical::Ical;
use super::jobs::{Tag, known};
use super::problem::{Explains, Failure, Looks, ReadsOne, Refused};
use super::reply::Reply;
use super::wire::{ExplanationBody, PreviewBody, PreviewInput};
use crate::host::{AskedTime, Host, PreviewWish};

pub(crate) struct SchedulesApi {
    pub(crate) host: Host,
}

#[OpenApi]
impl SchedulesApi {
    /// Preview a schedule
    ///
    /// The body is a job's, in which name and symbols may be missing. Nothing is stored. The answer comes from the code
    /// that fires: each fire in the schedule's zone, the exchange's and UTC, with notes where a calendar or a clock change
    /// has a say; fires that will be skipped are among them.
    #[oai(
        path = "/scheduler/preview",
        method = "post",
        operation_id = "previewSchedule",
        tag = "Tag::Schedules"
    )]
    async fn preview(
        &self,
        body: JsonBody<PreviewInput>,
    ) -> Result<Reply<PreviewBody>, Failure<Looks>> {
        let wish = PreviewWish::read(body.value).map_err(Refused::invalid)?;
        let preview = self.host.preview(wish)?;
        Ok(Reply::json(&PreviewBody::new(&preview)))
    }

    /// Explain a job's fires
    ///
    /// Why the job fires or does not on a date, or at an instant, with what became of it.
    #[oai(
        path = "/scheduler/jobs/:job_id/explain",
        method = "get",
        operation_id = "explainJob",
        tag = "Tag::Schedules"
    )]
    async fn explain(
        &self,
        /// The job's id.
        job_id: Path<String>,
        /// A date in the job's zone, or an instant; now by default.
        at: Query<Option<String>>,
    ) -> Result<Reply<ExplanationBody>, Failure<Explains>> {
        let asked = at.0.as_deref().map(asked).transpose()?;
        let explanation = self.host.explain(&known(&job_id.0)?, asked).await?;
        Ok(Reply::json(&ExplanationBody::new(&explanation)))
    }

    /// Read the fires to come as a calendar
    ///
    /// In iCalendar's format (RFC 5545), for calendar programs to subscribe to: at most 500 fires of a job and 2,000 of
    /// all, the first of them.
    #[oai(
        path = "/scheduler/calendar.ics",
        method = "get",
        operation_id = "getCalendar",
        tag = "Tag::Schedules"
    )]
    async fn calendar(
        &self,
        /// Only fires of this job.
        job_id: Query<Option<String>>,
        /// So many days ahead, 1 to 366; 14 by default.
        days: Query<Option<String>>,
    ) -> Result<Ical, Failure<ReadsOne>> {
        let job = job_id.0.as_deref().map(known).transpose()?;
        let now = self.host.now();
        let until = now + self::days(days.0.as_deref())?;
        let fires = self.host.upcoming(job.as_ref(), until, MOST_EVENTS).await?;
        Ok(Ical::of(&fires, now))
    }
}

/// How far ahead fires are told to calendars, in days, where nobody says how far.
const USUAL_DAYS: u32 = 14;
/// The most fires in a calendar.
const MOST_EVENTS: usize = 2_000;

fn days(text: Option<&str>) -> Result<TimeDelta, Refused> {
    let days = text.map_or(Some(USUAL_DAYS), |text| text.parse().ok());
    let days = days
        .filter(|days| (1..=366).contains(days))
        .ok_or_else(|| {
            let text = text.unwrap_or_default();
            Refused::malformed(format!(
                "days must be a whole number from 1 to 366, not {text:?}"
            ))
        })?;
    Ok(TimeDelta::days(days.into()))
}

fn asked(text: &str) -> Result<AskedTime, Refused> {
    AskedTime::parse(text).ok_or_else(|| {
        Refused::malformed(format!(
            "at must be a date YYYY-MM-DD or an instant like 2025-10-21T17:00:00+00:00, not {text:?}"
        ))
    })
}

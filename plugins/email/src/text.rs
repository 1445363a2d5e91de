//! What a mail says.

use std::fmt::{Display, Write};

use chrono::{DateTime, TimeZone, Utc};
use stock_scheduler_sdk::{Delivery, EventKind};

use crate::occasion::Occasion;

/// Characters of a job's name that are shown at most.
const LONGEST_NAME: usize = 100;
/// Characters of a reason that are shown at most.
const LONGEST_REASON: usize = 1000;

/// Subject and body of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// One line.
    pub subject: String,
    pub body: String,
}

impl Text {
    /// Tells that `delivery` is this occasion; with links to the service at `base_url`.
    pub(crate) fn of(delivery: &Delivery, occasion: Occasion, base_url: Option<&str>) -> Self {
        let headline = headline(delivery, occasion);
        let mut body = format!("{headline}\n\n");
        for (name, value) in details(delivery) {
            // Writing to a text cannot fail.
            let _ = writeln!(body, "{:<10}{value}", format!("{name}:"));
        }
        if let Some(base_url) = base_url {
            let _ = write!(body, "\n{base_url}{}\n", path(delivery));
        }
        if occasion == Occasion::Failure {
            body += "\nThere will be no other mail until this gets worse or the job works again.\n";
        }
        Self {
            subject: format!("[stock-scheduler] {headline}"),
            body,
        }
    }
}

fn headline(delivery: &Delivery, occasion: Occasion) -> String {
    let name = job_name(delivery);
    match &delivery.event.kind {
        EventKind::JobFinished {
            fetched, failed, ..
        } => {
            let all = fetched + failed;
            let symbols = if all == 1 { "symbol" } else { "symbols" };
            match occasion {
                Occasion::Recovery => format!("\"{name}\" works again: {all} {symbols}"),
                _ => format!("\"{name}\" failed: {failed} of {all} {symbols}"),
            }
        }
        EventKind::FireMissed { scheduled_for, .. } => {
            format!("\"{name}\" missed: {}", shown(*scheduled_for, delivery))
        }
        other => format!("\"{name}\": {}", other.name()),
    }
}

/// Names and values, in the order in which they are shown.
fn details(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let event = &delivery.event;
    let at = |at: DateTime<Utc>| shown(at, delivery);
    let mut details = vec![("Job", format!("{} ({})", job_name(delivery), event.job))];
    match &event.kind {
        EventKind::JobFinished {
            execution_id,
            status,
            fetched,
            failed,
            duration_seconds,
            next_run,
        } => details.extend([
            ("Run", execution_id.to_string()),
            ("Status", status.as_str().to_owned()),
            ("Stored", fetched.to_string()),
            ("Failed", failed.to_string()),
            ("Took", format!("{duration_seconds:.1} s")),
            ("Ended", at(event.at)),
            ("Next", next_run.map_or("never".to_owned(), at)),
        ]),
        EventKind::FireMissed {
            scheduled_for,
            reason,
        } => details.extend([
            ("Due", at(*scheduled_for)),
            ("Reason", one_line(reason, LONGEST_REASON)),
            ("Noticed", at(event.at)),
        ]),
        _ => {}
    }
    details
}

/// Where the service tells more.
fn path(delivery: &Delivery) -> String {
    match &delivery.event.kind {
        EventKind::JobFinished { execution_id, .. } => {
            format!("/scheduler/executions/{execution_id}")
        }
        _ => format!("/scheduler/jobs/{}/fires", delivery.event.job),
    }
}

/// What people call the job, or its id where it is gone.
fn job_name(delivery: &Delivery) -> String {
    let name = delivery.job.as_ref().map(|job| job.name.as_str());
    one_line(name.unwrap_or(delivery.event.job.as_str()), LONGEST_NAME)
}

/// A time by the job's clock, or in UTC.
fn shown(at: DateTime<Utc>, delivery: &Delivery) -> String {
    match delivery.job.as_ref().and_then(|job| job.timezone) {
        Some(zone) => written(at.with_timezone(&zone)),
        None => written(at),
    }
}

fn written<Zone: TimeZone<Offset: Display>>(at: DateTime<Zone>) -> String {
    at.format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `text` in one line of at most `most` characters, with blanks for what is no text.
fn one_line(text: &str, most: usize) -> String {
    let is_blank = |c: char| c.is_whitespace() || c.is_control() || turns_text(c);
    let words = text.split(is_blank).filter(|word| !word.is_empty());
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Whether `c` makes what follows it run the other way, so that something else is read than was written.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use stock_scheduler_sdk::{Event, EventId, Job, JobId, RunId, RunStatus};

    use super::*;

    fn delivery(kind: EventKind) -> Delivery {
        let at = "2025-06-15T15:06:40.123Z".parse().unwrap();
        let id: JobId = "0197a0e0-0000-7000-8000-000000000001".parse().unwrap();
        let mut job = Job::new(id.clone(), "Nightly", vec![], serde_json::json!({}), at);
        job.timezone = Some("America/New_York".parse().unwrap());
        let event = Event {
            id: EventId {
                ms: 1_750_000_000_123,
                seq: 4,
            },
            at,
            job: id,
            kind,
        };
        Delivery::new(event).with_job(Arc::new(job))
    }

    /// The end of a run of 500 symbols.
    pub(crate) fn finished(status: RunStatus) -> Delivery {
        let failed = match status {
            RunStatus::PartialSuccess => 3,
            RunStatus::Failed => 500,
            RunStatus::Running | RunStatus::Success => 0,
        };
        delivery(EventKind::JobFinished {
            execution_id: "0197a0e0-0000-7000-8000-000000000002"
                .parse::<RunId>()
                .unwrap(),
            status,
            fetched: 500 - failed,
            failed,
            duration_seconds: 12.54,
            next_run: Some("2025-06-16T15:00:00Z".parse().unwrap()),
        })
    }

    pub(crate) fn missed() -> Delivery {
        delivery(EventKind::FireMissed {
            scheduled_for: "2025-06-15T15:00:00Z".parse().unwrap(),
            reason: "the service was down\nfor a while".into(),
        })
    }

    #[test]
    fn a_failure_says_what_failed_and_where_to_read_more() {
        let text = Text::of(
            &finished(RunStatus::PartialSuccess),
            Occasion::Failure,
            Some("https://sched.example.com"),
        );

        assert_eq!(
            text.subject,
            "[stock-scheduler] \"Nightly\" failed: 3 of 500 symbols"
        );
        assert_eq!(
            text.body,
            "\"Nightly\" failed: 3 of 500 symbols

Job:      Nightly (0197a0e0-0000-7000-8000-000000000001)
Run:      0197a0e0-0000-7000-8000-000000000002
Status:   partial_success
Stored:   497
Failed:   3
Took:     12.5 s
Ended:    2025-06-15 11:06:40 EDT
Next:     2025-06-16 11:00:00 EDT

https://sched.example.com/scheduler/executions/0197a0e0-0000-7000-8000-000000000002

There will be no other mail until this gets worse or the job works again.
"
        );
    }

    #[test]
    fn recoveries_and_missed_fires_have_their_own_words() {
        let recovery = Text::of(&finished(RunStatus::Success), Occasion::Recovery, None);
        let missed = Text::of(&missed(), Occasion::Missed, Some("https://x"));

        assert_eq!(
            recovery.subject,
            "[stock-scheduler] \"Nightly\" works again: 500 symbols"
        );
        assert!(!recovery.body.contains("http"));
        assert_eq!(
            missed.subject,
            "[stock-scheduler] \"Nightly\" missed: 2025-06-15 11:00:00 EDT"
        );
        assert!(
            missed
                .body
                .contains("\nReason:   the service was down for a while\n")
        );
        assert!(
            missed.body.ends_with(
                "\nhttps://x/scheduler/jobs/0197a0e0-0000-7000-8000-000000000001/fires\n"
            )
        );
    }

    #[test]
    fn a_job_that_is_gone_is_called_by_its_id_and_utc_is_its_clock() {
        let mut delivery = missed();
        delivery.job = None;

        let text = Text::of(&delivery, Occasion::Missed, None);

        assert_eq!(
            text.subject,
            "[stock-scheduler] \"0197a0e0-0000-7000-8000-000000000001\" missed: 2025-06-15 15:00:00 UTC"
        );
    }

    #[test]
    fn what_is_shown_of_a_text_is_one_line() {
        for (text, line) in [
            ("Nightly", "Nightly"),
            (
                " a\r\nBcc: b@example.com\t\u{0}c ",
                "a Bcc: b@example.com c",
            ),
            ("a\u{2028}b\u{85}c\u{202e}d\u{7f}", "a b c d"),
            ("Nächtlich 日本", "Nächtlich 日本"),
            ("ääääää", "äääää…"),
            ("", ""),
        ] {
            let most = if text.starts_with("ää") { 5 } else { 100 };
            assert_eq!(one_line(text, most), line, "{text:?}");
        }
    }
}

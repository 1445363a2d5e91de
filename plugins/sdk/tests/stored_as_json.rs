//! What a store is asked to write reads back from its JSON, so that a store may keep the questions themselves.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests end in a panic as the tests themselves do"
)]

use std::fmt::Debug;

use chrono::{DateTime, NaiveDate};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use stock_scheduler_sdk::{
    Advance, Bar, Claim, Edit, EditKind, Fire, FireState, Grant, Interval, Job, JobId, NewRun,
    NextFire, Overlap, RequestId, RunId, RunPlan, Series, SymbolOutcome, SymbolResult, TakeOver,
    TriggeredBy, Window,
};

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(written: T) {
    let text = serde_json::to_string(&written).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), written, "{text}");
}

fn job() -> Job {
    let schedule = json!({"kind": "daily", "time": "17:00"});
    let symbols = vec!["AAPL".parse().unwrap()];
    Job::new(
        JobId::random(),
        "Tech",
        symbols,
        schedule,
        DateTime::UNIX_EPOCH,
    )
}

fn new_run() -> NewRun {
    let start = NaiveDate::from_ymd_opt(2025, 6, 2).unwrap();
    NewRun {
        id: RunId::random(),
        fire_time: Some("2025-06-02T21:00:00.123456789Z".parse().unwrap()),
        triggered_by: TriggeredBy::SchedulerAuto,
        plan: RunPlan::of(&job(), Window { start, end: start }),
        overlap: Overlap::Queue,
    }
}

#[test]
fn a_claim_reads_back() {
    let at = DateTime::UNIX_EPOCH;
    for to in [
        NextFire::At(at),
        NextFire::Unknown { look_again: at },
        NextFire::Never,
    ] {
        let passed = vec![Fire::passed(at, FireState::Missed, "down")];
        reads_back(Claim {
            job: JobId::random(),
            revision: 3,
            advance: Some(Advance {
                from: NextFire::At(at),
                to,
                passed,
            }),
            run: Some(new_run()),
        });
    }
}

#[test]
fn an_edit_reads_back() {
    for next in [None, Some(NextFire::Never)] {
        reads_back(Edit {
            request: RequestId::random(),
            expected: 1,
            job: job(),
            next,
            kind: EditKind::Deactivated,
        });
    }
}

#[test]
fn what_is_recorded_reads_back() {
    let symbol: stock_scheduler_sdk::Symbol = "AAPL".parse().unwrap();
    let mut series = Series::new(symbol.clone(), Interval::Day, chrono_tz::Tz::Asia__Tokyo);
    series.bars = vec![Bar {
        close: Some(0.1 + 0.2),
        ..Bar::default()
    }];
    let failed = SymbolOutcome::Failed {
        kind: "no_data".into(),
        message: "nothing".into(),
    };
    for outcome in [SymbolOutcome::Fetched(series.into()), failed] {
        reads_back(SymbolResult {
            symbol: symbol.clone(),
            attempts: 2,
            outcome,
        });
    }
    reads_back(Grant {
        job: JobId::random(),
        run: RunId::random(),
        token: 7,
        attempt: 1,
        started_at: DateTime::UNIX_EPOCH,
    });
    reads_back(TakeOver::Orphaned);
}

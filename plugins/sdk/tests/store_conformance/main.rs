//! The suite of store laws accepts the memory store, and rejects each store that breaks one law by that law's name.

mod faults_of_claims;
mod faults_of_jobs;
mod faults_of_readers;
mod faults_of_runs;
mod faulty;

use std::sync::Arc;

use faults_of_claims::*;
use faults_of_jobs::*;
use faults_of_readers::*;
use faults_of_runs::*;
use faulty::{Fault, Faulty};
use stock_scheduler_sdk::conformance::Broken;
use stock_scheduler_sdk::conformance::store::{StoreUnderTest, check, laws};
use stock_scheduler_sdk::{ManualClock, MemoryStore, Store};

fn memory() -> (Arc<MemoryStore>, Arc<ManualClock>) {
    let now = "2025-03-03T21:59:30.25Z".parse().expect("a time");
    let clock = Arc::new(ManualClock::new(now));
    (Arc::new(MemoryStore::new(clock.clone())), clock)
}

#[tokio::test]
async fn the_memory_store_keeps_every_law() {
    let fresh = || async {
        let (store, clock) = memory();
        StoreUnderTest::with_clock(store, clock)
    };

    assert_eq!(check(fresh).await, Ok(()));
}

/// Checks a store with this fault.
async fn with<F: Fault>(fault: impl Fn() -> F) -> Result<(), Broken> {
    let fresh = || async {
        let (inner, clock) = memory();
        let fault = fault();
        StoreUnderTest::with_clock(Arc::new(Faulty { inner, fault }), clock)
    };
    check(fresh).await
}

/// Checks a store that has this fault after a crash.
async fn after_crash<F: Fault>(fault: fn() -> F) -> Result<(), Broken> {
    let fresh = || async {
        let (inner, clock) = memory();
        let again = inner.clone();
        StoreUnderTest::with_clock(inner, clock).reopened_by(move || async move {
            let (inner, fault) = (again, fault());
            Arc::new(Faulty { inner, fault }) as Arc<dyn Store>
        })
    };
    check(fresh).await
}

macro_rules! rejections {
    ($($how:ident $name:ident: $fault:expr => $law:literal,)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            let broken = $how($fault).await.expect_err("a broken store is rejected");
            assert_eq!(broken.law, $law, "{broken}");
        })+

        #[test]
        fn every_law_has_a_store_that_breaks_it() {
            let tried = [$($law),+];
            for law in laws() {
                assert!(tried.contains(&law), "no store breaks {law:?}");
            }
        }
    };
}

rejections! {
    with taking_any_id_for_the_same_job: || AcceptsTakenIds => "a job is created once",
    with writing_over_a_newer_revision: || AcceptsStaleRevisions => "stale changes nothing",
    with dropping_the_next_fire_on_edit: || ForgetsTheNextFire => "an edit keeps what happened",
    with not_knowing_an_edit_again: || ForgetsRequests => "a repeated edit has the effect of once",
    with creating_under_a_deleted_id: || RevivesDeletedIds => "a deleted id stays deleted",
    with listing_by_id: || ListsById => "jobs are in the order of creation",
    with giving_the_page_as_total: || CountsThePage => "filters hold and totals are exact",
    with counting_paused_jobs_as_active: || CountsPausedAsActive => "counts are exact",
    with hiding_a_job_to_be_worked_out: || HidesWhatIsToBeWorkedOut => "due is found",
    with offering_the_latest_first: || OffersTheLatestFirst => "due is in order",
    with granting_a_fire_twice: || GrantsTwice => "one run a fire",
    with granting_a_fire_early: || FiresEarly => "a refused claim changes nothing",
    with refusing_a_claim_again: RefusesRepeatedClaims::default => "a repeated claim is the same run",
    with keeping_the_token_on_takeover: || KeepsTheTokenOnTakeover => "tokens grow",
    with running_overlapping_fires: || RunsFiresSideBySide => "overlap is skipped or allowed",
    with skipping_what_should_wait: || SkipsWhatShouldWait => "a queued fire waits for the run before it",
    with counting_one_fire_only: || CountsOneFireOnly => "fires are counted",
    with moving_only_what_is_due: || MovesOnlyWhatIsDue => "a schedule may move before its time",
    with forgetting_passed_fires: || ForgetsPassedFires => "passed fires are recorded",
    with firing_before_the_last_fire: || ForgetsTheLastFire => "the last fire never goes back",
    with refusing_to_run_paused_jobs: || NeverRunsPausedJobs => "a run by hand leaves the schedule alone",
    with writing_under_an_old_token: || IgnoresTheFence => "the fence decides",
    with fencing_by_job: FencesByJob::default => "runs of one job do not fence each other off",
    with recording_for_deleted_jobs: || RecordsForDeletedJobs => "deletion ends and fences off runs",
    with recording_half: || RecordsHalf => "a record is applied whole",
    with writing_marked_symbols_again: || WritesMarkedSymbolsAgain => "a repeated record has the effect of once",
    with ending_again: || EndsAgain => "a run ends once",
    with storing_failures: StoresFailures::default => "a failed symbol stores nothing",
    with keeping_every_window: || KeepsEveryWindow => "only the windows to keep are kept",
    with showing_no_latest_run: || ShowsNoLatestRun => "a job shows its latest run",
    with taking_from_the_living: || TakesFromTheLiving => "a living host is respected",
    with leases_that_never_end: || LeasesNeverEnd => "a dead host's runs can be taken over",
    with ignoring_retirement: || IgnoresRetirement => "a retired host's runs are orphans",
    with telling_of_a_start_when_cancelling: || TellsOfCancelling => "a run to cancel is taken from anybody",
    with answering_the_oldest_runs_first: || OldestRunsFirst => "runs are newest first",
    with including_the_fire_at_the_end: || FiresUntilAndIncluding => "fires are newest first",
    with cutting_long_texts: || CutsLongTexts => "a dataset is the rendered text",
    with listing_the_last_keys_first: || LastKeysFirst => "datasets are ordered by key",
    with answering_the_first_window_as_latest: || FirstIsLatest => "the latest window is found",
    with shuffling_events: || ShufflesEvents => "the log is in order",
    with skipping_events: || SkipsAnEventOnShortPages => "the log can be resumed",
    with sleeping_through_events: || SleepsThroughEvents => "a listener is woken",
    with writing_over_documents: || WritesOverDocuments => "records compare and set",
    with documents_that_never_end: || DocumentsNeverEnd => "records end in time",
    with scanning_from_the_start: || ScansFromTheStart => "records are scanned in order",
    after_crash forgetting_orphans: || ForgetsOrphans => "a crash is cured by taking over",
    after_crash forgetting_documents: || ForgetsDocuments => "what was acknowledged survives",
}

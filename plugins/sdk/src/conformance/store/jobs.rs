//! Laws of definitions: created once, edited by revision, deleted for good.

use futures_util::future::join_all;

use super::stage::{Checked, Stage, by_hand, fails, fire, job, poll, same, that};
use crate::StoreErrorKind::{Conflict, NotFound};
use crate::{
    Claimed, Edit, EditKind, EventKind, HostId, Job, JobId, JobQuery, NextFire, Refusal, RequestId,
    StoredJob,
};

pub(super) async fn created_once(stage: Stage) -> Checked {
    let store = &stage.store;
    let next = NextFire::At(stage.in_seconds(3_600).await?);
    let wanted = Job {
        revision: 7,
        ..job("Tech")
    };

    let stored = store.create(wanted.clone(), next.clone()).await?;

    let first = Job {
        revision: 1,
        ..wanted.clone()
    };
    same("a new job", &stored.job, &first)?;
    same("the next fire of a new job", &stored.state.next, &next)?;
    same("the last fire of a new job", stored.state.last_fire, None)?;
    same(
        "a new job read back",
        &stage.read(&first.id).await?,
        &stored,
    )?;
    let again = store.create(wanted.clone(), next.clone()).await?;
    same("the answer to creating the same job again", &again, &stored)?;
    let other = Job {
        name: "Other".into(),
        ..wanted
    };
    fails(
        "creating another job under that id",
        store.create(other, next).await,
        Conflict,
    )?;
    same("the job after that", &stage.read(&first.id).await?, &stored)?;
    same("the events of it all", stage.told().await?, ["JobCreated"])
}

fn renamed(stored: &StoredJob, name: &str) -> Edit {
    Edit {
        request: RequestId::random(),
        expected: stored.job.revision,
        job: Job {
            name: name.into(),
            ..stored.job.clone()
        },
        next: None,
        kind: EditKind::Updated,
    }
}

pub(super) async fn stale_changes_nothing(stage: Stage) -> Checked {
    let store = &stage.store;
    let stored = stage.due_job("Tech").await?;
    let id = &stored.job.id;

    let names: Vec<String> = (0..8).map(|n| format!("Tech {n}")).collect();
    let edits = names.iter().map(|name| store.edit(renamed(&stored, name)));
    let answers = join_all(edits).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    same(
        "how many of eight edits of one revision are made",
        won.len(),
        1,
    )?;
    for answer in lost {
        fails(
            "an edit of a revision that is no longer stored",
            answer,
            Conflict,
        )?;
    }
    let edited = stage.read(id).await?;
    same("the revision after one edit", edited.job.revision, 2)?;
    let deletion = store.delete(id, Some(1), RequestId::random()).await;
    fails(
        "a deletion of a revision that is no longer stored",
        deletion,
        Conflict,
    )?;
    let ahead = store
        .edit(Edit {
            expected: 3,
            ..renamed(&edited, "Ahead")
        })
        .await;
    fails(
        "an edit of a revision that is not stored yet",
        ahead,
        Conflict,
    )?;
    same(
        "the job after all that was refused",
        stage.read(id).await?,
        edited,
    )?;
    same(
        "the events",
        stage.told().await?,
        ["JobCreated", "JobUpdated"],
    )
}

pub(super) async fn edit_keeps_what_happened(stage: Stage) -> Checked {
    let store = &stage.store;
    let (stored, _) = stage.started(stage.host().await?).await?;
    let id = &stored.job.id;
    let before = stage.read(id).await?;
    let mark = stage.end_of_log().await?;

    let updated = store.edit(renamed(&before, "Renamed")).await?;
    let stop = Edit {
        job: Job {
            active: false,
            ..updated.job.clone()
        },
        next: Some(NextFire::Never),
        kind: EditKind::Deactivated,
        ..renamed(&updated, "")
    };
    let stopped = store.edit(stop).await?;
    let next = NextFire::At(stage.in_seconds(3_600).await?);
    let start = Edit {
        job: Job {
            active: true,
            ..stopped.job.clone()
        },
        next: Some(next.clone()),
        kind: EditKind::Activated,
        ..renamed(&stopped, "")
    };
    let started = store.edit(start).await?;

    same(
        "the name after an edit",
        updated.job.name.as_str(),
        "Renamed",
    )?;
    same(
        "the state after an edit that leaves the next fire",
        &updated.state,
        &before.state,
    )?;
    same(
        "the next fire of a stopped job",
        &stopped.state.next,
        &NextFire::Never,
    )?;
    same("the next fire of a started job", &started.state.next, &next)?;
    same(
        "the last fire after edits",
        started.state.last_fire,
        before.state.last_fire,
    )?;
    same("the runs under way after edits", started.state.running, 1)?;
    same("the revision after three edits", started.job.revision, 4)?;
    same("the job read back", &stage.read(id).await?, &started)?;
    let job_name = String::from("Renamed");
    let kinds: Vec<_> = stage
        .events_after(mark)
        .await?
        .into_iter()
        .map(|e| e.kind)
        .collect();
    let expected = [
        EventKind::JobUpdated {
            job_name: job_name.clone(),
            revision: 2,
        },
        EventKind::JobDeactivated {
            job_name: job_name.clone(),
            revision: 3,
        },
        EventKind::JobActivated {
            job_name,
            revision: 4,
        },
    ];
    same("the events of the edits", kinds, expected)?;
    let unknown = Edit {
        job: job("Unknown"),
        ..renamed(&started, "")
    };
    fails(
        "an edit of a job that is not there",
        store.edit(unknown).await,
        NotFound,
    )
}

pub(super) async fn repeated_edit(stage: Stage) -> Checked {
    let store = &stage.store;
    let stored = stage.due_job("Tech").await?;
    let edit = renamed(&stored, "Renamed");

    let first = store.edit(edit.clone()).await?;
    let second = store.edit(edit.clone()).await?;

    same("the answer to the same edit again", &second, &first)?;
    same(
        "the job after it",
        &stage.read(&stored.job.id).await?,
        &first,
    )?;
    same(
        "the events",
        stage.told().await?,
        ["JobCreated", "JobUpdated"],
    )?;
    store.edit(renamed(&first, "Renamed again")).await?;
    fails(
        "the first edit again, after another",
        store.edit(edit).await,
        Conflict,
    )
}

pub(super) async fn deleted_stays_deleted(stage: Stage) -> Checked {
    let store = &stage.store;
    let stored = stage.due_job("Tech").await?;
    let (id, request) = (&stored.job.id, RequestId::random());

    store.delete(id, Some(1), request).await?;

    let nobody = JobId::random();
    let found = store.jobs(&[id.clone(), nobody.clone()]).await?;
    same("a deleted and an unknown job", found, [None, None])?;
    let listed = store
        .list(&JobQuery {
            limit: 10,
            ..JobQuery::default()
        })
        .await?;
    that(listed.jobs.is_empty(), "a deleted job is not listed")?;
    same("the total after a deletion", store.counts().await?.total, 0)?;
    let host = HostId::random();
    let agenda = store
        .poll(&poll(host, std::time::Duration::from_secs(60)))
        .await?;
    that(agenda.due.is_empty(), "a deleted job is not due")?;
    for claim in [fire(&stored), by_hand(&stored)] {
        let claimed = stage.claim(host, claim).await?;
        same(
            "a claim of a deleted job",
            claimed,
            Claimed::Refused(Refusal::Gone),
        )?;
    }
    let again = store.create(stored.job.clone(), NextFire::Never).await;
    fails("creating a job under a deleted id", again, Conflict)?;
    let edited = store.edit(renamed(&stored, "Renamed")).await;
    fails("an edit of a deleted job", edited, NotFound)?;
    same(
        "the same deletion again",
        store.delete(id, Some(1), request).await.is_ok(),
        true,
    )?;
    for (what, id) in [("a deleted", id), ("an unknown", &nobody)] {
        let deletion = store.delete(id, None, RequestId::random()).await;
        fails(
            &format!("another deletion of {what} job"),
            deletion,
            NotFound,
        )?;
    }
    same(
        "the events",
        stage.told().await?,
        ["JobCreated", "JobDeleted"],
    )
}

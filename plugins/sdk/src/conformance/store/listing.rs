//! Laws of finding jobs: order, pages, filters, totals and counts.

use std::collections::BTreeMap;

use super::stage::{Checked, Detail, Stage, failed, fetched, fire, job, plan, same, symbol};
use crate::{
    Edit, EditKind, Job, JobQuery, JobStatus, NextFire, RequestId, RunStatus, SymbolResult,
};

impl Stage {
    /// The names of all jobs that `query` describes, page by page.
    async fn names(&self, query: &JobQuery) -> Result<Vec<String>, Detail> {
        let mut names = Vec::new();
        let mut query = query.clone();
        for _ in 0..100 {
            let page = self.store.list(&query).await?;
            if page.jobs.len() > query.limit {
                return Err(Detail(format!(
                    "a page of {} has {} jobs",
                    query.limit,
                    page.jobs.len()
                )));
            }
            names.extend(page.jobs.into_iter().map(|stored| stored.job.name));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(names),
            }
        }
        Err(Detail("the pages of a list do not end".into()))
    }

    /// Creates a job and carries a run of it out.
    async fn ran(
        &self,
        name: &str,
        results: Vec<SymbolResult>,
        end: Option<RunStatus>,
    ) -> Result<(), Detail> {
        let stored = self.due_job(name).await?;
        let grant = self.granted(self.host().await?, fire(&stored)).await?;
        Ok(self
            .store
            .record(&grant, &plan(&stored), results, end)
            .await?)
    }
}

pub(super) async fn order_of_creation(stage: Stage) -> Checked {
    let store = &stage.store;
    let names = ["m", "c", "z", "a", "0", "k", "B"];
    let mut ids = Vec::new();
    for name in names {
        let named = Job {
            id: name.parse().expect("a letter is an id"),
            ..job(name)
        };
        ids.push(store.create(named, NextFire::Never).await?.job.id);
    }
    let second = stage.read(&ids[1]).await?;
    let edit = Edit {
        request: RequestId::random(),
        expected: 1,
        job: Job {
            active: false,
            ..second.job
        },
        next: None,
        kind: EditKind::Deactivated,
    };
    store.edit(edit).await?;
    store.delete(&ids[2], None, RequestId::random()).await?;

    for limit in [1, 2, 5, 6, 100] {
        let query = JobQuery {
            limit,
            ..JobQuery::default()
        };
        let listed = stage.names(&query).await?;
        same(
            &format!("all jobs, {limit} a page"),
            listed,
            ["m", "c", "a", "0", "k", "B"],
        )?;
        let active = JobQuery {
            active: Some(true),
            ..query
        };
        let listed = stage.names(&active).await?;
        same(
            &format!("active jobs, {limit} a page"),
            listed,
            ["m", "a", "0", "k", "B"],
        )?;
    }
    let asked = [ids[3].clone(), ids[2].clone(), ids[0].clone()];
    let found = store.jobs(&asked).await?;
    let found: Vec<_> = found
        .iter()
        .map(|job| job.as_ref().map(|job| job.job.id.as_str()))
        .collect();
    same(
        "jobs by their ids, each in its place",
        found,
        [Some("a"), None, Some("m")],
    )
}

/// Creates one job of each status and two that wait.
async fn one_of_each(stage: &Stage) -> Checked {
    let store = &stage.store;
    let tags = |tags: &[&str]| tags.iter().map(ToString::to_string).collect();
    let far = NextFire::At(stage.in_seconds(7_200).await?);
    let near = NextFire::At(stage.in_seconds(3_600).await?);
    let look_again = stage.in_seconds(60).await?;
    let giants = Job {
        tags: tags(&["x"]),
        ..job("Tech giants")
    };
    let stopped = Job {
        tags: tags(&["x", "y"]),
        symbols: vec![symbol("rds.a")],
        active: false,
        ..job("Stopped")
    };
    let small = Job {
        tags: tags(&["y"]),
        ..job("small TECH")
    };
    store.create(giants, far).await?;
    store.create(stopped, NextFire::Never).await?;
    store.create(small, near).await?;
    stage
        .ran(
            "Done",
            vec![fetched("AAPL", 1.0), failed("brk-b")],
            Some(RunStatus::PartialSuccess),
        )
        .await?;
    stage
        .ran(
            "Lost",
            vec![failed("AAPL"), failed("brk-b")],
            Some(RunStatus::Failed),
        )
        .await?;
    stage.ran("Busy", vec![fetched("AAPL", 1.0)], None).await?;
    let waiting = NextFire::Unknown { look_again };
    store
        .create(
            Job {
                symbols: vec![symbol("TSLA")],
                ..job("Open")
            },
            waiting,
        )
        .await?;
    Ok(())
}

pub(super) async fn filters_and_totals(stage: Stage) -> Checked {
    one_of_each(&stage).await?;
    let all = JobQuery::default;
    let active = |active| JobQuery {
        active: Some(active),
        ..all()
    };
    let status = |status| JobQuery {
        status: Some(status),
        ..all()
    };
    let tag = |tag: &str| JobQuery {
        tag: Some(tag.into()),
        ..all()
    };
    let held = |symbol: &str| JobQuery {
        symbol: Some(symbol.into()),
        ..all()
    };
    let text = |text: &str| JobQuery {
        text: Some(text.into()),
        ..all()
    };

    let expectations: [(JobQuery, &[&str]); 19] = [
        (
            all(),
            &[
                "Tech giants",
                "Stopped",
                "small TECH",
                "Done",
                "Lost",
                "Busy",
                "Open",
            ],
        ),
        (
            active(true),
            &["Tech giants", "small TECH", "Done", "Lost", "Busy", "Open"],
        ),
        (active(false), &["Stopped"]),
        (
            status(JobStatus::Pending),
            &["Tech giants", "small TECH", "Open"],
        ),
        (status(JobStatus::Running), &["Busy"]),
        (status(JobStatus::Completed), &["Done"]),
        (status(JobStatus::Failed), &["Lost"]),
        (status(JobStatus::Paused), &["Stopped"]),
        (tag("x"), &["Tech giants", "Stopped"]),
        (tag("y"), &["Stopped", "small TECH"]),
        (tag("z"), &[]),
        (
            JobQuery {
                active: Some(true),
                ..tag("y")
            },
            &["small TECH"],
        ),
        (
            JobQuery {
                status: Some(JobStatus::Paused),
                ..tag("x")
            },
            &["Stopped"],
        ),
        (
            JobQuery {
                status: Some(JobStatus::Paused),
                ..active(true)
            },
            &[],
        ),
        (
            held("BRK-B"),
            &["Tech giants", "small TECH", "Done", "Lost", "Busy"],
        ),
        (held("BRK"), &[]),
        (text("tech"), &["Tech giants", "small TECH"]),
        (text("S.a"), &["Stopped"]),
        (
            JobQuery {
                active: Some(true),
                ..text("TSL")
            },
            &["Open"],
        ),
    ];
    for (query, expected) in expectations {
        for limit in [2, 100] {
            let query = JobQuery {
                limit,
                ..query.clone()
            };
            same(
                &format!("the jobs of {query:?}"),
                stage.names(&query).await?,
                expected,
            )?;
            let total = stage.store.list(&query).await?.total;
            if query.is_indexed() {
                same(
                    &format!("the total of {query:?}"),
                    total,
                    Some(expected.len() as u64),
                )?;
            }
        }
    }
    Ok(())
}

pub(super) async fn counts(stage: Stage) -> Checked {
    let empty = stage.store.counts().await?;
    same(
        "the jobs of an empty store",
        (empty.total, empty.active, empty.running),
        (0, 0, 0),
    )?;
    same("the next fire of an empty store", empty.next_fire, None)?;

    one_of_each(&stage).await?;

    let counts = stage.store.counts().await?;
    let ones = [
        JobStatus::Running,
        JobStatus::Completed,
        JobStatus::Failed,
        JobStatus::Paused,
    ];
    let mut by_status = BTreeMap::from(ones.map(|status| (status, 1)));
    by_status.insert(JobStatus::Pending, 3);
    let counted: BTreeMap<_, _> = counts
        .by_status
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .collect();
    same("jobs by status", counted, by_status)?;
    same(
        "all jobs, active jobs",
        (counts.total, counts.active),
        (7, 6),
    )?;
    same("runs under way", counts.running, 1)?;
    let small = JobQuery {
        text: Some("small".into()),
        limit: 10,
        ..JobQuery::default()
    };
    let page = stage.store.list(&small).await?;
    let expected = page
        .jobs
        .first()
        .map(|stored| (stored.job.id.clone(), stored.state.next.at()));
    let next_fire = counts.next_fire.map(|(id, at)| (id, Some(at)));
    same("the next fire of all", next_fire, expected)
}

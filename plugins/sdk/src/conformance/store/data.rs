//! Laws of the stored data: the text as rendered, found by key, prefix, symbol and date.

use super::stage::{
    Checked, Detail, Stage, fetched, january, job, plan, same, series, symbol, that,
};
use crate::{
    DataKey, DatasetQuery, Job, JobId, NextFire, RunPlan, RunStatus, SymbolOutcome, SymbolResult,
    Window, records,
};

impl Stage {
    /// Stores one window by a run of a job of its own.
    async fn stored(
        &self,
        prefix: &str,
        name: &str,
        window: Window,
        close: f64,
    ) -> Result<(JobId, DataKey), Detail> {
        let prefix = prefix.parse().expect("the suite's prefixes are right");
        let wanted = Job {
            prefix,
            symbols: vec![symbol(name)],
            ..job("Tech")
        };
        let job = self.store.create(wanted, NextFire::Never).await?;
        let plan = RunPlan {
            window,
            ..plan(&job)
        };
        let grant = self.beside(self.host().await?, &job, &plan).await?;
        let result = vec![fetched(name, close)];
        self.store
            .record(&grant, &plan, result, Some(RunStatus::Success))
            .await?;
        Ok((job.job.id, plan.key(&symbol(name))))
    }

    /// The keys of all windows that `query` describes, page by page.
    async fn keys(&self, query: &DatasetQuery) -> Result<Vec<String>, Detail> {
        let mut keys = Vec::new();
        let mut query = query.clone();
        for _ in 0..100 {
            let page = self.store.datasets(&query).await?;
            if page.datasets.len() > query.limit {
                return Err(Detail(format!("a page of {} is longer", query.limit)));
            }
            keys.extend(
                page.datasets
                    .into_iter()
                    .map(|dataset| dataset.key.to_string()),
            );
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(keys),
            }
        }
        Err(Detail("the pages of datasets do not end".into()))
    }
}

pub(super) async fn rendered_text(stage: Stage) -> Checked {
    let store = &stage.store;
    let before = stage.second().await?;
    let (stored, grant) = stage.started(stage.host().await?).await?;
    let plan = plan(&stored);
    let mut long = series("AAPL", 0.1);
    for n in 1..300 {
        let mut bar = long.bars[0].clone();
        bar.time += chrono::TimeDelta::days(n);
        bar.close = Some(73.988_471_984_863_3 / n as f64);
        bar.open = (n % 7 > 0).then_some(1e17);
        long.bars.push(bar);
    }
    let result = SymbolResult {
        symbol: symbol("AAPL"),
        attempts: 1,
        outcome: SymbolOutcome::Fetched(long.clone().into()),
    };
    store
        .record(&grant, &plan, vec![result], Some(RunStatus::Success))
        .await?;

    let key = plan.key(&symbol("AAPL"));
    let expected = records::render(&long);
    same(
        "the stored text",
        store.dataset(&key).await?,
        Some(expected.json),
    )?;
    let missing = DataKey {
        window: january(30),
        ..key.clone()
    };
    same(
        "the text of a window that is not there",
        store.dataset(&missing).await?,
        None,
    )?;
    let page = store
        .datasets(&DatasetQuery {
            limit: 5,
            ..DatasetQuery::default()
        })
        .await?;
    let [dataset] = page.datasets.as_slice() else {
        return same("how many windows are listed", page.datasets.len(), 1);
    };
    let listed = (&dataset.key, dataset.record_count, dataset.job.as_ref());
    same(
        "the window listed",
        listed,
        (&key, Some(expected.rows as u64), Some(&stored.job.id)),
    )?;
    let now = store.now().await?;
    let is_recent = dataset
        .updated_at
        .is_some_and(|at| (before..=now).contains(&at));
    that(is_recent, "a window says when it was written")?;

    let (writer, same_key) = stage
        .stored("scheduled_stock_data", "AAPL", january(31), 7.0)
        .await?;
    same("the key of another job's window", &same_key, &key)?;
    let expected = records::render(&series("AAPL", 7.0)).json;
    same(
        "the text written over",
        store.dataset(&key).await?,
        Some(expected),
    )?;
    let page = store
        .datasets(&DatasetQuery {
            limit: 5,
            ..DatasetQuery::default()
        })
        .await?;
    let jobs: Vec<_> = page
        .datasets
        .into_iter()
        .map(|d| (d.job, d.record_count))
        .collect();
    same(
        "the last writer and its count",
        jobs,
        [(Some(writer), Some(1))],
    )
}

pub(super) async fn ordered_by_key(stage: Stage) -> Checked {
    let mut keys = Vec::new();
    for (prefix, name, last) in [
        ("b", "AAPL", 10),
        ("a", "MSFT", 10),
        ("a", "AAPL", 12),
        ("ab", "AAPL", 10),
        ("a", "aapl", 10),
        ("a", "AAPL", 10),
        ("a", "AA", 10),
    ] {
        let (_, key) = stage.stored(prefix, name, january(last), 1.0).await?;
        keys.push(key.to_string());
    }
    keys.sort();
    let of_a: Vec<_> = keys
        .iter()
        .filter(|key| key.starts_with("a:"))
        .cloned()
        .collect();
    let is_apple = |key: &&String| key.to_lowercase().contains(":aapl:");
    let apple: Vec<_> = keys.iter().filter(is_apple).cloned().collect();
    let apple_of_a: Vec<_> = of_a.iter().filter(is_apple).cloned().collect();
    let query = |prefix: Option<&str>, symbol: Option<&str>, limit| DatasetQuery {
        prefix: prefix.map(Into::into),
        symbol: symbol.map(Into::into),
        after: None,
        limit,
    };

    for limit in [1, 3, 100] {
        for (prefix, symbol, expected) in [
            (None, None, &keys),
            (Some("a"), None, &of_a),
            (None, Some("aApl"), &apple),
            (Some("a"), Some("AAPL"), &apple_of_a),
            (Some("c"), None, &Vec::new()),
        ] {
            let query = query(prefix, symbol, limit);
            same(
                &format!("the windows of {query:?}"),
                &stage.keys(&query).await?,
                expected,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn latest(stage: Stage) -> Checked {
    let store = &stage.store;
    let late = Window {
        start: january(5).end,
        end: january(12).end,
    };
    for window in [january(12), late, january(10)] {
        stage.stored("a", "AAPL", window, 1.0).await?;
    }
    stage.stored("a", "AA", january(20), 1.0).await?;
    stage.stored("ab", "AAPL", january(20), 1.0).await?;

    let latest = store.latest("a", "AAPL").await?;

    same(
        "the latest window",
        latest.map(|key| key.window),
        Some(late),
    )?;
    for (prefix, name) in [
        ("a", "aapl"),
        ("a", "A"),
        ("b", "AAPL"),
        ("", ""),
        ("a", "*"),
    ] {
        let found = store.latest(prefix, name).await?;
        same(
            &format!("the latest window of {prefix:?} {name:?}"),
            found,
            None,
        )?;
    }
    Ok(())
}

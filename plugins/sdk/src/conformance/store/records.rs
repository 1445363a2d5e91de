//! Laws of small documents: written by revision, forgotten in time, found in order.

use futures_util::future::join_all;
use serde_json::json;

use super::stage::{A_WHILE, Checked, SHORT_LEASE, Stage, fails, same};
use crate::Record;
use crate::StoreErrorKind::Conflict;

pub(super) async fn compare_and_set(stage: Stage) -> Checked {
    let store = &stage.store;
    let (one, two) = (
        json!({"n": 1, "text": "é\"\n", "list": [1.5, null]}),
        json!("two"),
    );
    let put = |key, expected, value| store.record_put("n", key, expected, value, None);
    let record = |value, revision| Some(Record { value, revision });

    same(
        "a document that is not there",
        store.record_get("n", "k").await?,
        None,
    )?;
    same(
        "the first revision",
        put("k", 0, Some(one.clone())).await?,
        1,
    )?;
    same(
        "the document",
        store.record_get("n", "k").await?,
        record(one.clone(), 1),
    )?;
    same(
        "the same key elsewhere",
        store.record_get("m", "k").await?,
        None,
    )?;
    same(
        "the same write again",
        put("k", 0, Some(one.clone())).await?,
        1,
    )?;
    fails(
        "a write over what is there as if it were not",
        put("k", 0, Some(two.clone())).await,
        Conflict,
    )?;
    fails(
        "a write of a revision to come",
        put("k", 2, Some(two.clone())).await,
        Conflict,
    )?;
    same(
        "the second revision",
        put("k", 1, Some(two.clone())).await?,
        2,
    )?;
    fails(
        "a write over a revision that has passed",
        put("k", 1, Some(one)).await,
        Conflict,
    )?;
    fails(
        "the deletion of one that has passed",
        put("k", 1, None).await,
        Conflict,
    )?;
    same(
        "the document after refusals",
        store.record_get("n", "k").await?,
        record(two, 2),
    )?;
    put("k", 2, None).await?;
    same(
        "a document that was deleted",
        store.record_get("n", "k").await?,
        None,
    )?;
    put("k", 2, None).await?;
    fails(
        "a write of a revision that was deleted",
        put("k", 2, Some(json!(3))).await,
        Conflict,
    )?;
    same(
        "the first revision after that",
        put("k", 0, Some(json!(3))).await?,
        1,
    )?;

    let writes = (0..8).map(|n| put("race", 0, Some(json!({ "writer": n }))));
    let won = join_all(writes)
        .await
        .into_iter()
        .filter(Result::is_ok)
        .count();
    same("how many of eight writers of one revision win", won, 1)
}

pub(super) async fn end_in_time(stage: Stage) -> Checked {
    let store = &stage.store;
    let put = async |key, expected, ttl| {
        let value = Some(json!(expected));
        store.record_put("n", key, expected, value, ttl).await
    };
    for key in ["ends", "renewed", "kept"] {
        put(key, 0, Some(SHORT_LEASE)).await?;
    }
    put("stays", 0, None).await?;
    put("renewed", 1, Some(SHORT_LEASE * 100)).await?;
    put("kept", 1, None).await?;
    same(
        "before the time",
        store.record_get("n", "ends").await?.is_some(),
        true,
    )?;

    stage.pass(A_WHILE).await;

    for (key, stays) in [
        ("ends", false),
        ("renewed", true),
        ("kept", true),
        ("stays", true),
    ] {
        let record = store.record_get("n", key).await?;
        same(
            &format!("whether {key:?} is there after the time"),
            record.is_some(),
            stays,
        )?;
    }
    let scanned = store.record_scan("n", "", None, 10).await?;
    let keys: Vec<_> = scanned.into_iter().map(|(key, _)| key).collect();
    same(
        "what a scan finds after the time",
        keys,
        ["kept", "renewed", "stays"],
    )?;
    same(
        "the revision of a new document after the time",
        put("ends", 0, None).await?,
        1,
    )
}

pub(super) async fn scanned(stage: Stage) -> Checked {
    let store = &stage.store;
    for key in ["b:2", "a:1", "b:10", "b:1", "c", "b", "b:*", "b%"] {
        store
            .record_put("n", key, 0, Some(json!(key)), None)
            .await?;
    }
    store
        .record_put("other", "b:3", 0, Some(json!(3)), None)
        .await?;
    store
        .record_put("nn", "b:4", 0, Some(json!(4)), None)
        .await?;

    let all = ["a:1", "b", "b%", "b:*", "b:1", "b:10", "b:2", "c"];
    for (prefix, after, limit, expected) in [
        ("", None, 100, &all[..]),
        ("b:", None, 100, &all[3..7]),
        ("b:", None, 2, &all[3..5]),
        ("b:", Some("b:1"), 100, &all[5..7]),
        ("b:", Some("b:11"), 100, &all[6..7]),
        ("b:", Some("b:2"), 100, &all[..0]),
        ("b:", Some("a"), 1, &all[3..4]),
        ("", Some("b:2"), 100, &all[7..]),
        ("b%", None, 100, &all[2..3]),
        ("x", None, 100, &all[..0]),
    ] {
        let found = store.record_scan("n", prefix, after, limit).await?;
        let keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
        same(
            &format!("{limit} keys from {prefix:?} after {after:?}"),
            keys.as_slice(),
            expected,
        )?;
        for (key, record) in found {
            same(
                "the document scanned",
                record,
                Record {
                    value: json!(key),
                    revision: 1,
                },
            )?;
        }
    }
    Ok(())
}

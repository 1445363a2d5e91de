//! When a program is started, what it sees, and how it ends.

use std::fs;
use std::time::{Duration, Instant};

use stock_scheduler_process::ProcessConfig;
use stock_scheduler_sdk::FetchErrorKind;

use crate::support::{bad, good, start, started, until};

#[tokio::test]
async fn a_program_is_started_when_it_is_needed() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    assert!(plugin.processes().is_empty());

    assert!(plugin.fetch().await.is_ok());

    assert_eq!(plugin.processes().len(), 1);
}

#[tokio::test]
async fn a_program_ends_with_its_last_handle() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let fetcher = plugin.handle.fetcher();
    plugin.handle.describe().await.unwrap();

    let mark = plugin.let_go();
    assert_eq!(mark.processes().len(), 1, "the fetcher is a handle too");
    drop(fetcher);

    until(|| mark.processes().is_empty()).await;
}

#[tokio::test]
async fn a_program_may_tidy_up_when_nobody_needs_it_any_more() {
    let Some(mut config) = bad("tidies_up") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let left = directory.path().join("left");
    config.command.push(left.to_str().unwrap().to_owned());
    let plugin = start(config);
    assert!(plugin.fetch().await.is_ok());

    let mark = plugin.let_go();

    until(|| mark.processes().is_empty()).await;
    assert_eq!(fs::read_to_string(left).unwrap(), "tidy");
}

#[tokio::test]
async fn nobody_waits_for_a_program_that_ends_with_its_last_handle() {
    let Some(plugin) = started("stubborn") else {
        return;
    };
    assert!(plugin.fetch().await.is_ok());

    let start = Instant::now();
    let mark = plugin.let_go();

    assert!(
        start.elapsed() < Duration::from_millis(50),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(mark.processes().len(), 2, "it may still end by itself");
    until(|| mark.processes().is_empty()).await;
}

#[tokio::test]
async fn the_end_of_a_program_that_nobody_holds_any_more_can_be_waited_for() {
    let Some(plugin) = started("stubborn") else {
        return;
    };
    assert!(plugin.fetch().await.is_ok());
    let weak = plugin.handle.downgrade();
    assert!(!weak.is_gone());

    let mark = plugin.let_go();
    weak.stop().await;

    mark.assert_gone();
    assert!(weak.is_gone());
}

#[tokio::test]
async fn a_program_that_others_still_use_can_be_stopped_by_who_holds_it_weakly() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();

    plugin.handle.downgrade().stop().await;

    plugin.assert_gone();
    let failure = plugin.failure().await;
    assert_eq!(failure, r#"plugin "mine" has been stopped"#);
}

#[tokio::test]
async fn a_stopped_plugin_says_so() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    plugin.handle.describe().await.unwrap();

    plugin.handle.stop().await;
    plugin.handle.stop().await;

    plugin.assert_gone();
    let failed = plugin.fetch().await.unwrap_err();
    assert_eq!(failed.kind(), FetchErrorKind::Unavailable);
    assert_eq!(failed.to_string(), r#"plugin "mine" has been stopped"#);
    assert_eq!(
        plugin.handle.describe().await.unwrap_err(),
        failed.to_string()
    );
}

#[tokio::test]
async fn what_is_under_way_fails_when_the_plugin_is_stopped() {
    let Some(plugin) = started("mute") else {
        return;
    };
    plugin.handle.describe().await.unwrap();

    let (failure, ()) = tokio::join!(plugin.failure(), async {
        until(|| plugin.handle.health().counters["calls"] == 1).await;
        plugin.handle.stop().await;
    });

    assert_eq!(failure, r#"plugin "mine" has been stopped"#);
}

#[tokio::test]
async fn a_program_that_does_not_want_to_end_is_killed_with_all_that_it_started() {
    let Some(plugin) = started("stubborn") else {
        return;
    };
    assert!(plugin.fetch().await.is_ok());
    assert_eq!(plugin.processes().len(), 2);

    let start = Instant::now();
    plugin.handle.stop().await;

    plugin.assert_gone();
    let took = start.elapsed();
    assert!(
        (Duration::from_millis(400)..Duration::from_secs(2)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_program_may_write_what_it_likes_while_it_ends() {
    let Some(plugin) = started("chatty_end") else {
        return;
    };
    assert!(plugin.fetch().await.is_ok());

    let start = Instant::now();
    plugin.handle.stop().await;

    plugin.assert_gone();
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_program_sees_no_variables_but_those_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = ProcessConfig::new(["sh", "-c", "env > seen; pwd >> seen"]);
    config.directory = Some(directory.path().to_owned());
    config.environment = vec!["PATH".to_owned(), "NO_SUCH_VARIABLE".to_owned()];
    config
        .set
        .insert("GREETING".to_owned(), "hello = there".to_owned());
    let plugin = start(config);

    plugin.handle.describe().await.unwrap_err();

    let seen = fs::read_to_string(directory.path().join("seen")).unwrap();
    let mut names: Vec<_> = seen
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    // The shell adds some of its own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["GREETING", "PATH", "PLUGIN_MARK"]);
    assert!(seen.contains("GREETING=hello = there\n"));
    assert!(seen.ends_with(&format!(
        "{}\n",
        directory.path().canonicalize().unwrap().display()
    )));
}

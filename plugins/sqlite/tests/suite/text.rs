//! Stored bars give exactly the text that their series gives.

use stock_scheduler_sdk::{
    ActionKind, Bar, CorporateAction, DataStore, Finality, Interval, Series, records,
};

use crate::support::{Home, fetched, job, ran, series, symbol};

async fn stored_text(home: &Home, series: Series) -> String {
    let store = home.open();
    let plan = ran(
        &store,
        job("Tech", &[series.symbol.as_str()]),
        vec![fetched(series.clone())],
    )
    .await;
    drop(store);
    let text = home
        .open()
        .dataset(&plan.key(&series.symbol))
        .await
        .unwrap();
    text.expect("the window is there")
}

/// Prices that a careless store would change.
const PRICES: [Option<f64>; 14] = [
    None,
    Some(0.1 + 0.2),
    Some(73.988_471_984_863_3),
    Some(f64::MAX),
    Some(f64::MIN_POSITIVE),
    Some(5e-324),
    Some(-0.0),
    Some(0.0),
    Some(1e15),
    Some(9_007_199_254_740_993.0),
    Some(-1e-12),
    Some(f64::INFINITY),
    Some(f64::NAN),
    Some(1e17),
];

/// A series with each of these prices beside each other.
fn odd_series(prices: &[Option<f64>]) -> Series {
    let count = prices.len();
    let mut long = series("AAPL", "2025-01-02", &vec![1.0; count * count]);
    for (n, bar) in long.bars.iter_mut().enumerate() {
        bar.adj_close = prices[n % count];
        bar.close = prices[n / count];
        bar.open = prices[(n + 1) % count];
        bar.high = prices[(n + 5) % count];
    }
    long
}

#[tokio::test]
async fn every_price_is_kept_to_its_last_bit() {
    let long = odd_series(&PRICES);

    let text = stored_text(&Home::new(), long.clone()).await;

    assert_eq!(text, records::render(&long).json);
}

#[tokio::test]
async fn bars_give_the_same_text_at_once_and_when_they_have_long_been_rows() {
    let (home, long) = (Home::new(), odd_series(&PRICES));
    let store = home.open();
    let plan = ran(&store, job("Tech", &["AAPL"]), vec![fetched(long.clone())]).await;
    let key = plan.key(&long.symbol);

    let at_once = store.dataset(&key).await.unwrap();
    home.wait_until_settled();
    let later = store.dataset(&key).await.unwrap();

    let expected = Some(records::render(&long).json);
    assert_eq!((at_once, later), (expected.clone(), expected));
    assert_eq!(home.count("latest_bars"), long.bars.len());
}

#[tokio::test]
async fn odd_bars_are_kept_as_they_came() {
    let mut odd = series("AAPL", "2025-01-02", &[1.0, 2.0, 3.0, 4.0]);
    odd.bars[0].volume = u64::MAX;
    odd.bars[1].time = odd.bars[0].time;
    odd.bars[2].extra = [("vwap".to_owned(), 1.5), ("nothing".to_owned(), f64::NAN)].into();
    odd.bars[3] = Bar {
        time: "1962-01-02T05:00:00.123456789Z".parse().unwrap(),
        finality: Finality::Provisional,
        ..odd.bars[3].clone()
    };
    odd.bars.push(Bar::default());
    odd.actions = vec![CorporateAction {
        date: "2025-01-03".parse().unwrap(),
        kind: ActionKind::Split { ratio: 4.0 },
    }];

    let text = stored_text(&Home::new(), odd.clone()).await;

    assert_eq!(text, records::render(&odd).json);
}

#[tokio::test]
async fn intraday_bars_and_no_bars_at_all_are_kept() {
    let daily = series("AAPL", "2025-01-02", &[1.0, 2.0]);
    let mut intraday = Series::new(symbol("AAPL"), Interval::Minutes(5), daily.zone);
    intraday.bars = daily.bars;
    let empty = Series::new(symbol("AAPL"), Interval::Day, daily.zone);

    for series in [intraday, empty] {
        let text = stored_text(&Home::new(), series.clone()).await;
        assert_eq!(text, records::render(&series).json);
    }
}

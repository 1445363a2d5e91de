//! The standard service with one more fetcher: jobs ask for it with `"fetcher": "mine"`.

use stock_scheduler::{Bar, FetchError, FetchRequest, Fetcher, Series, async_trait};

struct Mine;

#[async_trait]
impl Fetcher for Mine {
    async fn fetch(&self, request: &FetchRequest) -> Result<Series, FetchError> {
        let mut series = Series::new(request.symbol.clone(), request.interval, chrono_tz::UTC);
        let days = request.start.iter_days();
        for day in days.take_while(|day| *day < request.end) {
            series.bars.push(Bar {
                time: day.and_time(Default::default()).and_utc(),
                close: Some(42.0),
                adj_close: Some(42.0),
                ..Bar::default()
            });
        }
        Ok(series)
    }
}

fn main() -> std::process::ExitCode {
    stock_scheduler::cli::run(|builder| builder.fetcher_instance("mine", Mine))
}

//! Around every change of every zone's clock each kind fires as its documentation says. No zone is left out.

mod clock_changes;

use chrono::{Datelike, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use clock_changes::for_every_change;
use stock_scheduler_calendar::{DayOfMonth, Monthly, Weekly};
use stock_scheduler_daily::Daily;
use stock_scheduler_interval::Interval;
use stock_scheduler_sdk::schedule::TimesOfDay;

fn times_of_day(times: &[NaiveTime], zone: Tz) -> TimesOfDay {
    let (first, others) = times.split_first().expect("a time");
    let others = others.iter().copied();
    others.fold(TimesOfDay::at(*first, zone), TimesOfDay::and_at)
}

#[test]
fn a_daily_schedule_fires_once_for_each_time_of_each_date() {
    for_every_change(|change| {
        let times = change.times();

        let daily = Daily::at(times_of_day(&times, change.zone()));

        change.check_by_wall_clock(&daily, &times, |_| true);
    });
}

#[test]
fn a_weekly_schedule_fires_once_for_each_time_of_each_of_its_dates() {
    for_every_change(|change| {
        let times = change.times();
        let days: Vec<_> = change.dates().iter().map(Datelike::weekday).collect();

        let weekly = Weekly::on(days[0], times_of_day(&times, change.zone()));
        let weekly = days.iter().copied().fold(weekly, Weekly::and_on);

        change.check_by_wall_clock(&weekly, &times, |date| days.contains(&date.weekday()));
    });
}

#[test]
fn a_monthly_schedule_fires_once_for_each_time_of_each_of_its_dates() {
    for_every_change(|change| {
        let times = change.times();
        for date in change.dates() {
            let day = DayOfMonth::numbered(date.day().into()).expect("a day");

            let monthly = Monthly::on(day, times_of_day(&times, change.zone()));

            change.check_by_wall_clock(&monthly, &times, |other| other.day() == date.day());
        }
    });
}

#[test]
fn an_interval_schedule_fires_by_elapsed_time_alone() {
    for_every_change(|change| {
        let every = TimeDelta::minutes(5);

        let interval = Interval::every(every)
            .expect("a length")
            .shown_in(change.zone());

        change.check_by_elapsed_time(&interval, every.num_minutes());
    });
}

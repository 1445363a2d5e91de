//! Around every change of every zone's clock expressions fire as their documentation says. No zone is left out.

#[path = "../../calendar/tests/clock_changes/mod.rs"]
#[expect(dead_code, reason = "other kinds use more of it")]
mod clock_changes;

use chrono::Timelike;
use clock_changes::for_every_change;
use stock_scheduler_cron::Cron;

#[test]
fn fixed_times_fire_once_for_each_date() {
    for_every_change(|change| {
        for time in change.times() {
            let expression = format!("{} {} * * *", time.minute(), time.hour());

            let cron = Cron::parse(&expression, change.zone()).expect("an expression");

            change.check_by_wall_clock(&cron, &[time], |_| true);
        }
    });
}

#[test]
fn ranged_times_follow_elapsed_time() {
    for_every_change(|change| {
        let cron = Cron::parse("*/5 * * * *", change.zone()).expect("an expression");

        change.check_by_elapsed_time(&cron, 5);
    });
}

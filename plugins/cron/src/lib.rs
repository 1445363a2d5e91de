//! Schedule: cron expressions.
//!
//! ```json
//! {"kind": "cron", "expression": "0 17 * * MON-FRI"}
//! {"kind": "cron", "expression": "0 30 9 * * MON#1 2027", "timezone": "America/New_York", "on": "XNYS"}
//! ```
//!
//! # Expressions
//!
//! They are those of the Open Cron Pattern Specification (OCPS) 1.4, of all its levels: five fields; a second before them;
//! and with that a year after them, from 1970 to 2199. Where the documents leave a choice, or differ, it is here:
//!
//! | What | Here |
//! | :--- | :--- |
//! | Nicknames such as `@daily` (1.1) | In any case, as the draft demanded; the final text would refuse `@Daily`. |
//! | `@reboot` (1.1) | An expression, but refused as a schedule: there is no startup event. |
//! | `5/15` (1.1) | Refused, as demanded: a step needs `*` or a range. |
//! | `FRI-SUN` (1.1) | The 5th to the 7th day, as the value of `SUN` is 0 or 7. |
//! | Year `*` (1.2) | Every year from 1 to 9999, as without a year; `*/2` is `1970-2199/2`. |
//! | `L` in a list (1.3) | Allowed: `1,15,L`. So are `#` and `L` in lists of weekdays. |
//! | `W` (1.3) | After a single day, and in `LW` for the last weekday. `31W` needs a month with 31 days. |
//! | `l`, `w` (1.3) | Refused: only names are free in their case. |
//! | `*/2` as a day (1.1) | Restricts, as demanded, so that with a day of the week either suffices; in Vixie cron it does not. |
//! | `?` (1.4) | `*`, in the day fields. |
//! | Clock changes (1.4) | [`Cron`] says how; unlike what 1.4 recommends, a fixed time in a gap fires after the gap, so that no fire is missed. |
//! | Range (1.4) | Years 1 to 9999 of the proleptic Gregorian calendar. An expression without any further date never fires again. |

mod bits;
mod clock;
mod cron;
mod dates;
mod day_of_month;
mod day_of_week;
mod error;
mod field;
mod month;
mod pattern;
mod spec;
mod times;
mod words;
mod years;

pub use cron::Cron;
pub use error::CronError;
pub use spec::CronFactory;

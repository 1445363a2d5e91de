//! Schedule: at the open or the close of an exchange.
//!
//! ```json
//! {"kind": "session", "exchange": "XNYS", "at": "close"}
//! {"kind": "session", "exchange": "XNYS", "at": "close", "offset": "+30m"}
//! {"kind": "session", "exchange": "XTKS", "at": "open", "offset": "-15m", "timezone": "Europe/Berlin"}
//! ```
//!
//! It follows early closes and late opens, and has no fires on other days than trading days. What is written there is
//! read by `spec`.

mod session;
mod spec;

pub use session::{Moment, SessionSchedule};
pub use spec::SessionFactory;

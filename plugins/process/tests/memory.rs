//! What a plugin refuses takes no memory of the host. Alone in its process, because it looks at all of that.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use chrono_tz::Tz;
use serde_json::json;
use stock_scheduler_sdk::{ScheduleContext, ScheduleFactory};

use support::{Host, good, start};

#[test]
fn schedules_that_are_refused_take_no_memory() {
    let Some(config) = good() else { return };
    let plugin = start(config);
    let factory = plugin.handle.schedule("every");
    let context = ScheduleContext::new(Tz::UTC);
    let refuse = |number: u32| {
        let spec = json!({"hours": format!("{number:060000}")});
        factory.build(&spec, &context).err().unwrap()
    };
    refuse(0);
    let before = Host::now();

    for number in 1..=400 {
        let error = refuse(number);
        assert_eq!(error.pointer, "/hours", "{error}");
    }

    let after = Host::now();
    assert!(
        after.resident_kib < before.resident_kib + 8 * 1024,
        "{before:?} became {after:?}"
    );
}

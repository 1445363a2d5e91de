//! Claims before results: while many fires are claimed at once, runs hold what they have to record for a moment, so that
//! the last of the fires starts as soon as can be.

use std::time::Duration;

use tokio::sync::watch;

/// The longest that a result waits for claims.
const LONGEST: Duration = Duration::from_secs(1);

/// Whether many fires are being claimed.
#[derive(Debug, Default)]
pub(super) struct Burst(watch::Sender<usize>);

/// Lasts as long as the claims of a burst go on.
pub(super) struct Claiming<'a>(&'a Burst);

impl Burst {
    pub(super) fn begin(&self) -> Claiming<'_> {
        self.0.send_modify(|bursts| *bursts += 1);
        Claiming(self)
    }

    /// Waits until no burst goes on, but not for long.
    pub(super) async fn wait(&self) {
        if *self.0.borrow() == 0 {
            return;
        }
        let mut bursts = self.0.subscribe();
        let calm = bursts.wait_for(|bursts| *bursts == 0);
        // Claims that take longer go on beside the results.
        let _ = tokio::time::timeout(LONGEST, calm).await;
    }
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|bursts| *bursts -= 1);
    }
}

//! How workers are told to stop.

use tokio::sync::watch;

/// Becomes true once, when the workers are to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A pair: whoever holds the sender says when (dropping it says it too).
    pub fn channel() -> (watch::Sender<bool>, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (sender, Shutdown(receiver))
    }

    /// Whether it was said.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns once it is said.
    pub async fn requested(&mut self) {
        // An error means that the sender is gone, and with it everyone who could want the workers.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

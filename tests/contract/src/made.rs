//! What a factory makes.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// A fresh, empty adapter, and what must live as long as it does, such as its temporary folder.
pub struct Made<P: ?Sized> {
    /// The adapter.
    pub port: Arc<P>,
    _keep: Box<dyn Any + Send + Sync>,
}

impl<P: ?Sized> Made<P> {
    /// An adapter that needs `keep` to live.
    pub fn new(port: Arc<P>, keep: impl Any + Send + Sync) -> Self {
        Self { port, _keep: Box::new(keep) }
    }
}

/// How long a suite waits for what must come true in the end, such as an index that lags behind.
const EVENTUALLY: Duration = Duration::from_secs(30);

/// Asks until the answer is good, and returns it.
///
/// # Panics
/// With the last answer, where none is good for a long time.
pub(crate) async fn eventually<T, Fut>(
    what: &str,
    mut ask: impl FnMut() -> Fut,
    good: impl Fn(&T) -> bool,
) -> T
where
    T: std::fmt::Debug,
    Fut: Future<Output = T>,
{
    let deadline = tokio::time::Instant::now() + EVENTUALLY;
    let mut pause = Duration::from_millis(1);
    loop {
        let answer = ask().await;
        if good(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: still {answer:?}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

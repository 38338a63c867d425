//! What the functions would write to their logs.

use crate::meter::Meter;
use std::io;
use tracing_subscriber::fmt::MakeWriter;

/// Counts each line of JSON, with what a line of a function carries beside it.
#[derive(Clone)]
pub struct CountedLog(Meter);

impl CountedLog {
    /// A log that is only counted.
    pub fn new(meter: Meter) -> Self {
        Self(meter)
    }

    /// Counts this thread's log until the answer is dropped.
    pub fn start(self) -> tracing::subscriber::DefaultGuard {
        let subscriber =
            tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_writer(self).finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl io::Write for CountedLog {
    /// One call is one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let context = self.0.prices().assumptions.log_context_bytes.value;
        self.0.log(line.len() as f64 + context);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for CountedLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

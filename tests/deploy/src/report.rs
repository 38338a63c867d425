//! What a run tells, whatever becomes of its output: it goes to the standard error itself, past the capture of tests.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Instant;

/// Says a line.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "deploy: {line}");
}

/// A stage whose time is told when it ends.
#[derive(Debug)]
pub struct Stage {
    name: String,
    began: Instant,
}

impl Stage {
    /// Begins a stage.
    pub fn begin(name: impl Into<String>) -> Self {
        Self { name: name.into(), began: Instant::now() }
    }

    /// Ends it, and says how long it took.
    pub fn end(self) {
        self.end_with("");
    }

    /// The same, with what came of it.
    pub fn end_with(self, result: impl Display) {
        let seconds = self.began.elapsed().as_secs_f64();
        say(format_args!("{:<56} {seconds:>6.1} s  {result}", self.name));
    }
}

//! Why there is no emulator, and what a test says of that.

use std::io::Write as _;

/// What the emulator needs and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// There is no `python3` on the path.
    Python(String),
    /// `python3` has no `venv` or `pip`.
    Venv(String),
    /// `pip` cannot fetch the release: no index, no network.
    Index(String),
    /// It is there, but does not come up.
    Start(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, why, now) = match self {
            Missing::Python(why) => {
                ("python3 is not on the path", why, "install Python 3.10 or newer, with venv and pip")
            }
            Missing::Venv(why) => (
                "python3 makes no virtual environment with pip",
                why,
                "install its venv (on Debian and Ubuntu: python3-venv)",
            ),
            Missing::Index(why) => (
                "pip cannot fetch the emulator",
                why,
                "let pip reach an index, by its own variables or configuration",
            ),
            Missing::Start(why) => ("the emulator does not come up", why, "read its log above"),
        };
        write!(f, "  why: {what}:\n{}\n  what now: {now}", indented(why))
    }
}

impl std::error::Error for Missing {}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("       {line}")).collect::<Vec<_>>().join("\n")
}

impl Missing {
    /// Whether a continuous integration may go on without: only a machine without Python may.
    fn is_excused(&self) -> bool {
        matches!(self, Missing::Python(_))
    }

    /// Says on the standard error, uncaptured, that `what` was not tried and why: nobody may think that it was.
    ///
    /// # Panics
    /// Where the variable `CI` is `true`, unless there is no Python.
    pub fn explain(&self, what: &str) {
        #[expect(clippy::disallowed_methods, reason = "tests ask where they run; this crate is theirs alone")]
        let integration = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!integration || self.is_excused(), "{what} cannot be tried\n{self}");
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: {what}\n{self}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_why_and_what_now() {
        let text = Missing::Index("no route\nto the index\n".to_owned()).to_string();
        for part in ["pip cannot fetch", "       no route\n       to the index\n", "what now: let pip reach"]
        {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn only_a_machine_without_python_is_excused() {
        let why = String::new;
        let all =
            [Missing::Python(why()), Missing::Venv(why()), Missing::Index(why()), Missing::Start(why())];
        assert_eq!(all.map(|missing| missing.is_excused()), [true, false, false, false]);
    }
}

//! The recorded floor: what passed before must pass again.

use crate::report::{Figures, FileReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What each known file came to when the floor was recorded, by the file's SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// By SHA-256, in hex.
    pub files: BTreeMap<String, FileFloor>,
}

/// What one file came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFloor {
    /// The file's format, for readers.
    pub format: String,
    /// By `kind/category`.
    pub groups: BTreeMap<String, Figures>,
    /// The cases that fail, with the reason: where they differ, until somebody writes why.
    pub known_failures: BTreeMap<String, String>,
}

/// Something that fell behind the floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Regression {
    /// The group, or the case.
    pub what: String,
    /// What was recorded and what is now.
    pub how: String,
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.how)
    }
}

impl Floor {
    /// The floor that is checked in.
    ///
    /// # Errors
    /// It is not readable as one.
    pub fn recorded() -> Result<Floor, serde_json::Error> {
        serde_json::from_str(include_str!("../floor.json"))
    }

    /// What fell behind; `None` where the floor does not know the file.
    pub fn regressions(&self, report: &FileReport) -> Option<Vec<Regression>> {
        let floor = self.files.get(&report.digest)?;
        let mut regressions = Vec::new();
        let groups = report.groups();
        for (group, then) in &floor.groups {
            let now = groups.get(group).cloned().unwrap_or_default();
            let mut fell = |what: &str, then: usize, now: usize| {
                if now < then {
                    let how = format!("{what}: {now}, and {then} are recorded");
                    regressions.push(Regression { what: group.clone(), how });
                }
            };
            fell("run", then.run, now.run);
            for (aspect, score) in &then.scores {
                fell(aspect, score.passed, now.scores.get(aspect).copied().unwrap_or_default().passed);
            }
        }
        for outcome in report.outcomes.iter().filter(|outcome| outcome.counts) {
            if let Some((_, difference)) = outcome.failure()
                && !floor.known_failures.contains_key(&outcome.name)
            {
                let how = format!("fails, and is no known failure: {difference}");
                regressions.push(Regression { what: outcome.name.clone(), how });
            }
        }
        Some(regressions)
    }

    /// Records what the file comes to now. Reasons that are written stay; nothing of the recordings themselves goes in.
    pub fn record(&mut self, report: &FileReport) {
        let before = self.files.get(&report.digest).map(|floor| floor.known_failures.clone());
        let before = before.unwrap_or_default();
        let failures = report.outcomes.iter().filter(|outcome| outcome.counts).filter_map(|outcome| {
            let (aspect, difference) = outcome.failure()?;
            let place = format!("{}: differs {}", aspect.name(), difference.at);
            let reason = before.get(&outcome.name).cloned().unwrap_or(place);
            Some((outcome.name.clone(), reason))
        });
        let floor = FileFloor {
            format: report.kind.name().to_owned(),
            groups: report.groups(),
            known_failures: failures.collect(),
        };
        self.files.insert(report.digest.clone(), floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;
    use crate::file::FileKind;
    use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};

    fn report(passes: &[bool]) -> FileReport {
        let outcomes = passes.iter().enumerate().map(|(index, passes)| {
            let check = if *passes { Ok(()) } else { Err(Difference::new("a", "b")) };
            CaseOutcome {
                name: format!("case {index}"),
                kind: "execution".to_owned(),
                category: "base".to_owned(),
                counts: true,
                verdict: Verdict::Run(Checks::from([(Aspect::Result, check)])),
                shown: None,
            }
        });
        FileReport {
            path: "file".to_owned(),
            kind: FileKind::Executions,
            digest: "digest".to_owned(),
            outcomes: outcomes.collect(),
            regressions: None,
        }
    }

    #[test]
    fn what_passed_must_pass_and_what_failed_may() {
        let mut floor = Floor::default();
        assert_eq!(floor.regressions(&report(&[true])), None, "an unknown file is no regression");
        floor.record(&report(&[true, false, true]));
        assert_eq!(floor.regressions(&report(&[true, false, true])), Some(Vec::new()));
        assert_eq!(floor.regressions(&report(&[true, true, true])), Some(Vec::new()));
        let fell = floor.regressions(&report(&[true, true, false])).unwrap();
        assert_eq!(fell.len(), 1, "as many pass, and another one fails: {fell:?}");
        let fell = floor.regressions(&report(&[false, false, true])).unwrap();
        assert_eq!(fell.len(), 2, "the group and the case: {fell:?}");
    }

    #[test]
    fn a_written_reason_stays() {
        let mut floor = Floor::default();
        floor.record(&report(&[false]));
        let file = floor.files.get_mut("digest").unwrap();
        file.known_failures.insert("case 0".to_owned(), "because".to_owned());
        floor.record(&report(&[false, false]));
        let known = &floor.files["digest"].known_failures;
        assert_eq!(known["case 0"], "because");
        assert_eq!(known["case 1"], "result: differs ");
    }

    #[test]
    fn the_recorded_floor_can_be_read() {
        Floor::recorded().unwrap();
    }
}

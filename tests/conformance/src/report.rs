//! The figures, per kind and category and in all, for people and for machines.

use crate::file::FileKind;
use crate::floor::Regression;
use crate::outcome::{Aspect, CaseOutcome, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many cases an aspect was measured on, and how many passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Measured.
    pub of: usize,
    /// Passed.
    pub passed: usize,
}

/// The figures of a group of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Cases in the file.
    pub cases: usize,
    /// Cases that were run.
    pub run: usize,
    /// By aspect.
    #[serde(flatten)]
    pub scores: BTreeMap<String, Score>,
}

impl Figures {
    fn add(&mut self, outcome: &CaseOutcome) {
        self.cases += 1;
        let Verdict::Run(checks) = &outcome.verdict else { return };
        self.run += 1;
        for (aspect, check) in checks {
            let score = self.scores.entry(aspect.name().to_owned()).or_default();
            score.of += 1;
            score.passed += usize::from(check.is_ok());
        }
    }
}

/// What the cases of one file came to.
#[derive(Debug)]
pub struct FileReport {
    /// The file's path, as given.
    pub path: String,
    /// Its format.
    pub kind: FileKind,
    /// SHA-256 of its bytes, in hex: which recordings these are.
    pub digest: String,
    /// Each case.
    pub outcomes: Vec<CaseOutcome>,
    /// What fell behind the recorded floor; `None` where the floor does not know the file.
    pub regressions: Option<Vec<Regression>>,
}

impl FileReport {
    /// The figures by `kind/category`, of the cases that count.
    pub fn groups(&self) -> BTreeMap<String, Figures> {
        let mut groups: BTreeMap<String, Figures> = BTreeMap::new();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.counts) {
            groups.entry(format!("{}/{}", outcome.kind, outcome.category)).or_default().add(outcome);
        }
        groups
    }

    /// The figures by kind alone.
    pub fn kinds(&self) -> BTreeMap<String, Figures> {
        let mut kinds: BTreeMap<String, Figures> = BTreeMap::new();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.counts) {
            kinds.entry(outcome.kind.clone()).or_default().add(outcome);
        }
        kinds
    }

    /// The figures of all cases that count.
    pub fn total(&self) -> Figures {
        let mut total = Figures::default();
        self.outcomes.iter().filter(|outcome| outcome.counts).for_each(|outcome| total.add(outcome));
        total
    }

    /// Why cases were not run, and how many.
    pub fn skipped(&self) -> BTreeMap<&str, Vec<&CaseOutcome>> {
        let mut reasons: BTreeMap<&str, Vec<&CaseOutcome>> = BTreeMap::new();
        for outcome in &self.outcomes {
            if let Verdict::Skipped(reason) = &outcome.verdict {
                reasons.entry(reason).or_default().push(outcome);
            }
        }
        reasons
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let skipped: Value = self
            .skipped()
            .into_iter()
            .map(|(reason, cases)| {
                let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
                (reason.to_owned(), json!({"count": names.len(), "names": names}))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        json!({
            "file": self.path, "format": self.kind.name(), "sha256": self.digest,
            "total": self.total(), "kinds": self.kinds(), "groups": self.groups(), "skipped": skipped,
            "regressions": self.regressions,
            "cases": self.outcomes.iter().map(CaseOutcome::to_json).collect::<Vec<_>>(),
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} ({})\n", self.path, self.kind.name());
        table(&mut text, &self.groups(), &self.kinds(), &self.total());
        self.others(&mut text);
        self.failures(&mut text);
        match &self.regressions {
            None => {
                let _ = writeln!(text, "no floor is recorded for this file");
            }
            Some(regressions) if regressions.is_empty() => {
                let _ = writeln!(text, "not below the recorded floor");
            }
            Some(regressions) => {
                for regression in regressions {
                    let _ = writeln!(text, "REGRESSION {regression}");
                }
            }
        }
        text
    }

    fn others(&self, text: &mut String) {
        let beyond: Vec<&CaseOutcome> = self
            .outcomes
            .iter()
            .filter(|outcome| !outcome.counts && matches!(outcome.verdict, Verdict::Run(_)))
            .collect();
        if !beyond.is_empty() {
            let failed = beyond.iter().filter(|outcome| outcome.failure().is_some()).count();
            let _ = writeln!(
                text,
                "run although not counted (excluded or out of scope): {}, of which {failed} differ",
                beyond.len()
            );
        }
        for (reason, cases) in self.skipped() {
            let _ = writeln!(text, "skipped {:5}  {reason}", cases.len());
            if reason.starts_with("excluded") {
                for case in cases {
                    let _ = writeln!(text, "                 {}", case.name);
                }
            }
        }
    }

    fn failures(&self, text: &mut String) {
        for counts in [true, false] {
            for outcome in self.outcomes.iter().filter(|outcome| outcome.counts == counts) {
                if let Some((aspect, difference)) = outcome.failure() {
                    let mark = if counts { "FAILED " } else { "differs" };
                    let _ = writeln!(
                        text,
                        "{mark} [{}] {} ({})\n        {difference}",
                        outcome.kind,
                        outcome.name,
                        aspect.name()
                    );
                }
            }
        }
    }
}

fn table(
    text: &mut String,
    groups: &BTreeMap<String, Figures>,
    kinds: &BTreeMap<String, Figures>,
    total: &Figures,
) {
    let aspects: Vec<Aspect> =
        Aspect::ALL.into_iter().filter(|aspect| total.scores.contains_key(aspect.name())).collect();
    let _ = write!(text, "{:<58} {:>5} {:>5}", "kind/category", "cases", "run");
    for aspect in &aspects {
        let _ = write!(text, " {:>17}", aspect.name());
    }
    text.push('\n');
    let several = |kind: &str| groups.keys().filter(|group| group.starts_with(&format!("{kind}/"))).count();
    for (group, figures) in groups {
        row(text, group, figures, &aspects);
    }
    for (kind, figures) in kinds.iter().filter(|(kind, _)| several(kind) > 1) {
        row(text, &format!("{kind}: all"), figures, &aspects);
    }
    row(text, "ALL", total, &aspects);
}

fn row(text: &mut String, name: &str, figures: &Figures, aspects: &[Aspect]) {
    let _ = write!(text, "{name:<58} {:>5} {:>5}", figures.cases, figures.run);
    for aspect in aspects {
        let cell = figures.scores.get(aspect.name()).map_or_else(String::new, |score| {
            #[allow(clippy::cast_precision_loss, reason = "counts of cases")]
            let percent = 100.0 * score.passed as f64 / score.of.max(1) as f64;
            format!("{}/{} {percent:5.1}%", score.passed, score.of)
        });
        let _ = write!(text, " {cell:>17}");
    }
    text.push('\n');
}

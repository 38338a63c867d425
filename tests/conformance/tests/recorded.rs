//! The recordings, against the recorded floor: what passed must pass.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use tenantry_conformance::{CaseFile, FileReport, Floor, Options};

/// The recordings are no part of this repository: the folder that `TENANTRY_CONFORMANCE` names, or the one beside the
/// checkout.
fn folder() -> Option<PathBuf> {
    let named = option_env!("TENANTRY_CONFORMANCE").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"));
    if folder.is_dir() {
        return Some(folder);
    }
    tell(&format!("CONFORMANCE NOT CHECKED: there is no {} (set TENANTRY_CONFORMANCE)", folder.display()));
    None
}

/// Not by `eprintln!`, which the test harness swallows.
fn tell(words: &str) {
    writeln!(std::io::stderr(), "\n*** {words} ***\n").expect("standard error takes text");
}

#[test]
fn what_passed_passes() {
    let Some(folder) = folder() else { return };
    let floor = Floor::recorded().expect("the floor can be read");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "the folder holds no recordings");
    let mut fell = Vec::new();
    for path in paths {
        let file = CaseFile::read(&path).expect("the recordings can be read");
        let mut report: FileReport = tenantry_conformance::run(&file, &Options::default());
        report.regressions = floor.regressions(&report);
        println!("{}", report.to_text());
        match &report.regressions {
            None => tell(&format!("{} is not in the floor: nothing of it is asserted", path.display())),
            Some(regressions) => fell.extend(regressions.iter().map(ToString::to_string)),
        }
    }
    assert!(fell.is_empty(), "below the recorded floor:\n{}", fell.join("\n"));
}

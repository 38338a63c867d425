//! The command: which files, what to show, and what to exit with.

use crate::{CaseFile, FileReport, Floor, Options};
use clap::Parser as _;

use std::path::PathBuf;
use std::process::ExitCode;

/// Runs recorded cases and compares. Exit code 1: a file fell behind its recorded floor. 2: a file cannot be used.
#[derive(clap::Parser)]
struct Arguments {
    /// Files of recordings, in any of the known formats; the format is told by the fields.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Everything as JSON.
    #[arg(long)]
    json: bool,
    /// Only cases whose name matches.
    #[arg(long, value_name = "REGEX")]
    only: Option<regex::Regex>,
    /// One case, whole: what was expected and what was found.
    #[arg(long, value_name = "NAME")]
    verbose: Option<String>,
    /// Writes what the files come to into the floor.
    #[arg(long, conflicts_with = "only")]
    record: bool,
}

/// Runs the command on the process's own arguments.
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error>> {
    let mut floor = Floor::recorded()?;
    let only = match &arguments.verbose {
        Some(name) => Some(regex::Regex::new(&format!("^{}$", regex::escape(name)))?),
        None => arguments.only.clone(),
    };
    let whole = only.is_none();
    let options = Options { only };
    let mut reports: Vec<FileReport> = Vec::new();
    for path in &arguments.files {
        let mut report = crate::run(&CaseFile::read(path)?, &options);
        if arguments.record {
            floor.record(&report);
        }
        if whole {
            report.regressions = floor.regressions(&report);
        }
        reports.push(report);
    }
    if arguments.record {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/floor.json");
        std::fs::write(path, serde_json::to_string_pretty(&floor)? + "\n")?;
    }
    if arguments.json {
        let reports: Vec<_> = reports.iter().map(FileReport::to_json).collect();
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        for report in &reports {
            println!("{}", report.to_text());
            if arguments.verbose.is_some() {
                for outcome in &report.outcomes {
                    println!("{}", serde_json::to_string_pretty(&outcome.shown)?);
                }
            }
        }
    }
    Ok(reports.iter().all(|report| report.regressions.as_ref().is_none_or(Vec::is_empty)))
}

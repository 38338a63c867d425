//! `terraform/` itself: formatted, valid, tested with mock providers, and checked by checkov.

use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use tenantry_deploy::terraform::Terraform;

/// The release that the exceptions in the modules were written for.
const CHECKOV: &str = "checkov==3.2.459";

/// Root modules that are tested at the same time. Each starts the provider again and again.
const TESTED_AT_ONCE: usize = 3;

/// Shortest reason that can be one.
const REASON_LENGTH_MIN: usize = 20;

fn terraform_or_explain(what: &str) -> Option<Terraform> {
    Terraform::find().map_err(|missing| missing.explain(what)).ok()
}

#[test]
fn terraform_is_formatted() {
    let Some(terraform) = terraform_or_explain("the format of terraform/") else { return };
    let copy = terraform.working_copy().expect("a copy");
    if let Err(failed) =
        terraform.run(&copy.root().join("terraform"), ["fmt", "-check", "-diff", "-recursive"])
    {
        panic!("{failed}\nRun terraform fmt -recursive terraform.");
    }
}

/// Every folder below `terraform/` that has tests of its own.
fn tested_folders(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for parent in ["terraform/environments", "terraform/modules"] {
        let entries = fs::read_dir(root.join(parent)).expect("a readable folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()));
    }
    found.sort();
    found
}

/// Whether `terraform test` ran tests, and all of them passed: without tests it succeeds too.
fn passed(printed: &str) -> bool {
    printed.lines().any(|line| {
        line.starts_with("Success! ") && !line.contains("Success! 0 ") && line.contains(" 0 failed")
    })
}

#[test]
fn terraform_is_valid_and_passes_its_tests() {
    let Some(terraform) = terraform_or_explain("terraform validate and terraform test") else { return };
    let copy = terraform.working_copy().expect("a copy");
    let folders = tested_folders(copy.root());
    assert!(folders.len() >= 9, "modules are missing: {folders:?}");
    let open = Mutex::new(folders.into_iter());
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..TESTED_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = open.lock().expect("no thread has panicked").next();
                    let Some(folder) = next else { return };
                    if let Err(fault) = validate_and_test(&terraform, &folder) {
                        faults.lock().expect("no thread has panicked").push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no thread has panicked");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn validate_and_test(terraform: &Terraform, folder: &Path) -> Result<(), String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of = |failed| format!("{name}: {failed}");
    terraform.init(folder).map_err(of)?;
    // A module that is given two providers cannot be looked at by itself but by a test.
    if folder.join("provider.tf").is_file() {
        terraform.run(folder, ["validate", "-no-color"]).map_err(of)?;
    }
    let printed = terraform.run(folder, ["test", "-no-color"]).map_err(of)?;
    if passed(&printed) { Ok(()) } else { Err(format!("{name}: there is no test:\n{printed}")) }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?} does not start: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}:\n{stdout}{stderr}", output.status))
}

/// checkov's Python, in a virtual environment below the target folder; made once, and moved to its place when whole.
fn checkov() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(CHECKOV.replace("==", "-"));
    let python = place.join("bin/python");
    if run(Command::new(&python).args(["-c", "import checkov"])).is_ok() {
        return Ok(python);
    }
    let growing = place.with_extension(format!("growing-{}", std::process::id()));
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&growing))?;
    run(Command::new(growing.join("bin/python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        CHECKOV,
    ]))?;
    let failed = |error: std::io::Error| format!("{}: {error}", place.display());
    if place.exists() {
        fs::remove_dir_all(&place).map_err(failed)?;
    }
    fs::rename(&growing, &place).map_err(failed)?;
    Ok(python)
}

/// Checks of one kind in a report, as (id, resource, reason).
fn checks(report: &Value, kind: &str) -> Vec<(String, String, String)> {
    let found = report.pointer(&format!("/results/{kind}")).and_then(Value::as_array);
    let text =
        |check: &Value, at: &str| check.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let row = |check: &Value| {
        (text(check, "/check_id"), text(check, "/resource"), text(check, "/check_result/suppress_comment"))
    };
    found.into_iter().flatten().map(row).collect()
}

#[test]
fn checkov_finds_nothing_and_every_exception_has_a_reason() {
    let python = match checkov() {
        Ok(python) => python,
        Err(why) => {
            let why: Vec<String> = why.trim_end().lines().map(|line| format!("       {line}")).collect();
            let _ = writeln!(
                std::io::stderr(),
                "\nSKIPPED: checkov over terraform/\n  why: {CHECKOV} cannot be had:\n{}\n  what now: install \
                 python3 with venv, and let pip reach an index\n",
                why.join("\n"),
            );
            return;
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform");
    let mut command = Command::new(python);
    // Its exit status tells of findings; these are read from the report.
    command.args(["-m", "checkov.main", "--framework", "terraform", "--skip-download", "--soft-fail"]);
    // Terraform's tests make nothing, and have blocks that it cannot read.
    command.args(["--skip-path", "/tests/", "--output", "json", "--directory"]).arg(root);
    let printed = run(&mut command).unwrap_or_else(|why| panic!("{why}"));
    let report: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}:\n{printed}"));

    let failed = checks(&report, "failed_checks");
    assert!(failed.is_empty(), "checkov finds: {failed:#?}");
    let number = |name: &str| report.pointer(&format!("/summary/{name}")).and_then(Value::as_u64);
    assert_eq!(number("parsing_errors"), Some(0), "checkov cannot read a file: {printed}");
    assert!(
        number("passed").is_some_and(|passed| passed > 50),
        "checkov looked at hardly anything: {printed}"
    );
    let excused: Vec<_> = checks(&report, "skipped_checks")
        .into_iter()
        .filter(|(_, _, reason)| reason.len() < REASON_LENGTH_MIN)
        .collect();
    assert!(excused.is_empty(), "exceptions without a reason: {excused:#?}");
    assert!(
        !checks(&report, "skipped_checks").is_empty(),
        "the report does not tell of exceptions: {printed}"
    );
}

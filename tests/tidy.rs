//! The rules that can be checked: arrows between crates, file lengths, no clock or chance outside their ports, no
//! unfinished marks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file's hard limit; a reader should know the room.
const LINES_MAX: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below the root that is ours, with its path from there.
fn files(extensions: &[&str]) -> Vec<(String, PathBuf)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
            .expect("a readable folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !matches!(name, "target" | ".git" | "tenantry-data" | "node_modules") {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found
        .into_iter()
        .filter(|path| {
            path.extension().and_then(|e| e.to_str()).is_some_and(|extension| extensions.contains(&extension))
        })
        .map(|path| {
            let short = path.strip_prefix(root()).expect("below the root").display().to_string();
            (short, path)
        })
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("tenantry-core", &[][..]),
        ("tenantry-asl", &[]),
        ("tenantry-seal", &["tenantry-core"]),
        ("tenantry-system", &["tenantry-core"]),
        ("tenantry-definitions", &["tenantry-asl", "tenantry-core", "tenantry-handlers"]),
        (
            "tenantry-aws",
            &[
                "tenantry-api",
                "tenantry-app",
                "tenantry-core",
                "tenantry-definitions",
                "tenantry-events",
                "tenantry-handlers",
                "tenantry-seal",
                "tenantry-system",
            ],
        ),
        ("tenantry-package", &[]),
        ("tenantry-emulator", &[]),
        (
            "tenantry-saga",
            &[
                "tenantry-app",
                "tenantry-asl",
                "tenantry-core",
                "tenantry-definitions",
                "tenantry-engine",
                "tenantry-handlers",
            ],
        ),
        (
            "tenantry-deploy",
            &[
                "tenantry-app",
                "tenantry-aws",
                "tenantry-core",
                "tenantry-emulator",
                "tenantry-events",
                "tenantry-scenarios",
                "tenantry-system",
            ],
        ),
        ("tenantry-events", &["tenantry-core"]),
        ("tenantry-handlers", &["tenantry-core", "tenantry-events"]),
        ("tenantry-engine", &["tenantry-asl", "tenantry-core"]),
        ("tenantry-app", &["tenantry-core", "tenantry-events"]),
        ("tenantry-api", &["tenantry-app", "tenantry-core", "tenantry-events"]),
        (
            "tenantry-embedded",
            &["tenantry-core", "tenantry-engine", "tenantry-events", "tenantry-seal", "tenantry-system"],
        ),
        ("tenantry-contract", &["tenantry-core"]),
        ("tenantry-scenarios", &["tenantry-core", "tenantry-events", "tenantry-system"]),
        ("tenantry-sdk-tour", &[]),
        ("tenantry-stepfunctions", &["tenantry-asl", "tenantry-core", "tenantry-engine"]),
        (
            "tenantry-conformance",
            &[
                "tenantry-asl",
                "tenantry-core",
                "tenantry-engine",
                "tenantry-events",
                "tenantry-stepfunctions",
            ],
        ),
        (
            "tenantry",
            &[
                "tenantry-api",
                "tenantry-app",
                "tenantry-asl",
                "tenantry-core",
                "tenantry-definitions",
                "tenantry-embedded",
                "tenantry-engine",
                "tenantry-events",
                "tenantry-handlers",
                "tenantry-stepfunctions",
                "tenantry-system",
            ],
        ),
    ]);
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may =
            allowed.get(name).unwrap_or_else(|| panic!("{name}: say in this test what it may depend on"));
        for dependency in &package.dependencies {
            let normal = dependency.kind == cargo_metadata::DependencyKind::Normal;
            if normal && dependency.name.starts_with("tenantry") {
                assert!(
                    may.contains(&dependency.name.as_str()),
                    "{name} may not depend on {}",
                    dependency.name
                );
            }
        }
        // What runs on neither clock nor network must not be able to.
        if matches!(name, "tenantry-core" | "tenantry-asl" | "tenantry-events") {
            for heavy in ["tokio", "reqwest", "axum", "rusqlite"] {
                let has = package
                    .dependencies
                    .iter()
                    .any(|d| d.name == heavy && d.kind == cargo_metadata::DependencyKind::Normal);
                assert!(!has, "{name} may not depend on {heavy}");
            }
        }
    }
}

#[test]
fn files_are_short() {
    let long: Vec<String> = files(&["rs"])
        .iter()
        .map(|(short, path)| (short, read(path).lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(short, lines)| format!("{short}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:#?}");
}

/// Whether the word stands in the code, and not as the end of a longer one: `Operand::` is no `rand::`.
fn holds_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn time_and_chance_come_from_their_ports() {
    // Where the rule ends: the adapter that asks the system, and what only measures how long something took.
    let clocks = ["crates/system/src/lib.rs"];
    let stopwatches = [
        "src/",
        "tests/",
        "benches/",
        "examples/",
        "crates/api/src/",
        "crates/embedded/",
        "crates/system/",
        "crates/aws/",
        "crates/app/src/workers/",
        "crates/app/src/http/",
    ];
    let mut faults = Vec::new();
    for (short, path) in files(&["rs"]) {
        let text = read(&path);
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let mut fault = |what: &str| faults.push(format!("{short}:{}: {what}", number + 1));
            if short.ends_with("tidy.rs") {
                continue;
            }
            if [
                "SystemTime::now",
                "Timestamp::now()",
                "getrandom::",
                "rand::",
                "Uuid::now_v7",
                "Uuid::new_v4",
            ]
            .iter()
            .any(|word| holds_word(code, word))
                && !clocks.contains(&short.as_str())
            {
                fault("asks the system for time or chance");
            }
            let in_tests = short.contains("/tests/") || short.contains("/benches/");
            if code.contains("Instant::now")
                && !in_tests
                && !stopwatches.iter().any(|place| short.starts_with(place))
            {
                fault("holds a stopwatch");
            }
            if ["env::var(", "env::var_os(", "env::vars("].iter().any(|word| code.contains(word))
                && !["src/", "tests/", "benches/", "examples/"].iter().any(|place| short.starts_with(place))
                && !in_tests
            {
                fault("reads the environment");
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_left_unfinished_or_untidy() {
    let mut faults = Vec::new();
    for (short, path) in files(&["rs", "md", "json", "toml", "yml"]) {
        if short.ends_with("tidy.rs") {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let place = format!("{short}:{}", number + 1);
            if line.ends_with([' ', '\t']) {
                faults.push(format!("{place}: ends in white space"));
            }
            let unfinished = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX"];
            if short.ends_with(".rs") && unfinished.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{place}: is marked as unfinished"));
            }
            if short.ends_with(".rs") && line.contains("#[ignore") && !line.contains('=') {
                faults.push(format!("{place}: is skipped without a reason"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Code that is no test's: up to the tests' module, outside tests' and testing folders.
fn shipped_code() -> Vec<(String, String)> {
    files(&["rs"])
        .into_iter()
        .filter(|(short, _)| {
            let place = ["handlers/src/", "crates/app/src/", "crates/api/src/"];
            place.iter().any(|place| short.starts_with(place)) && !short.contains("/test")
        })
        .map(|(short, path)| {
            let text = read(&path);
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            (short, code)
        })
        .collect()
}

#[test]
fn every_event_type_has_an_emitter() {
    let code = shipped_code();
    for event_type in tenantry_events::EventType::ALL {
        let name = event_type.as_str();
        // The ledger takes the typed data of an event: to emit it is to build it.
        let built = [format!("emit({name} {{"), format!("{name} {{\n"), format!("{name} {{ ")];
        let emitted = code.iter().any(|(_, text)| {
            text.contains("emit(") && built.iter().any(|built| text.contains(built.as_str()))
        });
        assert!(emitted, "{name} is in the catalogue, and nothing emits it");
    }
}

#[test]
fn every_problem_has_its_help_page_and_no_page_is_left_over() {
    let mut pages: Vec<String> = files(&["md"])
        .into_iter()
        .filter_map(|(short, _)| Some(short.strip_prefix("docs/errors/")?.trim_end_matches(".md").to_owned()))
        .collect();
    pages.sort();
    let mut codes: Vec<String> =
        tenantry_core::ErrorCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    codes.sort();
    assert_eq!(pages, codes);
}

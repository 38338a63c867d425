//! The same things are told in several places: the registry of steps, the definitions of the workflows, the data for
//! Terraform, Terraform itself, the table's keys, the events' schemas. None may drift from the others.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tenantry_aws::functions::{self, roles};
use tenantry_definitions::workflows::{SOURCES, render};
use tenantry_events::EventType;
use tenantry_handlers::REGISTRY;

/// Steps that no workflow calls, with the reason.
const UNUSED_STEPS: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder with that ending, but for what tools leave there.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn definitions_ask_for_known_names_and_every_step_is_called() {
    let known: BTreeSet<String> = roles::symbols().into_keys().collect();
    let mut asked = BTreeSet::new();
    for (name, file, text) in SOURCES {
        assert_eq!(*text, read(file), "{name} is built in as it stands in {file}");
        let names = roles::names_asked_for(text);
        assert!(names.is_subset(&known), "{file} asks for {:?}", names.difference(&known));
        asked.extend(names);
        roles::workflow_grants(file, text).unwrap_or_else(|error| panic!("{error}"));
    }
    let unused: BTreeSet<&str> = UNUSED_STEPS.iter().map(|(step, _)| *step).collect();
    for step in REGISTRY {
        let called = asked.contains(step.name);
        assert_ne!(called, unused.contains(step.name), "{} is called: {called}", step.name);
    }
}

#[test]
fn every_file_of_workflows_is_built_in_and_listed_for_terraform() {
    let there: BTreeSet<String> = files(&root().join("workflows"), ".asl.json")
        .iter()
        .map(|path| format!("workflows/{}", path.file_name().unwrap().to_str().unwrap()))
        .collect();
    let built_in: BTreeSet<String> = SOURCES.iter().map(|(_, file, _)| (*file).to_owned()).collect();
    assert_eq!(there, built_in);
    let contract = json("terraform/generated/functions.json");
    let listed = contract["workflows"].as_object().unwrap();
    let listed_files: BTreeSet<String> =
        listed.values().map(|workflow| workflow["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed_files, there);
    assert_eq!(listed.len(), SOURCES.len());
}

#[test]
fn terraform_makes_every_function_and_queue_of_the_data_and_asks_for_no_other() {
    let contract = json("terraform/generated/functions.json");
    let names: BTreeSet<String> = functions::all().iter().map(|function| function.name.to_owned()).collect();
    assert_eq!(keys(&contract["functions"]), names);
    let steps: BTreeSet<String> = REGISTRY.iter().map(|step| step.name.to_owned()).collect();
    assert!(steps.is_subset(&names));

    let queues = keys(&contract["queues"]);
    assert_eq!(queues, tenantry_core::ports::Queues::NAMES.map(str::to_owned).into());
    let letters: BTreeSet<String> = queues.union(&keys(&contract["deadLetterQueues"])).cloned().collect();

    // Terraform goes over the data; what it names one by one must be there.
    let known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::from([
        ("function_arns", names.clone()),
        ("function_names", names.clone()),
        ("alias_arns", names.clone()),
        ("alias_invoke_arns", names),
        ("dead_letter_arns", letters.clone()),
        ("dead_letter_urls", letters),
        ("urls", queues.clone()),
        ("arns", queues),
    ]);
    let mut reads_the_data = false;
    let mut looked_up = 0;
    for file in files(&root().join("terraform"), ".tf") {
        let text = std::fs::read_to_string(&file).unwrap();
        reads_the_data |= text.contains("generated/functions.json\"");
        for (map, name) in lookups(&text) {
            if let Some(known) = known.get(map.as_str()) {
                looked_up += 1;
                assert!(known.contains(&name), "{}: {map}[{name:?}] is not there", file.display());
            }
        }
    }
    assert!(reads_the_data, "no file below terraform/ reads the data");
    assert!(looked_up > 0, "Terraform names a function or a queue somewhere, and this test does not see it");
}

/// `map["name"]` and `map.name`… of an expression: the word before a quoted index, and the index.
fn lookups(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("[\"") {
        let before = &text[..at];
        let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        if let Some((name, _)) = text[at + 2..].split_once('"') {
            found.push((word.to_owned(), name.to_owned()));
        }
    }
    found
}

#[test]
fn every_word_of_a_statement_has_a_meaning_in_terraform() {
    let contract = json("terraform/generated/functions.json");
    let mut kinds = BTreeSet::new();
    for part in ["functions", "workflows"] {
        for one in contract[part].as_object().unwrap().values() {
            for statement in one["statements"].as_array().unwrap() {
                let everything = statement["resources"].as_array().unwrap().contains(&Value::from("any"));
                assert_eq!(everything, statement["reason"].is_string(), "{statement}");
                for resource in statement["resources"].as_array().unwrap() {
                    kinds.insert(resource.as_str().unwrap().split('/').next().unwrap().to_owned());
                }
            }
        }
    }
    let names = files(&root().join("terraform/environments"), ".tf")
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect::<String>();
    for kind in kinds {
        let told = [format!("{kind} "), format!("\"{kind}/"), format!("\"{kind}\"")];
        assert!(told.iter().any(|word| names.contains(word)), "no environment says what {kind} stands for");
    }
}

#[test]
fn the_table_of_terraform_is_the_one_of_the_schema() {
    let text: String = files(&root().join("terraform/modules/table"), ".tf")
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(text.contains("schema/table.json\""), "terraform/modules/table does not read schema/table.json");
    let schema = json("schema/table.json");
    // What the module takes from the schema, it must not say again.
    let mut written = vec![schema["timeToLive"]["name"].clone(), schema["stream"].clone()];
    for index in schema["indexes"].as_array().unwrap() {
        written.push(index["name"].clone());
        written.push(index["partitionKey"]["name"].clone());
    }
    for word in written {
        let word = word.as_str().unwrap();
        assert!(!text.contains(&format!("\"{word}\"")), "terraform/modules/table says {word} itself");
    }
}

#[test]
fn every_event_has_a_schema_and_every_event_that_is_named_exists() {
    let types: BTreeSet<String> = EventType::ALL.iter().map(|one| one.as_str().to_owned()).collect();
    let schemas: BTreeSet<String> = files(&root().join("events/schemas"), ".schema.json")
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".schema.json").map(str::to_owned))
        .filter(|name| name != "Envelope")
        .collect();
    assert_eq!(schemas, types);
    let mut named = 0;
    for ending in [".tf", ".md", ".hcl"] {
        for file in files(&root().join("terraform"), ending) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (at, _) in text.match_indices("detail-type") {
                for name in own_types(&text[at..]) {
                    named += 1;
                    assert!(types.contains(name), "{}: there is no event {name}", file.display());
                }
            }
        }
    }
    assert!(named > 0, "the subscriber's module names an event somewhere, and this test does not see it");
}

/// The texts of the list that follows, but for AWS's own, which have blanks in them.
fn own_types(text: &str) -> impl Iterator<Item = &str> {
    let list = text.split_once('[').and_then(|(before, list)| {
        // Only what directly follows: `"detail-type" = [` or `\"detail-type\": [`.
        (before.len() <= "detail-type\\\" = ".len()).then(|| list.split(']').next().unwrap_or_default())
    });
    let words = list.unwrap_or_default().split(|c: char| "\"\\,".contains(c)).map(str::trim);
    words.filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Terraform, where it is on this machine.
fn terraform() -> Option<Command> {
    let answers = Command::new("terraform")
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    answers.then(|| {
        let mut command = Command::new("terraform");
        // A configuration of the machine's may name files that are not there, and is not needed without providers.
        command.env_remove("TF_CLI_CONFIG_FILE").env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
        command
    })
}

/// What Terraform's `templatefile` makes of the files, in a root module without providers.
fn terraform_renders(
    mut terraform: Command,
    names: &BTreeMap<String, String>,
    files: &[PathBuf],
) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("names.json"), serde_json::to_string(names).unwrap()).unwrap();
    let mut calls = String::new();
    for (number, file) in files.iter().enumerate() {
        let copy = format!("{number}.tmpl");
        std::fs::copy(file, folder.path().join(&copy)).unwrap();
        calls.push_str(&format!("  templatefile(\"{copy}\", local.names),\n"));
    }
    let main = format!("locals {{\n  names = jsondecode(file(\"names.json\"))\n  all = [\n{calls}  ]\n}}\n");
    std::fs::write(folder.path().join("main.tf"), main).unwrap();
    let mut console = terraform
        .arg("console")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // In base64, so that nothing of how a console prints can hide a difference.
    let expression = "jsonencode([for text in local.all : base64encode(text)])\n";
    std::io::Write::write_all(&mut console.stdin.take().unwrap(), expression.as_bytes()).unwrap();
    let output = console.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: String = serde_json::from_slice(&output.stdout).unwrap();
    let texts: Vec<String> = serde_json::from_str(&printed).unwrap();
    let decode = |text: String| {
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    texts.into_iter().map(decode).collect()
}

/// What is easy to get wrong: escapes, JSONata's delimiters, texts of other scripts, and what only looks like a template.
const SAMPLES: &[&str] = &[
    "{\"a\": \"${create_key}\"}",
    "${create_key}${place_tenant}",
    "$${create_key} $$ $ 5$ $$${create_key}",
    "{% $states.input %} 100% %",
    "{% { 'a': 1 } %} {% {} %}",
    "ü ${create_key} 日本語 \u{1F600} \u{feff}x",
    "\"\\n\\u00e9\\\\\" ~ ${create_key} <<EOT",
    "line\r\nline\n\n",
    "",
];

const SKIPPED: &str = "\nSKIPPED: local rendering compared with Terraform's\n  why: no terraform answers on this machine\n  \
                       what now: install Terraform 1.11 or newer\n\n";

#[test]
fn local_rendering_is_terraforms_byte_for_byte() {
    let Some(terraform) = terraform() else {
        // Not by the macro, whose words the test harness keeps to itself where a test succeeds.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), SKIPPED.as_bytes());
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = SOURCES.iter().map(|(_, file, _)| root().join(file)).collect();
    for (number, sample) in SAMPLES.iter().enumerate() {
        let file = folder.path().join(format!("{number}.txt"));
        std::fs::write(&file, sample).unwrap();
        files.push(file);
    }
    let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:123456789012:function:acme-{name}:live");
    let names: BTreeMap<String, String> =
        roles::symbols().into_keys().map(|name| (name.clone(), arn(&name))).collect();
    let theirs = terraform_renders(terraform, &names, &files);
    assert_eq!(theirs.len(), files.len());
    for (file, theirs) in files.iter().zip(theirs) {
        let ours = render(&std::fs::read_to_string(file).unwrap(), &names);
        let ours = ours.unwrap_or_else(|fault| panic!("{}: {fault:?}", file.display()));
        assert_eq!(ours, theirs, "{}", file.display());
    }
}

#[test]
fn no_definition_holds_what_terraform_takes_for_a_directive() {
    for (_, file, text) in SOURCES {
        assert!(!text.contains("%{"), "{file}: put a space between `%` and `{{`");
    }
    let names = BTreeMap::new();
    for sample in ["{%{ 'a': 1 }%}", "%{ if true }", "${ name }", "${"] {
        assert!(render(sample, &names).is_err(), "{sample}");
    }
}

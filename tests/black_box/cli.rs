//! The command line, as scripts use it.

use crate::support::server::{Server, binary};
use crate::support::service::{Service, Verdict};
use crate::support::{text, until};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

fn tenantry(server: &Server, arguments: &[&str]) -> Output {
    Command::new(binary())
        .arg("--data-dir")
        .arg(server.dir())
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_follows_a_run_live_and_exits_as_it_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let service = Service::start(|_| Verdict::Refuse).await;

    let created =
        tenantry(&server, &["-o", "json", "tenant", "create", "Good", "--admin-email", "a@example.com"]);
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let execution = text(&json(&created), "/operation/executionId").to_owned();
    until("the execution to be there", || async {
        tenantry(&server, &["execution", "show", &execution]).status.success().then_some(())
    })
    .await;
    let watched = tenantry(&server, &["execution", "watch", &execution, "--exit-status"]);
    let shown = String::from_utf8_lossy(&watched.stdout);
    assert_eq!(watched.status.code(), Some(0), "{shown}");
    assert!(shown.contains("ExecutionStarted") && shown.contains("ExecutionSucceeded"), "{shown}");
    assert!(shown.contains("TaskStateExited  ActivateTenant"), "{shown}");

    service.register(&server, "refuser").await;
    let created =
        tenantry(&server, &["-o", "json", "tenant", "create", "Bad", "--admin-email", "a@example.com"]);
    let execution = text(&json(&created), "/operation/executionId").to_owned();
    until("the execution to be there", || async {
        tenantry(&server, &["execution", "show", &execution]).status.success().then_some(())
    })
    .await;
    // Followed across a kill: that is no end of the execution.
    let mut watch = Command::new(binary())
        .arg("--data-dir")
        .arg(server.dir())
        .args(["-o", "jsonl", "execution", "watch", &execution, "--exit-status"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    server.kill_and_restart().await;
    let status = watch.wait().expect("an end");
    let mut shown = String::new();
    std::io::Read::read_to_string(&mut watch.stdout.take().expect("stdout"), &mut shown).expect("text");
    let ids: Vec<u64> = shown
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a JSON line")["id"].as_u64().expect("an id"))
        .collect();
    let whole: Vec<u64> = (1..=ids.len() as u64).collect();
    assert_eq!(ids, whole, "every event once, in order, also across the kill");
    assert_eq!(status.code(), Some(1), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_shows_events_as_they_come() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let mut tail = Command::new(binary())
        .arg("--data-dir")
        .arg(server.dir())
        .args(["-o", "jsonl", "event", "tail", "--from-start", "--count", "6"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let lines = BufReader::new(tail.stdout.take().expect("stdout")).lines();
    let reader = std::thread::spawn(move || {
        lines
            .map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"))
            .collect::<Vec<_>>()
    });
    let first = server.post("/v1/tenants", &Server::sign_up_body("First"), 202).await;
    server.until_settled(text(&first, "/tenant/tenantId")).await;
    server.kill_and_restart().await;
    let second = server.post("/v1/tenants", &Server::sign_up_body("Second"), 202).await;
    server.until_settled(text(&second, "/tenant/tenantId")).await;
    let events =
        tokio::task::spawn_blocking(move || reader.join()).await.expect("no panic").expect("no panic");
    assert!(tail.wait().expect("an end").success());
    let types: Vec<&str> = events.iter().map(|event| text(event, "/type")).collect();
    let one = ["TenantRegistered", "TenantProvisioningStarted", "TenantProvisioned"];
    assert_eq!(types, [one, one].concat(), "each once, also across a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let code = |arguments: &[&str]| tenantry(&server, arguments).status.code();
    assert_eq!(code(&["tenant", "list"]), Some(0));
    assert_eq!(code(&["tenant", "lists"]), Some(2));
    assert_eq!(code(&["tenant", "show", "tnt_01h455vb4pex5vsknk084sn02q"]), Some(3));
    assert_eq!(code(&["execution", "watch", "provision_tenant~nobody"]), Some(3));
    assert_eq!(code(&["--token", "wrong", "tenant", "list"]), Some(5));
    assert_eq!(
        code(&["tenant", "create", "Acme", "--admin-email", "a@example.com", "--slug", "acme"]),
        Some(0)
    );
    assert_eq!(
        code(&["tenant", "create", "Acme", "--admin-email", "a@example.com", "--slug", "acme"]),
        Some(4)
    );
    assert_eq!(code(&["tenant", "create", "", "--admin-email", "a@example.com"]), Some(2));
    assert_eq!(code(&["--url", "http://127.0.0.1:1", "tenant", "list"]), Some(1));
    assert_eq!(code(&["explain", "TNT-0107"]), Some(0));
    assert_eq!(code(&["explain", "TNT-9999"]), Some(3));
    assert_eq!(code(&["doctor"]), Some(0));
    assert_eq!(code(&["workflow", "validate"]), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_subscriptions_are_registered_at_the_control_plane_and_nowhere_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    // Whoever listens at the registered address must not be spoken to, least of all with the administrator's token.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let service =
        tenantry(&server, &["-o", "json", "service", "add", "billing", &url, "--timeout-seconds", "60"]);
    assert_eq!(service.status.code(), Some(0), "{}", String::from_utf8_lossy(&service.stderr));
    assert!(text(&json(&service), "/token").starts_with("svct_"));
    let hook = tenantry(&server, &["-o", "json", "subscription", "add", "hook", &url]);
    assert_eq!(hook.status.code(), Some(0), "{}", String::from_utf8_lossy(&hook.stderr));
    assert_eq!(text(&json(&hook), "/target/url"), url);
    let id = text(&json(&service), "/serviceId").to_owned();
    assert_eq!(tenantry(&server, &["service", "remove", &id]).status.code(), Some(0));
    assert!(
        json(&tenantry(&server, &["-o", "json", "service", "list"])).as_array().expect("a list").is_empty()
    );
    let called = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(called.is_err(), "the registered address was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_data_in_every_format() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let answer = server.post("/v1/tenants", &Server::sign_up_body("Listed"), 202).await;
    let tenant = text(&answer, "/tenant/tenantId").to_owned();
    server.until_settled(&tenant).await;
    for list in [
        vec!["tenant", "list"],
        vec!["tenant", "timeline", &tenant],
        vec!["tenant", "resources", &tenant],
        vec!["execution", "list"],
        vec!["event", "list"],
        vec!["queue", "list"],
        vec!["workflow", "list"],
    ] {
        let document = tenantry(&server, &[&["-o", "json"], &list[..]].concat());
        assert!(!json(&document).as_array().expect("a list").is_empty(), "{list:?}");
        let lines = tenantry(&server, &[&["-o", "jsonl"], &list[..]].concat());
        let lines = String::from_utf8(lines.stdout).expect("text");
        assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{list:?}: {lines}");
        let table = String::from_utf8(tenantry(&server, &list).stdout).expect("text");
        assert!(table.lines().count() >= 2, "{list:?}: {table}");
        assert!(!table.contains('\u{1b}'), "colour in a pipe: {table}");
    }
}

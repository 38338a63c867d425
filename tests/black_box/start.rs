//! Starting: what is refused, and how it is said.

use crate::support::server::{Server, binary, free_address};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let second = Command::new(binary())
        .arg("serve")
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--listen", &free_address()])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(said.contains(&dir.path().display().to_string()), "{said}");
    assert!(said.contains(&server.pid().to_string()), "{said}");
    // The lock falls with the process.
    server.kill_and_restart().await;
    server.get("/v1/tenants").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_lie_in_files_of_their_owner_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    for file in ["admin.token", "master.key", "tenantry.db"] {
        let mode = std::fs::metadata(server.dir().join(file)).expect(file).permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file} has mode {mode:o}");
    }
}

#[test]
fn a_definition_that_cannot_run_is_refused_at_start_with_file_state_and_field() {
    let dir = tempfile::tempdir().expect("a folder");
    let workflows = dir.path().join("workflows");
    std::fs::create_dir(&workflows).expect("a folder");
    let text = r#"{"QueryLanguage": "JSONata", "StartAt": "First", "States": {
        "First": {"Type": "Pass", "Next": "Nowhere"}}}"#;
    std::fs::write(workflows.join("provision_tenant.asl.json"), text).expect("a file");
    let output = Command::new(binary())
        .arg("serve")
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .args(["--listen", &free_address(), "--workflows"])
        .arg(&workflows)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for word in ["provision_tenant.asl.json", "First", "Next", "Nowhere"] {
        assert!(said.contains(word), "{word} is missing in: {said}");
    }
}

#[test]
fn an_address_in_use_is_said_plainly() {
    let dir = tempfile::tempdir().expect("a folder");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let output = Command::new(binary())
        .arg("serve")
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--listen", &address])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

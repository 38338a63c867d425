//! What kill -9 cannot show, because the page cache survives it: on the real binary, a sync of the database lies between
//! a request and its 202; a disk that fails or is full loses nothing that was answered.

use crate::support::server::Server;
use crate::support::{text, until};
use reqwest::Method;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shim, compiled. A C compiler is there: the database needed one.
fn shim(dir: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/black_box/shim.c");
    let library = dir.join("shim.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .output()
        .expect("a C compiler called cc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

struct Watched {
    dir: tempfile::TempDir,
    server: Server,
    log: PathBuf,
    fault: PathBuf,
}

impl Watched {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let (log, fault) = (dir.path().join("shim.log"), dir.path().join("fault"));
        let environment =
            [("LD_PRELOAD", shim(dir.path())), ("SHIM_LOG", log.clone()), ("SHIM_FAULT", fault.clone())]
                .map(|(name, path)| (name.to_owned(), path.display().to_string()));
        let server = Server::start_with(&data, environment.to_vec()).await;
        Self { dir, server, log, fault }
    }

    async fn sign_up(&self, name: &str) -> (u16, serde_json::Value) {
        let body = Server::sign_up_body(name);
        let (status, answer) =
            self.server.send(Method::POST, "/v1/tenants", Some(&body), None).await.expect("an answer");
        (status.as_u16(), answer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_lies_between_request_and_answer() {
    let watched = Watched::start().await;
    for number in 0..20 {
        let (status, answer) = watched.sign_up(&format!("Sync {number}")).await;
        assert_eq!(status, 202, "{answer:#}");
    }
    let log = std::fs::read_to_string(&watched.log).expect("the shim's log");
    let mut synced: Option<bool> = None;
    let mut answers = 0;
    for line in log.lines() {
        match line {
            "request" => synced = Some(false),
            "sync" => synced = synced.map(|_| true),
            "202" => {
                assert_eq!(synced.take(), Some(true), "an answer left before its sync:\n{log}");
                answers += 1;
            }
            other => panic!("the shim wrote {other:?}"),
        }
    }
    assert_eq!(answers, 20, "the shim saw every answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_the_process_and_is_never_answered_as_done() {
    let mut watched = Watched::start().await;
    let (_, kept) = watched.sign_up("Before").await;
    let kept = text(&kept, "/tenant/tenantId").to_owned();
    watched.server.until_settled(&kept).await;

    std::fs::write(&watched.fault, "eio").expect("a fault");
    let body = Server::sign_up_body("During");
    let answer = watched.server.send(Method::POST, "/v1/tenants", Some(&body), None).await;
    assert!(answer.is_err(), "an answer left though the sync had failed: {answer:?}");
    let log = watched.server.dir().join("server.log");
    until("the process to end by itself", || async {
        let ended = watched.server.has_ended();
        ended.then_some(())
    })
    .await;
    let said = std::fs::read_to_string(log).expect("the log");
    assert!(
        said.contains("disk I/O error") && said.contains("start again"),
        "the log does not say why:\n{said}"
    );

    std::fs::remove_file(&watched.fault).expect("the fault goes");
    watched.server.restart_after_end().await;
    assert_eq!(text(&watched.server.get(&format!("/v1/tenants/{kept}")).await, "/status"), "active");
    let (status, after) = watched.sign_up("After").await;
    assert_eq!(status, 202);
    watched.server.until_settled(text(&after, "/tenant/tenantId")).await;
    drop(watched.dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers() {
    let mut watched = Watched::start().await;
    let (_, kept) = watched.sign_up("Before").await;
    let kept = text(&kept, "/tenant/tenantId").to_owned();
    watched.server.until_settled(&kept).await;

    std::fs::write(&watched.fault, "enospc").expect("a fault");
    let (status, problem) = watched.sign_up("During").await;
    assert_eq!(status, 503, "{problem:#}");
    assert_eq!(text(&problem, "/code"), "TNT-0002");
    assert_eq!(text(&watched.server.get(&format!("/v1/tenants/{kept}")).await, "/status"), "active");

    // A start without room serves reads, too.
    watched.server.kill_and_restart().await;
    assert_eq!(text(&watched.server.get(&format!("/v1/tenants/{kept}")).await, "/status"), "active");
    let (status, problem) = watched.sign_up("During, again").await;
    assert_eq!(status, 503, "{problem:#}");

    std::fs::remove_file(&watched.fault).expect("the fault goes");
    let (status, after) = watched.sign_up("After").await;
    assert_eq!(status, 202, "{after:#}");
    watched.server.until_settled(text(&after, "/tenant/tenantId")).await;
}

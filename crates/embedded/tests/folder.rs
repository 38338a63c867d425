//! The data folder: who may hold it, who may read it, and what is refused.

use crate::support::{crashed, home_with};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tenantry_core::ports::{Secret, Vault as _};
use tenantry_embedded::store::FATAL_EXIT_CODE;
use tenantry_embedded::{EmbeddedHome, HomeOptions, OpenError, Store, StoreOptions};

fn open(dir: &Path) -> Result<EmbeddedHome, OpenError> {
    EmbeddedHome::open(dir, HomeOptions::default())
}

fn refusal(dir: &Path) -> String {
    match open(dir) {
        Ok(_) => panic!("the folder was opened"),
        Err(error) => error.to_string(),
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// This test binary again, as a process of its own that runs the ignored test `name` on `dir`.
fn child(name: &str, dir: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", dir.display()).unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn wait_for(output: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    while !line.trim_end().ends_with(word) {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended without {word:?}");
    }
}

fn folder_from_stdin() -> PathBuf {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    PathBuf::from(line.trim_end())
}

#[test]
#[ignore = "run by other tests, as a process of its own"]
fn child_that_holds_the_folder() {
    let home = open(&folder_from_stdin()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(home.vault.store("held", Secret::new("by the child"))).unwrap();
    println!("\nholding");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_second_process_is_refused_until_the_first_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut holder, mut output) = child("folder::child_that_holds_the_folder", dir.path());
    wait_for(&mut output, "holding");
    let message = refusal(dir.path());
    assert!(message.contains(&format!("process {}", holder.id())), "{message}");
    assert!(message.contains(&dir.path().canonicalize().unwrap().display().to_string()), "{message}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let home = open(dir.path()).expect("the lock falls with its process");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let secret = runtime.block_on(home.vault.resolve("held")).unwrap();
    assert_eq!(secret.expose(), "by the child", "what was answered survives kill -9");
}

#[test]
#[ignore = "run by other tests, as a process of its own"]
fn child_that_writes_until_it_is_killed() {
    let home = open(&folder_from_stdin()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!();
    runtime.block_on(async {
        for round in 0_u64.. {
            let writes = (0..8).map(|n| {
                let vault = home.vault.clone();
                tokio::spawn(async move {
                    let reference = format!("r/{}", round * 8 + n);
                    vault.store(&reference, Secret::new(reference.as_str())).await.unwrap();
                    println!("stored {reference}");
                })
            });
            for done in writes.collect::<Vec<_>>() {
                done.await.unwrap();
            }
        }
    });
}

#[test]
fn what_a_killed_process_had_answered_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut stored = Vec::new();
    for _ in 0..2 {
        let (mut writer, mut output) = child("folder::child_that_writes_until_it_is_killed", dir.path());
        let mut line = String::new();
        let mut seen = 0;
        while output.read_line(&mut line).unwrap() > 0 {
            if line.ends_with('\n')
                && let Some(reference) = line.trim_end().strip_prefix("stored ")
            {
                stored.push(reference.to_owned());
                seen += 1;
                if seen == 200 {
                    writer.kill().unwrap();
                }
            }
            line.clear();
        }
        assert!(seen >= 200, "{seen} answers");
        writer.wait().unwrap();
    }
    let home = open(dir.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for reference in stored {
        let secret = runtime.block_on(home.vault.resolve(&reference));
        assert_eq!(secret.unwrap_or_else(|error| panic!("{error}")).expose(), reference);
    }
}

#[test]
#[ignore = "run by other tests, as a process of its own"]
fn child_whose_disk_fails() {
    let mut options = StoreOptions::default();
    options.hooks.before_commit = Some(std::sync::Arc::new(|| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(code, None))
    }));
    let opened = Store::open(&folder_from_stdin(), options);
    println!("\nstill here: {opened:?}");
}

#[test]
fn an_io_error_exits_with_70_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (child, _output) = child("folder::child_whose_disk_fails", dir.path());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(FATAL_EXIT_CODE));
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(words.contains("cannot write its log") && words.contains("Check the disk"), "{words}");
}

#[test]
fn the_same_process_is_refused_too() {
    let dir = tempfile::tempdir().unwrap();
    let home = open(dir.path()).unwrap();
    let message = refusal(dir.path());
    assert!(message.contains("this process"), "{message}");
    drop(home);
    open(dir.path()).unwrap();
}

#[test]
fn everything_is_for_its_owner_alone() {
    let above = tempfile::tempdir().unwrap();
    let dir = above.path().join("deep").join("data");
    let home = open(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("blobs")), 0o700);
    for file in ["tenantry.lock", "tenantry.db", "tenantry.db-wal", "tenantry.db-shm", "master.key"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    assert_eq!(std::fs::read(dir.join("master.key")).unwrap().len(), 32);
    drop(home);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let message = refusal(&file.join("data"));
    assert!(message.contains("make the data folder") && message.contains("file/data"), "{message}");
}

#[test]
fn the_master_key_is_never_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let key = dir.path().join("master.key");
    let original = std::fs::read(&key).unwrap();

    std::fs::remove_file(&key).unwrap();
    let message = refusal(dir.path());
    assert!(message.contains("is missing") && message.contains("backup"), "{message}");
    assert!(!key.exists(), "and it was not made anew");

    let put = |bytes: &[u8], mode: u32| {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (bytes, mode, expected) in [
        (&original[..31], 0o600, "32 bytes"),
        (&[&original[..], b"\n"].concat(), 0o600, "32 bytes"),
        (&original[..], 0o644, "chmod 600"),
        (&original[..], 0o640, "chmod 600"),
        (&[7; 32][..], 0o600, "not the one that sealed"),
    ] {
        put(bytes, mode);
        let message = refusal(dir.path());
        assert!(message.contains(expected) && message.contains("master.key"), "{message}");
        std::fs::remove_file(&key).unwrap();
    }
    put(&original, 0o600);
    open(dir.path()).unwrap();
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tenantry.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(dir.path(), StoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "no database at all, but long enough to be looked at as one".repeat(50)).unwrap();
    let error = Store::open(dir.path(), StoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains("tenantry.db cannot be used"), "{error}");
}

#[test]
fn a_newer_data_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let connection = rusqlite::Connection::open(dir.path().join("tenantry.db")).unwrap();
    connection.execute("UPDATE schema_pieces SET version = 99 WHERE name = 'table'", []).unwrap();
    drop(connection);
    let message = refusal(dir.path());
    assert!(message.contains("newer version") && message.contains("99"), "{message}");
}

/// Plants secrets, and looks for them in every byte that a thief of the disk would find.
#[tokio::test]
async fn no_secret_lies_open_on_disk() {
    use tenantry_core::ports::{DataKeys as _, KeyPurpose};
    let canary = "canary-6f1ed002ab559585";
    let (home, dir) = home_with(HomeOptions::default());
    let tenant = tenantry_core::TenantId::from_uuid(home.ids.next());
    home.vault.store("tenants/1/credential", Secret::new(canary)).await.unwrap();
    home.vault.rotate("tenants/1/credential", Secret::new(format!("{canary}-2"))).await.unwrap();
    home.data_keys.create(&tenant, KeyPurpose::Data).await.unwrap();
    let sealed = home.data_keys.seal(&tenant, KeyPurpose::Data, "c", canary.as_bytes()).await.unwrap();
    tenantry_core::ports::Blobs::put(&*home.blobs, "sealed", sealed).await.unwrap();
    let crash = crashed(dir.path());
    drop(home);
    let key = std::fs::read(dir.path().join("master.key")).unwrap();
    let mut files = 0;
    for folder in [crash.path(), dir.path(), &dir.path().join("blobs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("master.key") {
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                assert!(!contains(&bytes, canary.as_bytes()), "{}", path.display());
                assert!(!contains(&bytes, &key), "{} holds the master key", path.display());
            }
        }
    }
    assert!(files >= 5, "{files} files were looked at");
    assert!(contains(&std::fs::read(crash.path().join("tenantry.db-wal")).unwrap(), b"tenants/1/credential"));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

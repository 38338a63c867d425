//! The emulator comes and goes.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use tenantry_emulator::{Emulator, Missing, Options};

fn is_listening(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn it_listens_on_loopback_until_it_is_dropped() {
    let Some(emulator) = Emulator::start_or_explain("the emulator's life", Options::default()) else {
        return;
    };
    let port = emulator.port();
    assert!(is_listening(port));
    assert_eq!(emulator.facts().endpoint_url, format!("http://127.0.0.1:{port}"));
    let folder = emulator.state_dir().to_path_buf();
    assert!(folder.is_dir());
    drop(emulator);
    assert!(!is_listening(port));
    assert!(!folder.exists());
}

#[test]
fn it_stops_when_asked_and_keeps_its_state() {
    let kept = tempfile::tempdir().expect("a folder");
    let options = Options { state_dir: Some(kept.path().to_owned()), ..Options::default() };
    let Some(emulator) = Emulator::start_or_explain("the emulator's state", options.clone()) else { return };
    let port = emulator.port();
    emulator.stop().unwrap_or_else(|why| panic!("{why}"));
    assert!(!is_listening(port));
    assert!(kept.path().read_dir().expect("it is there").next().is_some(), "no state was written");
    let again = Emulator::start(Options { port: Some(port), ..options }).expect("it was there before");
    assert_eq!(again.port(), port);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let Some(_) = tenantry_emulator::shared("the emulator's refusals") else { return };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let answer = Emulator::start(Options { port: Some(port), ..Options::default() });
    match answer {
        Err(Missing::Start(why)) => assert!(why.contains("already in use"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// Not a test, but the process that the test below kills: it shares an emulator, tells its port and waits.
#[test]
#[ignore = "run by it_dies_with_its_process"]
fn a_process_that_shares_one() {
    let Some(emulator) = tenantry_emulator::shared("the emulator's death") else { return };
    println!("\nport {}", emulator.port());
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn it_dies_with_its_process() {
    let program = std::env::current_exe().expect("this program");
    let mut process = Command::new(program)
        .args(["--ignored", "--exact", "--nocapture", "a_process_that_shares_one"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("port ")?.parse().ok());
    process.kill().expect("it was running");
    process.wait().expect("it is gone");
    // Without a port it has said why on the standard error.
    let Some(port) = port else { return };
    for _ in 0..600 {
        if !is_listening(port) {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "a pause between two questions")]
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the emulator on {port} outlives its process");
}

//! The scenarios that every home runs, here on `tenantry serve`. The home on AWS runs them in `tests/deploy`, and holds
//! its event rows against those of this home.

use crate::support::server::{Server, binary};
use tenantry_scenarios::{ControlPlane, all, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_as_it_says_and_the_same_on_a_second_home() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().expect("a folder");
        let server = Server::start(dir.path()).await;
        let home = ControlPlane::new(&server.base(), &server.token(), binary());
        let mut rows = Vec::new();
        for scenario in all() {
            rows.push((scenario.name.clone(), run(&scenario, &home).await));
        }
        runs.push(rows);
    }
    assert!(runs[0].len() >= 3, "scenarios are missing");
    assert_eq!(runs[0], runs[1]);
}

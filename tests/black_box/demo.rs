//! The README's first command.

use crate::support::server::binary;
use std::process::Command;

#[test]
fn the_demonstration_shows_three_ends() {
    let output = Command::new(binary()).args(["demo", "--exit"]).output().expect("the binary runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{said}");
    assert_eq!(shown.matches("=> the tenant is active").count(), 2, "{shown}");
    assert_eq!(shown.matches("=> the tenant is provisioning_failed").count(), 1, "{shown}");
    assert!(shown.contains("kill -9"), "{shown}");
    for step in ["PlaceTenant", "CreateKey", "ActivateTenant", "DestroyKey"] {
        assert!(shown.contains(&format!("✓ {step}")), "{step} is not shown:\n{shown}");
    }
}

//! Who runs, where the request gives no context object: an Express execution that nobody will find again.

use crate::Identity;
use crate::random::Random;

/// Where ARNs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realm<'a> {
    /// Such as `aws`.
    pub partition: &'a str,
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

/// The identity that a tested state sees in its context object. The same seed gives the same.
pub fn identity(realm: Realm<'_>, role_arn: Option<&str>, seed: u64) -> Identity {
    let random = Random::new(seed);
    let (machine, name) = (random.uuid(), random.uuid());
    let Realm { partition, region, account } = realm;
    let states = format!("arn:{partition}:states:{region}:{account}");
    Identity {
        execution_id: format!("{states}:express:{machine}:{name}"),
        execution_name: name,
        role_arn: role_arn.unwrap_or_default().to_owned(),
        state_machine_id: format!("{states}:stateMachine:{machine}"),
        state_machine_name: machine,
        ..Identity::default()
    }
}

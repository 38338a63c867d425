//! What a deployment's state machines and executions are called in AWS.

use crate::deployment::{ALIAS, STATE_MACHINES};
use tenantry_core::ExecutionId;
use tenantry_core::arn::{Arn, Realm};

/// The variable with what the machines' ARNs begin with holds something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the function's variable {STATE_MACHINES} is not the beginning of a state machine's ARN: {0:?}; apply the Terraform \
     of this version"
)]
pub struct MalformedBase(String);

/// The machines: each is named `<prefix><workflow>`.
pub(super) struct Machines {
    realm: Realm,
    prefix: String,
    workflows: Vec<String>,
}

impl Machines {
    pub(super) fn new(
        base: &str,
        workflows: impl IntoIterator<Item = String>,
    ) -> Result<Self, MalformedBase> {
        let malformed = || MalformedBase(base.to_owned());
        // The base may end at the colon: with a letter more it is a whole ARN.
        let whole = format!("{base}m");
        let Some(Arn::StateMachine { name, qualifier: None }) = Arn::parse(&whole) else {
            return Err(malformed());
        };
        let prefix = name.strip_suffix('m').ok_or_else(malformed)?.to_owned();
        let mut parts = base.split(':').skip(1);
        let (Some(partition), Some(_), Some(region), Some(account)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let realm = Realm::new(partition, region, account);
        Ok(Self { realm, prefix, workflows: workflows.into_iter().collect() })
    }

    pub(super) fn workflows(&self) -> &[String] {
        &self.workflows
    }

    fn name(&self, workflow: &str) -> Option<String> {
        let known = self.workflows.iter().any(|known| known == workflow);
        known.then(|| format!("{}{workflow}", self.prefix))
    }

    /// The machine itself, with all its versions.
    pub(super) fn machine(&self, workflow: &str) -> Option<String> {
        Some(self.realm.state_machine(&self.name(workflow)?))
    }

    /// The alias under which it is started.
    pub(super) fn alias(&self, workflow: &str) -> Option<String> {
        Some(self.realm.qualified(&self.name(workflow)?, ALIAS))
    }

    /// `None` for executions of other machines, and for Express ones, which cannot be looked up.
    pub(super) fn execution(&self, id: &ExecutionId) -> Option<String> {
        if id.express().is_some() {
            return None;
        }
        Some(self.realm.execution(&self.name(id.workflow())?, id.name()))
    }

    /// The id of an execution of one of these machines.
    pub(super) fn id(&self, arn: &str) -> Option<ExecutionId> {
        let Some(Arn::Execution { machine, name }) = Arn::parse(arn) else { return None };
        let workflow = machine.strip_prefix(&self.prefix)?;
        self.name(workflow)?;
        ExecutionId::new(workflow, name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machines(base: &str) -> Result<Machines, MalformedBase> {
        Machines::new(base, ["provision_tenant".to_owned(), "move".to_owned()])
    }

    #[test]
    fn names_follow_the_base() {
        let machines = machines("arn:aws-cn:states:cn-north-1:123456789012:stateMachine:prod-").unwrap();
        let id = ExecutionId::new("provision_tenant", "op_1-1").unwrap();
        let arn = "arn:aws-cn:states:cn-north-1:123456789012:execution:prod-provision_tenant:op_1-1";
        assert_eq!(machines.execution(&id).unwrap(), arn);
        assert_eq!(machines.id(arn), Some(id));
        assert_eq!(
            machines.alias("move").unwrap(),
            "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:prod-move:live"
        );
        assert_eq!(
            machines.machine("move").unwrap(),
            "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:prod-move"
        );
    }

    #[test]
    fn what_is_not_ours_has_no_name() {
        let machines = machines("arn:aws:states:eu-west-1:123456789012:stateMachine:").unwrap();
        assert_eq!(machines.machine("other"), None);
        assert_eq!(machines.alias("other"), None);
        assert_eq!(machines.execution(&ExecutionId::new("other", "n").unwrap()), None);
        assert_eq!(machines.execution(&ExecutionId::new("move", "n:uuid").unwrap()), None);
        for arn in [
            "arn:aws:states:eu-west-1:123456789012:execution:other:n",
            "arn:aws:states:eu-west-1:123456789012:express:move:n:uuid",
            "nothing",
        ] {
            assert_eq!(machines.id(arn), None, "{arn}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_machines_arn_is_a_base() {
        for base in [
            "",
            "tenantry-",
            "arn:aws:states:eu-west-1:123456789012:execution:tenantry-",
            "arn:aws:lambda:eu-west-1:123456789012:function:tenantry-",
            "arn:aws:states:eu-west-1:123456789012:stateMachine:tenantry:",
        ] {
            assert!(machines(base).is_err(), "{base}");
        }
    }
}

//! Amazon Resource Names of Step Functions: what executions, state machines and their kin are called outside.
//!
//! Forms: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html#awsstepfunctions-resources-for-iam-policies>.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where resources live: the partition, region and account that stand in their ARNs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Realm {
    /// Such as `aws`.
    pub partition: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Default for Realm {
    /// `aws`, `us-east-1`, `000000000000`: of a home that is no AWS account.
    fn default() -> Self {
        Self::new("aws", "us-east-1", "000000000000")
    }
}

impl Realm {
    /// A realm of these three names.
    pub fn new(partition: &str, region: &str, account: &str) -> Self {
        Self { partition: partition.to_owned(), region: region.to_owned(), account: account.to_owned() }
    }

    fn states(&self, resource: fmt::Arguments<'_>) -> String {
        format!("arn:{}:states:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// `…:stateMachine:<name>`; for the machine of a Map Run's children `name` is `<machine>/<label>`.
    pub fn state_machine(&self, name: &str) -> String {
        self.states(format_args!("stateMachine:{name}"))
    }

    /// `…:stateMachine:<name>:<qualifier>`: a version (its number) or an alias (its name).
    pub fn qualified(&self, name: &str, qualifier: impl fmt::Display) -> String {
        self.states(format_args!("stateMachine:{name}:{qualifier}"))
    }

    /// `…:execution:<machine>:<name>`, of a Standard execution.
    pub fn execution(&self, machine: &str, name: &str) -> String {
        self.states(format_args!("execution:{machine}:{name}"))
    }

    /// `…:express:<machine>:<name>:<uuid>`, of an Express execution: its name may come again, the UUID tells them apart.
    pub fn express(&self, machine: &str, name: &str, uuid: &str) -> String {
        self.states(format_args!("express:{machine}:{name}:{uuid}"))
    }

    /// `…:activity:<name>`.
    pub fn activity(&self, name: &str) -> String {
        self.states(format_args!("activity:{name}"))
    }

    /// `…:mapRun:<machine>/<label>:<uuid>`.
    pub fn map_run(&self, machine: &str, label: &str, uuid: &str) -> String {
        self.states(format_args!("mapRun:{machine}/{label}:{uuid}"))
    }

    /// Whether `arn` names something of this partition, region and account.
    pub fn owns(&self, arn: &str) -> bool {
        let mut parts = arn.splitn(6, ':');
        parts.next() == Some("arn")
            && parts.next() == Some(self.partition.as_str())
            && parts.next() == Some("states")
            && parts.next() == Some(self.region.as_str())
            && parts.next() == Some(self.account.as_str())
    }
}

/// What an ARN of Step Functions names, within whatever realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arn<'a> {
    /// A state machine, or one of its versions or aliases.
    StateMachine {
        /// The machine's name; `<machine>/<label>` for the processor of a distributed Map.
        name: &'a str,
        /// A version's number or an alias's name.
        qualifier: Option<&'a str>,
    },
    /// A Standard execution.
    Execution {
        /// The machine's name; `<machine>/<label>` for a Map Run's child.
        machine: &'a str,
        /// The execution's name.
        name: &'a str,
    },
    /// An Express execution.
    Express {
        /// The machine's name; `<machine>/<label>` for a Map Run's child.
        machine: &'a str,
        /// The execution's name, which may come again.
        name: &'a str,
        /// What tells it from others of its name.
        uuid: &'a str,
    },
    /// An activity.
    Activity {
        /// Its name.
        name: &'a str,
    },
    /// One run of a distributed Map.
    MapRun {
        /// The name of the machine whose state it is.
        machine: &'a str,
        /// The Map state's label.
        label: &'a str,
        /// The run's own name.
        uuid: &'a str,
    },
}

impl<'a> Arn<'a> {
    /// Reads `arn:<partition>:states:<region>:<account>:<resource>`; `None` where it is not of this form, or names
    /// no kind of resource known here. Names are not checked beyond being there.
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut head = arn.splitn(6, ':');
        let known = head.next() == Some("arn")
            && head.next().is_some_and(|partition| partition.starts_with("aws"))
            && head.next() == Some("states")
            && head.next().is_some_and(|region| !region.is_empty())
            && head.next().is_some_and(is_account);
        if !known {
            return None;
        }
        let mut parts = head.next()?.split(':');
        let kind = parts.next()?;
        let first = parts.next().filter(|part| !part.is_empty())?;
        let rest = [parts.next(), parts.next()];
        if parts.next().is_some() || rest.iter().flatten().any(|part| part.is_empty()) {
            return None;
        }
        match (kind, rest) {
            ("stateMachine", [qualifier, None]) => Some(Self::StateMachine { name: first, qualifier }),
            ("execution", [Some(name), None]) => Some(Self::Execution { machine: first, name }),
            ("express", [Some(name), Some(uuid)]) => Some(Self::Express { machine: first, name, uuid }),
            ("activity", [None, None]) => Some(Self::Activity { name: first }),
            ("mapRun", [Some(uuid), None]) => {
                let (machine, label) = first.split_once('/')?;
                (!machine.is_empty() && !label.is_empty()).then_some(Self::MapRun { machine, label, uuid })
            }
            _ => None,
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_reads_back() {
        let realm = Realm::default();
        for (made, expected) in [
            (realm.state_machine("m"), Arn::StateMachine { name: "m", qualifier: None }),
            (realm.qualified("m", 12), Arn::StateMachine { name: "m", qualifier: Some("12") }),
            (realm.execution("m/label", "run"), Arn::Execution { machine: "m/label", name: "run" }),
            (realm.express("m", "run", "u-1"), Arn::Express { machine: "m", name: "run", uuid: "u-1" }),
            (realm.activity("a"), Arn::Activity { name: "a" }),
            (realm.map_run("m", "label", "u"), Arn::MapRun { machine: "m", label: "label", uuid: "u" }),
        ] {
            assert_eq!(Arn::parse(&made), Some(expected), "{made}");
            assert!(realm.owns(&made), "{made}");
        }
        assert_eq!(realm.execution("m", "run"), "arn:aws:states:us-east-1:000000000000:execution:m:run");
    }

    #[test]
    fn what_is_no_arn_is_not_read() {
        for bad in [
            "",
            "arn",
            "m",
            "arn:aws:states:us-east-1:000000000000:stateMachine",
            "arn:aws:states:us-east-1:000000000000:stateMachine:",
            "arn:aws:states:us-east-1:000000000000:stateMachine:m:1:2",
            "arn:aws:states:us-east-1:000000000000:stateMachine:m:",
            "arn:aws:states:us-east-1:0000:stateMachine:m",
            "arn:aws:states::000000000000:stateMachine:m",
            "arn:aws:lambda:us-east-1:000000000000:function:m",
            "arn:aws:states:us-east-1:000000000000:execution:m",
            "arn:aws:states:us-east-1:000000000000:mapRun:m:u",
            "arn:aws:states:us-east-1:000000000000:queue:m",
        ] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
        assert!(!Realm::new("aws", "eu-west-1", "000000000000").owns(&Realm::default().activity("a")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = Arn::parse(&text);
        }
    }
}

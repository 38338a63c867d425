//! Ids: TypeIDs (a prefix that names the kind, and a UUIDv7 in Crockford base32), so that a log line shows what
//! an id belongs to and ids of one kind sort by their making. Spec: <https://github.com/jetify-com/typeid>.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SUFFIX_LEN: usize = 26;

/// Why a text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id of the form {prefix}_ and 26 characters of Crockford base32")]
pub struct InvalidId {
    /// The prefix that was expected, without its underscore.
    pub prefix: &'static str,
    /// What was given, cut to 64 characters.
    pub text: String,
}

fn encode(uuid: uuid::Uuid) -> String {
    let mut bits = uuid.as_u128();
    let mut out = [0u8; SUFFIX_LEN];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    out.iter().map(|byte| char::from(*byte)).collect()
}

fn decode(suffix: &str) -> Option<uuid::Uuid> {
    // 26 characters carry 130 bits: a first character above 7 would not fit in 128.
    if suffix.len() != SUFFIX_LEN || suffix.as_bytes()[0] > b'7' {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in suffix.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 5) | digit as u128;
    }
    Some(uuid::Uuid::from_u128(bits))
}

macro_rules! type_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The prefix of this kind, without its underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id that carries `uuid`, which should be a UUIDv7.
            pub fn from_uuid(uuid: uuid::Uuid) -> Self {
                Self(format!(concat!($prefix, "_{}"), encode(uuid)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(|_| Self(text.to_owned()))
                    .ok_or_else(|| InvalidId { prefix: $prefix, text: text.chars().take(64).collect() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

type_id!(
    /// One tenant.
    TenantId, "tnt"
);
type_id!(
    /// One lifecycle request and its progress.
    OperationId, "op"
);
type_id!(
    /// One fact on the bus; stable over every delivery.
    EventId, "evt"
);
type_id!(
    /// One message of a queue.
    MessageId, "msg"
);
type_id!(
    /// One thing made for a tenant.
    ResourceId, "res"
);
type_id!(
    /// A product service that takes part in the lifecycle.
    ServiceId, "svc"
);
type_id!(
    /// A subscription to events.
    SubscriptionId, "sub"
);

/// Whether Step Functions takes `text` as a name: 1 to 80 characters without white space, brackets, wildcards, its
/// special characters and control characters.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub fn is_resource_name(text: &str) -> bool {
    let taken = |c: char| {
        !c.is_whitespace()
            && !"<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
            && !matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
    };
    let length = text.chars().take(crate::limits::EXECUTION_NAME_LENGTH_MAX + 1).count();
    (1..=crate::limits::EXECUTION_NAME_LENGTH_MAX).contains(&length) && text.chars().all(taken)
}

/// One run of a state machine: `<workflow>~<name>`, where the name is `<operationId>-<attempt>` for a lifecycle
/// operation. Unique within its workflow for ever: a closed name is refused.
///
/// The workflow of a Map Run's child is `<machine>/<label>`; the name of an Express execution, which may come again, is
/// `<name>:<uuid>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId {
    workflow: String,
    name: String,
}

impl ExecutionId {
    /// The execution `name` of `workflow`. Each is a name as [`is_resource_name`] tells; the workflow may be two of
    /// them with a `/` between, the name two with a `:`.
    ///
    /// # Errors
    /// [`InvalidExecutionId`] for anything else.
    pub fn new(workflow: &str, name: &str) -> Result<Self, InvalidExecutionId> {
        let valid = |part: &str, divider: char| match part.split_once(divider) {
            Some((first, second)) => is_resource_name(first) && is_resource_name(second),
            None => is_resource_name(part),
        };
        if valid(workflow, '/') && valid(name, ':') {
            Ok(Self { workflow: workflow.to_owned(), name: name.to_owned() })
        } else {
            Err(InvalidExecutionId(format!("{workflow}~{name}").chars().take(64).collect()))
        }
    }

    /// The workflow's name, as in `workflows/<name>.asl.json`.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// The execution's name within its workflow.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of an Express execution, the name that it was given and the UUID that tells it from others of that name.
    pub fn express(&self) -> Option<(&str, &str)> {
        self.name.split_once(':')
    }

    /// Of a Map Run's child, the machine whose state made it and that state's label.
    pub fn map_run_child(&self) -> Option<(&str, &str)> {
        self.workflow.split_once('/')
    }
}

/// Why a text is not an execution id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an execution id of the form <workflow>~<name>, each 1 to 80 characters without white space, brackets, \
     wildcards and special characters"
)]
pub struct InvalidExecutionId(String);

impl FromStr for ExecutionId {
    type Err = InvalidExecutionId;

    fn from_str(text: &str) -> Result<Self, InvalidExecutionId> {
        let invalid = || InvalidExecutionId(text.chars().take(64).collect());
        let (workflow, name) = text.split_once('~').ok_or_else(invalid)?;
        Self::new(workflow, name)
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.workflow, self.name)
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ExecutionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExecutionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_value_of_the_spec() {
        // The example of the TypeID specification, version 0.3.
        let uuid: uuid::Uuid = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(TenantId::from_uuid(uuid).as_str(), "tnt_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn refuses_other_kinds_and_other_alphabets() {
        let good = "tnt_01h455vb4pex5vsknk084sn02q";
        assert!(good.parse::<TenantId>().is_ok());
        for bad in [
            "op_01h455vb4pex5vsknk084sn02q",
            "tnt_01h455vb4pex5vsknk084sn02",
            "tnt_01H455VB4PEX5VSKNK084SN02Q",
            "tnt_81h455vb4pex5vsknk084sn02q",
            "tnt_01h455vb4pex5vsknk084sn02u",
            "tnt_",
            "",
        ] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn execution_ids() {
        let id: ExecutionId = "provision_tenant~op_01-1".parse().unwrap();
        assert_eq!((id.workflow(), id.name()), ("provision_tenant", "op_01-1"));
        for bad in [
            "", "~", "a~", "~b", "a~b~c", "a b~c", "a:b~c", "a~b/c", "a/b/c~d", "a~b:c:d", "a/~b", "a~:b",
            "a~b\n",
        ] {
            assert!(bad.parse::<ExecutionId>().is_err(), "{bad}");
        }
        for (length, taken) in [(80, true), (81, false)] {
            let id = format!("a~{}", "\u{e9}".repeat(length));
            assert_eq!(id.parse::<ExecutionId>().is_ok(), taken, "{length}");
        }
        let child: ExecutionId = "m/label~run".parse().unwrap();
        assert_eq!((child.map_run_child(), child.express()), (Some(("m", "label")), None));
        let express: ExecutionId = "m~run:5f".parse().unwrap();
        assert_eq!((express.map_run_child(), express.express()), (None, Some(("run", "5f"))));
    }

    proptest! {
        #[test]
        fn every_uuid_survives_and_order_is_kept(a: u128, b: u128) {
            let (a, b) = (uuid::Uuid::from_u128(a), uuid::Uuid::from_u128(b));
            let (x, y) = (EventId::from_uuid(a), EventId::from_uuid(b));
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(x.as_str().parse::<EventId>().unwrap(), x);
        }
    }
}

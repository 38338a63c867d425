//! The context object where a frame stands: `$states.context`, `$$`.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>

use super::evaluate::Given;
use super::run::Run;
use crate::definition::model::Kind;
use crate::state::{Activity, FrameId};
use crate::time::iso;
use crate::{LONE_STATE_NAME, TASK_TOKEN_PLACEHOLDER};
use serde_json::{Map, Value, json};

impl Run<'_> {
    pub(super) fn context(&self, id: FrameId, given: Given<'_>) -> Value {
        if let Some(context) = self.probe.and_then(|probe| probe.context.as_ref()) {
            return context.clone();
        }
        let mut context = Map::new();
        if let Some(start) = &self.start {
            let identity = &start.identity;
            let mut execution = json!({
                "Id": identity.execution_id,
                "Input": &*start.input,
                "Name": identity.execution_name,
                "RoleArn": identity.role_arn,
                "StartTime": iso(start.at_ms),
            });
            if self.probe.is_some() && identity.role_arn.is_empty() {
                execution["RoleArn"] = Value::Null;
            }
            if !identity.is_express() {
                execution["RedriveCount"] = Value::from(self.base.redrive_count + u64::from(self.redriven));
                let redriven_at_ms =
                    if self.redriven { Some(self.env.now_ms) } else { self.base.redriven_at_ms };
                if let Some(at_ms) = redriven_at_ms {
                    execution["RedriveTime"] = Value::from(iso(at_ms));
                }
            }
            context.insert("Execution".to_owned(), execution);
            let machine = json!({"Id": identity.state_machine_id, "Name": identity.state_machine_name});
            context.insert("StateMachine".to_owned(), machine);
        }
        if let Some(frame) = self.frame(id) {
            let name = if self.probe.is_some() { LONE_STATE_NAME } else { &*frame.state };
            let mut state = json!({"EnteredTime": iso(frame.entered_at_ms), "Name": name});
            // Only a state that may be tried again counts its retries.
            if self.state_of(id).is_some_and(|state| {
                matches!(state.kind, Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_))
            }) {
                let retries = self.probe.map_or_else(|| frame.retry_count(), |probe| probe.retries_used);
                state["RetryCount"] = Value::from(retries);
            }
            context.insert("State".to_owned(), state);
        }
        let item = given.item.or_else(|| self.item_around(id));
        if let Some((index, value)) = item {
            let mut item = json!({"Index": index, "Value": value});
            for (name, text) in [("Key", given.item_key), ("Source", given.item_source)] {
                if let Some(text) = text {
                    item[name] = Value::from(text);
                }
            }
            context.insert("Map".to_owned(), json!({"Item": item}));
        }
        if given.token {
            context.insert("Task".to_owned(), json!({"Token": TASK_TOKEN_PLACEHOLDER}));
        }
        Value::Object(context)
    }

    /// The item of the innermost iteration that a frame lies in.
    fn item_around(&self, id: FrameId) -> Option<(u64, &Value)> {
        let mut id = id;
        loop {
            let parent = self.frame(id)?.parent?;
            let frame = self.frame(parent)?;
            if let (Some(items), Activity::Fan(fan)) = (&frame.items, &frame.activity) {
                let index = id.checked_sub(fan.first)?;
                return Some((index, items.get(usize::try_from(index).ok()?)?));
            }
            id = parent;
        }
    }
}

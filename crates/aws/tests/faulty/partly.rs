//! Batches of which some entries fail: SendMessageBatch, whose answer names entries by their ids, and PutEvents, whose
//! answer has them in their order.

use serde_json::{Value, json};

/// A batch's entries.
pub(crate) fn entries(batch: &Value) -> &[Value] {
    batch["Entries"].as_array().map_or(&[], Vec::as_slice)
}

/// The batch without the entries at these places.
pub(crate) fn without(batch: &Value, places: &[usize]) -> Value {
    let mut left = batch.clone();
    let kept = entries(batch).iter().enumerate().filter(|(place, _)| !places.contains(place));
    left["Entries"] = kept.map(|(_, entry)| entry.clone()).collect();
    left
}

/// What a batch of nothing would be answered.
pub(crate) fn nothing() -> Value {
    json!({})
}

/// The answer to the batch, of the answer to those that were carried out.
pub(crate) fn merged(batch: &Value, places: &[usize], answered: &Value) -> Value {
    match entries(batch).first() {
        Some(entry) if entry.get("Id").is_some() => of_messages(batch, places, answered),
        _ => of_events(batch, places, answered),
    }
}

/// Every third of those that fail is left out altogether: no answer should do so, and nothing may be lost where one does.
fn of_messages(batch: &Value, places: &[usize], answered: &Value) -> Value {
    let told = places.iter().enumerate().filter(|(number, _)| number % 3 != 2);
    let failed: Vec<Value> = told
        .map(|(number, place)| {
            let id = &entries(batch)[*place]["Id"];
            if number % 2 == 0 {
                json!({"Id": id, "SenderFault": false, "Code": "InternalError", "Message": "as asked for"})
            } else {
                json!({"Id": id, "SenderFault": true, "Code": "RequestThrottled", "Message": "as asked for"})
            }
        })
        .collect();
    let done = answered.get("Successful").cloned().unwrap_or_else(|| json!([]));
    json!({"Successful": done, "Failed": failed})
}

fn of_events(batch: &Value, places: &[usize], answered: &Value) -> Value {
    let mut done = answered["Entries"].as_array().cloned().unwrap_or_default().into_iter();
    let codes = ["ThrottlingException", "InternalFailure", "InternalException"];
    let all: Vec<Value> = (0..entries(batch).len())
        .map(|place| match places.contains(&place) {
            true => json!({"ErrorCode": codes[place % codes.len()], "ErrorMessage": "as asked for"}),
            false => done.next().expect("an answer for each that was carried out"),
        })
        .collect();
    json!({"FailedEntryCount": places.len(), "Entries": all})
}

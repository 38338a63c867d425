use crate::items::{Batch, Offered};
use proptest::prelude::*;
use serde_json::{Value, json};

/// All batches of these items.
fn batches(
    items: &[Value],
    input: Option<&Value>,
    items_max: usize,
    bytes_max: usize,
) -> Result<Vec<Value>, usize> {
    let mut all = Vec::new();
    let mut next = 0;
    while next < items.len() {
        let mut batch = Batch::new(input.cloned(), items_max, bytes_max);
        while let Some(item) = items.get(next) {
            match batch.offer(item.clone()) {
                Offered::Taken => next += 1,
                Offered::Full => break,
                Offered::TooLarge => return Err(next),
            }
        }
        all.push(batch.into_value());
    }
    Ok(all)
}

#[test]
fn batches_hold_so_many_items() {
    let items = [json!(1), json!(2), json!(3)];
    let of = |items_max| batches(&items, None, items_max, 1_000);
    assert_eq!(of(2), Ok(vec![json!({"Items": [1, 2]}), json!({"Items": [3]})]));
    assert_eq!(of(9), Ok(vec![json!({"Items": [1, 2, 3]})]));
}

#[test]
fn batches_hold_so_many_bytes_with_their_input() {
    let items = [json!("aaaa"), json!("bbbb"), json!("cc")];
    // {"Items":["aaaa","bbbb"]} has 25 bytes.
    assert_eq!(batches(&items, None, 9, 25).map(|batches| batches.len()), Ok(2));
    assert_eq!(batches(&items, None, 9, 24).map(|batches| batches.len()), Ok(2));
    assert_eq!(batches(&items, None, 9, 22).map(|batches| batches.len()), Ok(3));
    assert_eq!(batches(&items, None, 9, 17), Err(0));
    let input = json!({"x": 1});
    let with = batches(&items, Some(&input), 9, 60).expect("they fit");
    assert_eq!(with[0], json!({"BatchInput": {"x": 1}, "Items": ["aaaa", "bbbb", "cc"]}));
    assert_eq!(batches(&items, Some(&input), 9, 25), Err(0));
}

proptest! {
    #[test]
    fn batches_hold_every_item_once_in_order_within_bounds(
        texts in prop::collection::vec("[a-z\"é]{0,12}", 0..40),
        items_max in 1usize..6,
        bytes_max in 30usize..120,
    ) {
        let items: Vec<Value> = texts.into_iter().map(Value::from).collect();
        match batches(&items, Some(&json!("in")), items_max, bytes_max) {
            Ok(batches) => {
                let mut seen = Vec::new();
                for (place, batch) in batches.iter().enumerate() {
                    let held = batch["Items"].as_array().expect("is a list");
                    prop_assert!((1..=items_max).contains(&held.len()));
                    prop_assert!(batch.to_string().len() <= bytes_max);
                    seen.extend(held.iter().cloned());
                    // None was closed while the next item had room.
                    if let Some(next) = batches.get(place + 1) && held.len() < items_max {
                        let more = next["Items"][0].to_string().len() + 1;
                        prop_assert!(batch.to_string().len() + more > bytes_max);
                    }
                }
                prop_assert_eq!(seen, items);
            }
            Err(place) => {
                let alone = json!({"BatchInput": "in", "Items": [items[place].clone()]});
                prop_assert!(alone.to_string().len() > bytes_max);
            }
        }
    }
}

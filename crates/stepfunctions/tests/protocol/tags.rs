use crate::support::{Home, pass};
use serde_json::{Value, json};

async fn tags(home: &Home, arn: &str) -> Value {
    home.ok("ListTagsForResource", json!({"resourceArn": arn})).await["tags"].clone()
}

#[tokio::test]
async fn tags_are_set_changed_and_taken_away() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let set = |tags: Value| home.ok("TagResource", json!({"resourceArn": arn, "tags": tags}));
    set(json!([tag("b", "1"), tag("a", "2")])).await;
    set(json!([tag("b", "3")])).await;
    let home_again = json!([tag("b", "3"), tag("a", "2")]);
    assert_eq!(tags(&home, &arn).await, home_again);
    home.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["b", "none"]})).await;
    let home = home.restarted().await;
    assert_eq!(tags(&home, &arn).await, json!([tag("a", "2")]));
}

#[tokio::test]
async fn what_cannot_be_tagged() {
    let home = Home::new().await;
    let arn = home.machine("m", &pass("one")).await;
    home.ok("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await;
    let tagged =
        |arn: &str, tags: Value| home.refused("TagResource", json!({"resourceArn": arn, "tags": tags}));
    let one = json!([{"key": "a", "value": "b"}]);
    for missing in [format!("{arn}:1"), format!("{arn}x")] {
        assert_eq!(
            tagged(&missing, one.clone()).await,
            ("ResourceNotFound", format!("Resource not found: '{missing}'"))
        );
    }
    let execution = arn.replace(":stateMachine:", ":execution:");
    assert_eq!(tagged(&execution, one).await.0, "InvalidArn");
    let many: Vec<_> = (0..51).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect();
    assert_eq!(tagged(&arn, json!(many)).await.0, "TooManyTags");
    assert_eq!(tagged(&arn, json!([{"key": "aws:x", "value": ""}])).await.0, "ValidationException");
    assert_eq!(tags(&home, &arn).await, json!([]), "a refusal left something");
}

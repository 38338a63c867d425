use crate::support::{Home, pass, text};
use serde_json::{Value, json};

/// A machine with two versions; its ARN.
async fn two_versions(home: &Home) -> String {
    let arn = home.machine("m", &pass("one")).await;
    home.ok("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await;
    let update = json!({"stateMachineArn": arn, "definition": pass("two"), "publish": true});
    home.ok("UpdateStateMachine", update).await;
    arn
}

fn routes(arn: &str, weights: &[u64]) -> Value {
    let routes = weights.iter().enumerate();
    routes
        .map(|(index, weight)| {
            json!({"stateMachineVersionArn": format!("{arn}:{}", index + 1), "weight": weight})
        })
        .collect()
}

#[tokio::test]
async fn an_alias_leads_to_its_version() {
    let home = Home::new().await;
    let arn = two_versions(&home).await;
    let request = json!({"name": "live", "routingConfiguration": routes(&arn, &[100]), "description": "d"});
    let made = home.ok("CreateStateMachineAlias", request.clone()).await;
    let alias = text(&made, "stateMachineAliasArn");
    assert_eq!(alias, format!("{arn}:live"));
    assert_eq!(home.ok("CreateStateMachineAlias", request.clone()).await, made);
    for (member, value) in
        [("description", json!("other")), ("routingConfiguration", routes(&arn, &[50, 50]))]
    {
        let mut other = request.clone();
        other[member] = value;
        assert_eq!(home.refused("CreateStateMachineAlias", other).await.0, "ConflictException");
    }
    let execution = home.start(&alias, "run", "{}").await;
    let described = home.describe(&execution).await;
    assert_eq!(
        (
            text(&described, "output"),
            text(&described, "stateMachineArn"),
            text(&described, "stateMachineVersionArn"),
            text(&described, "stateMachineAliasArn")
        ),
        (r#"{"word":"one"}"#.to_owned(), arn.clone(), format!("{arn}:1"), alias.clone())
    );
    let update = json!({
        "stateMachineAliasArn": alias,
        "routingConfiguration": [{"stateMachineVersionArn": format!("{arn}:2"), "weight": 100}],
    });
    home.ok("UpdateStateMachineAlias", update).await;
    let execution = home.start(&alias, "later", "{}").await;
    assert_eq!(text(&home.describe(&execution).await, "output"), r#"{"word":"two"}"#);
    assert_eq!(
        home.ok("DescribeStateMachineAlias", json!({"stateMachineAliasArn": alias})).await,
        json!({
            "creationDate": 1_750_000_000.0, "updateDate": 1_750_000_000.0, "name": "live", "description": "d",
            "stateMachineAliasArn": alias,
            "routingConfiguration": [{"stateMachineVersionArn": format!("{arn}:2"), "weight": 100}],
        })
    );
}

#[tokio::test]
async fn weights_are_what_is_drawn() {
    let home = Home::new().await;
    let arn = two_versions(&home).await;
    let request = json!({"name": "live", "routingConfiguration": routes(&arn, &[20, 80])});
    let alias = text(&home.ok("CreateStateMachineAlias", request).await, "stateMachineAliasArn");
    let mut first = 0;
    for run in 0..400 {
        let execution = home.start(&alias, &format!("r{run}"), "{}").await;
        let output = text(&home.describe(&execution).await, "output");
        first += usize::from(output == r#"{"word":"one"}"#);
    }
    // Four standard deviations of a fair draw; the ids repeat, so it never varies.
    assert!((48..=112).contains(&first), "{first} of 400 were of the version with 20 %");
    for (qualified, expected) in
        [(format!("{arn}:1"), first), (format!("{arn}:live"), 400), (arn.clone(), 400)]
    {
        let listed = json!({"stateMachineArn": qualified, "maxResults": 1000});
        let found = home.ok("ListExecutions", listed).await["executions"].as_array().unwrap().len();
        assert_eq!(found, expected, "{qualified}");
    }
}

#[tokio::test]
async fn what_no_alias_may_be() {
    let home = Home::new().await;
    let arn = two_versions(&home).await;
    let refused = |name: &str, routing: Value| {
        home.refused("CreateStateMachineAlias", json!({"name": name, "routingConfiguration": routing}))
    };
    let one = routes(&arn, &[100]);
    for (name, routing, code, message) in [
        ("12", one.clone(), "ValidationException", "regular expression pattern"),
        ("a b", one.clone(), "ValidationException", "regular expression pattern"),
        ("a", json!([]), "ValidationException", "Member must have length greater than or equal to 1"),
        (
            "a",
            routes(&arn, &[50, 30, 20]),
            "ValidationException",
            "Member must have length less than or equal to 2",
        ),
        (
            "a",
            routes(&arn, &[70, 29]),
            "ValidationException",
            "Sum of routing configuration weights must equal 100. Received: [70, 29]",
        ),
        (
            "a",
            routes(&arn, &[101]),
            "ValidationException",
            "Value '101' at 'routingConfiguration.1.member.weight'",
        ),
        (
            "a",
            json!([{"stateMachineVersionArn": arn, "weight": 100}]),
            "ValidationException",
            "Routing configuration must contain state machine version ARNs.",
        ),
        (
            "a",
            json!([one[0], one[0]]),
            "ValidationException",
            "Routing configuration must contain distinct state machine version ARNs.",
        ),
        (
            "a",
            json!([{"stateMachineVersionArn": format!("{arn}:3"), "weight": 100}]),
            "ResourceNotFound",
            "Request references a resource that does not exist.",
        ),
    ] {
        let (found, words) = refused(name, routing.clone()).await;
        assert!(found == code && words.contains(message), "{name} {routing}: {found}: {words}");
    }
    let listed = home.ok("ListStateMachineAliases", json!({"stateMachineArn": arn})).await;
    assert_eq!(listed, json!({"stateMachineAliases": []}));
}

#[tokio::test]
async fn a_version_that_an_alias_needs_stays() {
    let home = Home::new().await;
    let arn = two_versions(&home).await;
    for name in ["b", "a"] {
        let request = json!({"name": name, "routingConfiguration": routes(&arn, &[100])});
        home.ok("CreateStateMachineAlias", request).await;
    }
    let version = json!({"stateMachineVersionArn": format!("{arn}:1")});
    assert_eq!(
        home.refused("DeleteStateMachineVersion", version.clone()).await,
        (
            "ConflictException",
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
             version: [a, b]"
                .to_owned()
        )
    );
    let home = home.restarted().await;
    let of_second = json!({"stateMachineArn": format!("{arn}:2")});
    assert_eq!(home.ok("ListStateMachineAliases", of_second).await, json!({"stateMachineAliases": []}));
    for name in ["a", "b", "b"] {
        let alias = json!({"stateMachineAliasArn": format!("{arn}:{name}")});
        assert_eq!(home.ok("DeleteStateMachineAlias", alias).await, json!({}));
    }
    home.ok("DeleteStateMachineVersion", version).await;
    let gone = json!({"stateMachineAliasArn": format!("{arn}:a"), "description": "x"});
    assert_eq!(
        home.refused("UpdateStateMachineAlias", gone).await,
        ("ResourceNotFound", "Request references a resource that does not exist.".to_owned())
    );
}

//! How many of a resource Terraform's files make. What cannot be told is an error, never a guess: whoever adds an alarm
//! says here how many metrics it watches.

/// How many there are of what a `for_each` goes over.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub watched_functions: usize,
    pub workflows: usize,
    pub queues: usize,
    pub dead_letter_queues: usize,
}

/// Resources of that type in a file, each once: for what has no `for_each`.
pub fn resources(text: &str, kind: &str) -> f64 {
    text.matches(&format!("resource \"{kind}\" ")).count() as f64
}

/// The text of a block that begins at `from`, its braces included.
fn block(text: &str, from: usize) -> Option<&str> {
    let rest = text.get(from..)?;
    let mut depth = 0_usize;
    for (place, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return rest.get(..=place);
                }
            }
            _ => {}
        }
    }
    None
}

/// The value of `name = …` on a line of its own.
fn value<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    block
        .lines()
        .find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='))
        .map(str::trim)
}

/// What a `for_each` goes over, where it goes over all of it on AWS: the map itself, or
/// `{ for k, v in map : k => v if !var.context.emulated }`.
fn over(expression: &str) -> &str {
    let inner = expression.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    let whole = || {
        let (head, rest) = inner?.strip_prefix("for ")?.split_once(" in ")?;
        let (key, item) = head.split_once(", ")?;
        let (map, rest) = rest.split_once(" : ")?;
        let rest = rest.trim_end_matches(" if !var.context.emulated");
        (rest == format!("{key} => {item}")).then_some(map)
    };
    whole().unwrap_or(expression)
}

/// Metrics under all alarms of the file: an alarm is billed for each metric that it looks at.
pub fn alarm_metrics(text: &str, sizes: Sizes) -> Result<usize, String> {
    const HEAD: &str = "resource \"aws_cloudwatch_metric_alarm\" ";
    let mut metrics = 0;
    for (from, _) in text.match_indices(HEAD) {
        let block = block(text, from).ok_or("an alarm's block does not end")?;
        let count = match value(block, "for_each").map(over) {
            Some("local.alarms") => alarms_of_the_map(text, sizes)?,
            Some("local.rated_functions") => sizes.watched_functions,
            None => 1,
            Some(other) => return Err(format!("alarms are made for each of {other}")),
        };
        metrics += count * metrics_of(block);
    }
    if metrics == 0 { Err("no alarm is made".to_owned()) } else { Ok(metrics) }
}

/// Metrics that one alarm of this block looks at.
fn metrics_of(alarm: &str) -> usize {
    match alarm.find("dynamic \"metric_query\"") {
        Some(from) => {
            let over = alarm.get(from..).and_then(|query| value(query, "for_each")).unwrap_or_default();
            over.matches(" = \"").count()
        }
        None => alarm.matches("metric {").count().max(1),
    }
}

/// Entries of `local.alarms`: each key stands before `=> {` or `= {`, in quotes.
fn alarms_of_the_map(text: &str, sizes: Sizes) -> Result<usize, String> {
    let from = text.find("alarms = merge(").ok_or("the map of alarms is not found")?;
    let to = text.find("resource \"").ok_or("the map of alarms does not end")?;
    let map = text.get(from..to).unwrap_or_default();
    let lines: Vec<&str> = map.lines().map(str::trim).collect();
    let mut alarms = 0;
    for (number, line) in lines.iter().enumerate() {
        let Some(before) = line.strip_suffix("=> {").or_else(|| line.strip_suffix("= {")) else { continue };
        let Some(key) = before.trim().strip_suffix('"').and_then(|text| text.rsplit('"').next()) else {
            // `for metric, what in { … } : "key" => {` begins with a line that names what it goes over.
            continue;
        };
        alarms += match key {
            _ if !key.contains("${") => 1,
            "dead-letters-in-${name}" => sizes.dead_letter_queues,
            "age-of-${name}" => sizes.queues,
            "${workflow}-${metric}" => {
                let over = lines[..number].iter().rev().take_while(|line| !line.starts_with("for metric"));
                sizes.workflows * over.filter(|line| line.contains(" = \"")).count()
            }
            "table-${metric}" => listed(line).ok_or_else(|| format!("what {key} goes over is not listed"))?,
            other => return Err(format!("the key {other:?} stands for several alarms")),
        };
    }
    Ok(alarms)
}

/// Members of the `["a", "b"]` of a line.
fn listed(line: &str) -> Option<usize> {
    let list = line.split_once('[')?.1.split_once(']')?.0;
    Some(list.split(',').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { watched_functions: 10, workflows: 2, queues: 4, dead_letter_queues: 7 };

    #[test]
    fn alarms_are_counted_by_what_they_are_made_for() {
        let map = r#"
  alarms = merge(
    { for name, queue in var.dead_letter_queue_names : "dead-letters-in-${name}" => {
      metric = "x"
    } },
    merge([
      for workflow, arn in var.state_machine_arns : {
        for metric, what in {
          ExecutionsFailed   = "failed"
          ExecutionsTimedOut = "ran out of time"
          } : "${workflow}-${metric}" => {
          description = "y"
        }
      }
    ]...),
    { "api-errors" = {
      threshold = 1
    } },
    { for metric in ["A", "B", "C"] : "table-${metric}" => {
      threshold = 0
    } },
  )
"#;
        let made = "resource \"aws_cloudwatch_metric_alarm\" \"this\" {\n  for_each = local.alarms\n}\n";
        let each = "resource \"aws_cloudwatch_metric_alarm\" \"rate\" {\n  for_each = local.rated_functions\n  \
                    dynamic \"metric_query\" {\n    for_each = { e = \"E\", i = \"I\" }\n  }\n}\n";
        assert_eq!(alarm_metrics(&format!("{map}{made}"), SIZES), Ok(7 + 2 * 2 + 1 + 3));
        assert_eq!(alarm_metrics(&format!("{map}{made}{each}"), SIZES), Ok(15 + 20));
        let filtered = |condition: &str| {
            let all = "{ for name, alarm in local.alarms : name => alarm if CONDITION }"
                .replace("CONDITION", condition);
            alarm_metrics(&format!("{map}{}", made.replace("local.alarms", &all)), SIZES)
        };
        assert_eq!(filtered("!var.context.emulated"), Ok(15));
        assert!(filtered("name != name").is_err(), "a filter was taken for none");
        let strange = map.replace("table-", "index-");
        assert!(alarm_metrics(&format!("{strange}{made}"), SIZES).is_err(), "an unknown key was counted");
        assert!(alarm_metrics(&each.replace("local.rated_functions", "var.others"), SIZES).is_err());
    }
}

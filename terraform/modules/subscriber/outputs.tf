output "rule_arn" {
  description = "The rule's ARN."
  value       = local.rule_arn
}

output "queue_policy_statement" {
  description = "The statement that the queue's policy needs, as JSON."
  value       = jsonencode(local.statement)
}

output "dead_letter_queue_url" {
  description = "Where events lie that could not be delivered."
  value       = aws_sqs_queue.dead_letters.url
}

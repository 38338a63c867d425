output "urls" {
  description = "The queues' URLs by name."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.url }
}

output "arns" {
  description = "The queues' ARNs by name."
  value       = { for name, queue in aws_sqs_queue.this : name => queue.arn }
}

output "dead_letter_arns" {
  description = "The dead letter queues' ARNs, by the queue's name or by their own."
  value       = { for name, queue in aws_sqs_queue.dead_letters : name => queue.arn }
}

output "dead_letter_urls" {
  description = "The dead letter queues' URLs, by the queue's name or by their own."
  value       = { for name, queue in aws_sqs_queue.dead_letters : name => queue.url }
}

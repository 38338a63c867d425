output "topic_arn" {
  description = "The topic that alarms are published to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

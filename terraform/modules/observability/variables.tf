variable "function_names" {
  description = "The functions' names in Lambda, by function."
  type        = map(string)
}

variable "log_group_names" {
  description = "The functions' log groups, by function."
  type        = map(string)
}

variable "queue_names" {
  description = "The queues' names in SQS, by queue."
  type        = map(string)
}

variable "dead_letter_queue_names" {
  description = "The dead letter queues' names in SQS, by the queue's name or their own."
  type        = map(string)
}

variable "drained_queues" {
  description = "Queues whose dead letters a function takes away and writes down."
  type        = set(string)
}

variable "state_machine_arns" {
  description = "The state machines' ARNs, by workflow."
  type        = map(string)
}

variable "table_name" {
  description = "The table's name."
  type        = string
}

variable "api_id" {
  description = "The HTTP API's id."
  type        = string
}

variable "key_arn" {
  description = "The key that the alarms' topic is encrypted with."
  type        = string
}

variable "alarm_emails" {
  description = "Addresses that are told of alarms."
  type        = list(string)
}

variable "message_age_seconds" {
  description = "How long a message may wait, in seconds."
  type        = number
}

variable "stream_age_seconds" {
  description = "How far the relay may be behind the table's stream, in seconds."
  type        = number
}

variable "failed_executions_threshold" {
  description = "How many executions may end without success in five minutes."
  type        = number
}

variable "error_rate_percent" {
  description = "How many calls of a function in a hundred may fail."
  type        = number
}

variable "error_rate_functions" {
  description = "Functions with an alarm over their rate of failed calls."
  type        = set(string)
}

variable "monthly_budget_usd" {
  description = "Forecasts above this many USD a month are told of; 0: no budget."
  type        = number
}

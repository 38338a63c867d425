variable "publisher_role_arns" {
  description = "Roles of the functions that publish; nobody else may."
  type        = list(string)
}

variable "subscriber_account_ids" {
  description = "Other accounts that may keep rules of their own on the bus, which lead to buses of their own."
  type        = list(string)
}

variable "archive_days" {
  description = "How long the archive keeps events, in days; 0: for ever."
  type        = number
}

variable "execution_status_rules" {
  description = "Name of the rule and beginning of the executions' ARNs, by workflow."
  type        = map(object({ rule_name = string, execution_arn_prefix = string }))
}

variable "execution_status_queue_arn" {
  description = "The queue that is told how executions ended."
  type        = string
}

variable "dead_letter_queue_arn" {
  description = "Where EventBridge puts what it could not deliver."
  type        = string
}

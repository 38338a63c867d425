variable "bus_name" {
  description = "The bus: its name, or its ARN where it is another account's. The output `bus` of the environment tells it."
  type        = string
}

variable "name" {
  description = "The rule's name, such as crm-tenants; the undelivered events' queue is named after it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, - or _."
  }
}

variable "description" {
  description = "What the subscriber does with the events."
  type        = string
  default     = "Facts about tenants"
}

variable "pattern" {
  description = "An EventBridge event pattern as JSON. It must name a detail-type or a part of detail: a subscriber that wants everything says so by {\"source\": [\"tenantry\"]}."
  type        = string

  validation {
    condition     = can(keys(jsondecode(var.pattern))) && try(length(keys(jsondecode(var.pattern))) > 0, false)
    error_message = "pattern must be an EventBridge event pattern as JSON, such as {\"source\": [\"tenantry\"], \"detail-type\": [\"TenantProvisioned\"]}."
  }
}

variable "queue_arn" {
  description = "The queue that gets the events, in the rule's Region."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:.+$", var.queue_arn))
    error_message = "queue_arn must be the ARN of an SQS queue: arn:aws:sqs:<region>:<account>:<name>."
  }
}

variable "write_queue_policy" {
  description = "Whether the queue's policy is written here, as its only author. False: its owner adds the output queue_policy_statement."
  type        = bool
  default     = false
}

variable "queue_url" {
  description = "The queue's URL; needed where its policy is written here."
  type        = string
  default     = null

  validation {
    condition     = !var.write_queue_policy || var.queue_url != null
    error_message = "queue_url must be given where write_queue_policy is true: the policy is written to that queue."
  }
}

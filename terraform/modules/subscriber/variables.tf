variable "bus_name" {
  description = "The bus's name, in the account and Region that this is applied in. The output `bus` of the environment tells it."
  type        = string
}

variable "name" {
  description = "The rule's name, such as crm-tenants; the undelivered events' queue is named after it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,57}$", var.name))
    error_message = "name must be 1 to 57 letters, digits, - or _: a role is named after it."
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

variable "queue_account_id" {
  description = "The account of the queue, where it is another than the bus's; null: the same."
  type        = string
  default     = null

  validation {
    condition     = var.queue_account_id == null || try(split(":", var.queue_arn)[4] == var.queue_account_id, false)
    error_message = "queue_account_id must be the account in queue_arn: twelve digits."
  }

  validation {
    condition     = var.queue_account_id == null || !var.write_queue_policy
    error_message = "queue_account_id names another account: its queue's policy is written there. Set write_queue_policy to false, and give the output queue_policy_statement to the queue's owner."
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

variable "contract" {
  description = "generated/functions.json, decoded: its queues and deadLetterQueues."
  type        = any
}

variable "sending_rules" {
  description = "ARNs of the rules that may send to a queue, by the queue's name without the prefix."
  type        = map(list(string))
}

variable "dead_letter_visibility_seconds" {
  description = "How long a dead letter is hidden while it is written down, in seconds."
  type        = number
}

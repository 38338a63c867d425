variable "contract" {
  description = "generated/functions.json, decoded: its functions."
  type        = any
}

variable "resources" {
  description = "ARNs by the symbols that the contract's statements use."
  type        = map(list(string))
}

variable "variable_values" {
  description = "Values of the variables that the contract's functions ask for, by name."
  type        = map(string)
}

variable "common_variables" {
  description = "Variables that every function is given."
  type        = map(string)
}

variable "zip_path" {
  description = "Path of the zip with the bootstrap."
  type        = string
}

variable "code_bucket_name" {
  description = "The bucket that the zip is put into."
  type        = string
}

variable "architecture" {
  description = "What the bootstrap was built for: x86_64 or arm64."
  type        = string
}

variable "reserved_concurrency" {
  description = "Concurrency kept for a function and taken from everybody else, by function."
  type        = map(number)
}

variable "queue_concurrency" {
  description = "How many batches of a queue are worked on at once, by queue; at least 2."
  type        = map(number)
}

variable "queue_arns" {
  description = "The queues' ARNs by name."
  type        = map(string)
}

variable "dead_letter_queue_arns" {
  description = "The dead letter queues' ARNs by the queue's name."
  type        = map(string)
}

variable "stream_arn" {
  description = "The ARN of the table's stream."
  type        = string
}

variable "key_arn" {
  description = "The key that logs are encrypted with."
  type        = string
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
}

variable "active" {
  description = "Whether queues, stream and schedules call the functions."
  type        = bool
}

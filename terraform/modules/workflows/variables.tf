variable "contract" {
  description = "generated/functions.json, decoded: its workflows."
  type        = any
}

variable "resources" {
  description = "ARNs by the symbols that the contract's statements use."
  type        = map(list(string))
}

variable "function_arns" {
  description = "ARNs of the functions' aliases, by function."
  type        = map(string)
}

variable "queue_urls" {
  description = "The queues' URLs by name."
  type        = map(string)
}

variable "key_arn" {
  description = "The key that logs are encrypted with."
  type        = string
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
}

variable "log_level" {
  description = "What executions log: ALL, ERROR, FATAL or OFF."
  type        = string
}

variable "secret_references" {
  description = "References of the system's secrets, such as system/admin-token."
  type        = set(string)
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted, and the bucket to be deleted with objects in it."
  type        = bool
}

variable "recovery_days" {
  description = "How long a deleted key can be brought back, in days (7 to 30)."
  type        = number
}

variable "secret_recovery_days" {
  description = "How long a deleted secret can be brought back, in days (0, or 7 to 30)."
  type        = number
}

variable "old_versions_days" {
  description = "How long replaced and deleted objects are kept, in days."
  type        = number
}

variable "replica_region" {
  description = "The Region with a replica of table, key and secrets; empty: none."
  type        = string
}

variable "standby" {
  description = "Whether this is the Region with the replica: table, key and secrets are there already."
  type        = bool
}

variable "context" {
  description = "Where and under which names everything is made; emulated is true where the endpoint is an emulator."
  type = object({
    prefix     = string
    partition  = string
    region     = string
    account_id = string
    emulated   = bool
    # Roles are the account's, not the Region's: those of a second Region have names of their own.
    role_suffix = optional(string, "")
  })
}

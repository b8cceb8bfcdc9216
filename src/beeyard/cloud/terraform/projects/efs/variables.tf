variable "name" {
  description = "Name of the cluster: prefix of every resource's name, and value of the tag beeyard:cluster."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must start with a letter, hold only a-z, 0-9 and single hyphens, not end with a hyphen, and have at most 32 characters."
  }
}

variable "region" {
  description = "AWS region of the cluster and of the state bucket, e.g. eu-central-1."
  type        = string
  nullable    = false
}

variable "state_bucket" {
  description = "S3 bucket that holds the state of every project, each under <project>/terraform.tfstate."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags that every resource gets besides beeyard's own."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : key != "Name" && !startswith(key, "beeyard:") && !startswith(key, "aws:")])
    error_message = "tags must not hold Name or keys that start with beeyard: or aws:, which are set by beeyard and AWS."
  }
}

variable "backup" {
  description = "What AWS Backup does with the shared files: into which vault, which must be there, when (cron, UTC), and for how many days. Null: nothing."
  type = object({
    vault    = string
    schedule = string
    days     = number
  })
  default = null
}

variable "transition_to_ia_days" {
  description = "Days after which a file that nobody read moves to Infrequent Access: 7, 14, 30, 60 or 90. Null: never."
  type        = number
  default     = null
}

variable "name" {
  description = "Name of the cluster: creation token of the file system and prefix of every resource's name."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "ID of the subnet that holds each zone's mount target, keyed by zone."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 1
    error_message = "subnet_ids must name a subnet for at least one zone."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may mount the file system, keyed by what they are, e.g. nodes."
  type        = map(string)
  nullable    = false
}

variable "backup" {
  description = "What AWS Backup does with the shared files: into which vault, which must be there, when (cron, UTC), and for how many days. Null: nothing."
  type = object({
    vault    = string
    schedule = string
    days     = number
  })
  default = null

  validation {
    condition     = var.backup == null || try(var.backup.days >= 1 && can(regex("^cron\\(.+\\)$", var.backup.schedule)), false)
    error_message = "backup needs days of 1 or more, and a schedule such as cron(0 3 * * ? *)."
  }
}

variable "transition_to_ia_days" {
  description = "Days after which a file that nobody read moves to Infrequent Access: 7, 14, 30, 60 or 90. Null: never."
  type        = number
  default     = null

  validation {
    condition     = var.transition_to_ia_days == null ? true : contains([7, 14, 30, 60, 90], var.transition_to_ia_days)
    error_message = "transition_to_ia_days must be 7, 14, 30, 60 or 90, or null for never."
  }
}

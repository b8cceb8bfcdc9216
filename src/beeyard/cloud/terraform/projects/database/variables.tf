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

variable "engine" {
  description = "Database engine: mariadb or mysql."
  type        = string
  default     = "mariadb"
  nullable    = false
}

variable "engine_version" {
  description = "Release series of the engine, e.g. 10.11 (MariaDB) or 8.4 (MySQL). RDS keeps its patch level up to date."
  type        = string
  nullable    = false
}

variable "instance_class" {
  description = "Class of the database instance, e.g. db.t4g.micro."
  type        = string
  nullable    = false
}

variable "storage" {
  description = "Storage at the start, in GiB."
  type        = number
  nullable    = false
}

variable "max_storage" {
  description = "Size up to which RDS enlarges the storage by itself, in GiB."
  type        = number
  nullable    = false
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the database's zone fails."
  type        = bool
  default     = true
  nullable    = false
}

variable "backup_days" {
  description = "Days for which automatic backups are kept, from 0 (none) to 35."
  type        = number
  default     = 7
  nullable    = false
}

variable "username" {
  description = "Name of the administrator."
  type        = string
  default     = "beeyard"
  nullable    = false
}

variable "initial_password" {
  description = "Throwaway password of the administrator until the real one is set through the API. Later changes are ignored."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the database until this is turned off."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot" {
  description = "Whether a last snapshot is left when the database is deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "final_snapshot_stamp" {
  description = "What the last snapshot's name ends in; RDS keeps no two of one name, and an instance that was made anew has left one."
  type        = string
  default     = ""
  nullable    = false
}

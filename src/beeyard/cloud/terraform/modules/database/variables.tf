variable "name" {
  description = "Name of the cluster: identifier of the database instance and prefix of every resource's name."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "ID of the subnet in each zone that may hold the database, keyed by zone."
  type        = map(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name subnets in at least two zones: RDS takes no fewer, with Multi-AZ or without."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may connect to the database, keyed by what they are, e.g. nodes."
  type        = map(string)
  nullable    = false
}

variable "engine" {
  description = "Database engine: mariadb or mysql."
  type        = string
  default     = "mariadb"
  nullable    = false

  validation {
    condition     = contains(["mariadb", "mysql"], var.engine)
    error_message = "engine must be mariadb or mysql."
  }
}

variable "engine_version" {
  description = "Release series of the engine, e.g. 10.11 (MariaDB) or 8.4 (MySQL). RDS keeps its patch level up to date."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[1-9][0-9]*\\.[0-9]+$", var.engine_version))
    error_message = "engine_version must be a release series such as 10.11 or 8.4, without the patch level, which RDS upgrades by itself."
  }
}

variable "instance_class" {
  description = "Class of the database instance, e.g. db.t4g.micro."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must look like db.t4g.micro."
  }
}

variable "storage" {
  description = "Storage at the start, in GiB."
  type        = number
  nullable    = false

  validation {
    condition     = var.storage >= 20 && var.storage <= 65536 && floor(var.storage) == var.storage
    error_message = "storage must be a whole number of GiB from 20 to 65536."
  }
}

variable "max_storage" {
  description = "Size up to which RDS enlarges the storage by itself, in GiB."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_storage >= 1.1 * var.storage && var.max_storage <= 65536 && floor(var.max_storage) == var.max_storage
    error_message = "max_storage must be a whole number of GiB, at least a tenth more than storage, and at most 65536."
  }
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

  validation {
    condition     = var.backup_days >= 0 && var.backup_days <= 35 && floor(var.backup_days) == var.backup_days
    error_message = "backup_days must be a whole number from 0 (no automatic backups) to 35."
  }
}

variable "username" {
  description = "Name of the administrator."
  type        = string
  default     = "beeyard"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,15}$", var.username))
    error_message = "username must start with a letter and hold at most 16 of a-z, 0-9 and underscore."
  }
}

variable "initial_password" {
  description = "Throwaway password of the administrator until the real one is set through the API. Later changes are ignored."
  type        = string
  nullable    = false
  sensitive   = true

  validation {
    condition     = can(regex("^[!-~]{8,41}$", var.initial_password)) && !can(regex("[/@\" ]", var.initial_password))
    error_message = "initial_password must have 8 to 41 printable ASCII characters, none of them / @ \" or a space."
  }
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

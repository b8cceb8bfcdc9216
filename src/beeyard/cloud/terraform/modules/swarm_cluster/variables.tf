variable "name" {
  description = "Name of the cluster: prefix of every resource's name, and name of the key pair."
  type        = string
  nullable    = false
}

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
  nullable    = false
}

variable "manager_subnets" {
  description = "ID and IPv4 block of the managers' subnet of each zone, keyed by zone. Nothing else may take addresses there."
  type = map(object({
    id         = string
    cidr_block = string
  }))
  nullable = false
}

variable "worker_subnet_ids" {
  description = "ID of the workers' subnet of each zone, keyed by zone."
  type        = map(string)
  nullable    = false
}

variable "worker_public_addresses" {
  description = "Whether a new worker gets a public address: yes in a public subnet, no behind NAT."
  type        = bool
  default     = true
  nullable    = false
}

variable "managers" {
  description = "Managers by name (manager-N). Without private_ip, manager-N has host number 10 + N of its zone's subnet."
  type = map(object({
    zone          = string
    instance_type = string
    private_ip    = optional(string)
  }))
  nullable = false

  validation {
    condition     = length(var.managers) >= 1
    error_message = "managers must hold at least one manager: a swarm has no life without one."
  }

  validation {
    condition     = alltrue([for node in keys(var.managers) : can(regex("^manager-([1-9]|[1-4][0-9]|5[0-2])$", node))])
    error_message = "managers must be named manager-1 to manager-52: the number decides the fixed address, and the smallest subnet has room for no more."
  }

  validation {
    condition     = alltrue([for spec in values(var.managers) : contains(keys(var.manager_subnets), spec.zone)])
    error_message = "each manager's zone must be one of the cluster's zones."
  }

  validation {
    condition     = alltrue([for spec in values(var.managers) : spec.private_ip == null || can(cidrhost("${spec.private_ip}/32", 0))])
    error_message = "private_ip must be an IPv4 address in the manager's subnet, or be left out."
  }
}

variable "workers" {
  description = "Workers by name (worker-N). Without private_ip, AWS chooses the address in the zone's subnet."
  type = map(object({
    zone          = string
    instance_type = string
    private_ip    = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for node in keys(var.workers) : can(regex("^worker-[1-9][0-9]*$", node))])
    error_message = "workers must be named worker-1, worker-2 and so on."
  }

  validation {
    condition     = alltrue([for spec in values(var.workers) : contains(keys(var.worker_subnet_ids), spec.zone)])
    error_message = "each worker's zone must be one of the cluster's zones."
  }

  validation {
    condition     = alltrue([for spec in values(var.workers) : spec.private_ip == null || can(cidrhost("${spec.private_ip}/32", 0))])
    error_message = "private_ip must be an IPv4 address in the worker's subnet, or be left out."
  }
}

variable "elastic_ips" {
  description = "Elastic IPs by manager's name, as the module elastic_ips gives them. A manager without one keeps the public address of its launch."
  type = map(object({
    allocation_id = string
    public_ip     = string
  }))
  default  = {}
  nullable = false
}

variable "ssh_user" {
  description = "Admin user of the image, who gets the public key: admin on Debian."
  type        = string
  default     = "admin"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_-]{0,31}$", var.ssh_user)) && var.ssh_user != "root"
    error_message = "ssh_user must be the name of the image's admin user, e.g. admin on Debian; root can't sign in on cloud images."
  }
}

variable "ssh_public_key" {
  description = "Public key of the cluster in OpenSSH's format (RSA or Ed25519)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+=*( [^\n]*)?\n?$", var.ssh_public_key))
    error_message = "ssh_public_key must be one line that starts with ssh-ed25519 or ssh-rsa, the two types that EC2 takes."
  }
}

variable "ssh_authorized_keys" {
  description = "Public keys that may sign in to new nodes besides that one. Running nodes keep theirs."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.ssh_authorized_keys : can(regex("^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+=*( [^\n]*)?$", key))])
    error_message = "ssh_authorized_keys must hold lines that start with ssh-ed25519 or ssh-rsa."
  }
}

variable "ssh_allowed_cidrs" {
  description = "IPv4 blocks that may open SSH connections to managers, e.g. 198.51.100.7/32. Empty: none."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.ssh_allowed_cidrs : can(cidrhost(cidr, 0)) && !strcontains(cidr, ":")])
    error_message = "ssh_allowed_cidrs must hold IPv4 blocks such as 198.51.100.7/32."
  }
}

variable "ami_id" {
  description = "Image of new nodes. Null: the newest Debian 12 of the architecture. Running nodes keep theirs."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "ami_id must look like ami-0123456789abcdef0, or be null for the newest Debian 12."
  }
}

variable "architecture" {
  description = "Processor architecture of the nodes: x86_64 or arm64. It must fit the instance types."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "ecr" {
  description = "ARNs of the repositories of Amazon ECR that managers may pull from and push to. Null: managers have no rights in AWS."
  type = object({
    pull = list(string)
    push = list(string)
  })
  default = null

  validation {
    condition     = var.ecr == null || alltrue([for arn in concat(try(var.ecr.pull, []), try(var.ecr.push, [])) : can(regex("^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/.+$", arn))])
    error_message = "ecr must hold ARNs of repositories, such as arn:aws:ecr:eu-central-1:123456789012:repository/team/*."
  }

  validation {
    condition     = var.ecr == null || length(try(var.ecr.pull, [])) > 0
    error_message = "ecr.pull must name a repository: without one, null says that there is nothing to sign in to."
  }
}

variable "backup_objects" {
  description = "ARNs of the S3 objects that managers may put: backups, and their manifests. Empty: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.backup_objects : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+/backups/.+$", arn))])
    error_message = "backup_objects must hold ARNs of objects below backups/, such as arn:aws:s3:::BUCKET/backups/*/data.age."
  }
}

variable "root_volume_size" {
  description = "Size of each node's encrypted root volume, in GiB."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.root_volume_size >= 8 && var.root_volume_size <= 16384 && floor(var.root_volume_size) == var.root_volume_size
    error_message = "root_volume_size must be a whole number of GiB from 8 (Debian's image) to 16384 (the most that gp3 takes)."
  }
}

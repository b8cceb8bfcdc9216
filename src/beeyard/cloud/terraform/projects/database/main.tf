data "terraform_remote_state" "swarm_cluster" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "swarm_cluster/terraform.tfstate"
    region = var.region
  }
}

locals {
  cluster = data.terraform_remote_state.swarm_cluster.outputs
}

module "database" {
  source = "../../modules/database"

  name                      = var.name
  vpc_id                    = local.cluster.vpc_id
  subnet_ids                = local.cluster.private_subnet_ids
  client_security_group_ids = { nodes = local.cluster.node_security_group_ids.node }
  engine                    = var.engine
  engine_version            = var.engine_version
  instance_class            = var.instance_class
  storage                   = var.storage
  max_storage               = var.max_storage
  multi_az                  = var.multi_az
  backup_days               = var.backup_days
  username                  = var.username
  initial_password          = var.initial_password
  deletion_protection       = var.deletion_protection
  final_snapshot            = var.final_snapshot
  final_snapshot_stamp      = var.final_snapshot_stamp
}

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

module "efs" {
  source = "../../modules/efs"

  name                      = var.name
  vpc_id                    = local.cluster.vpc_id
  subnet_ids                = local.cluster.private_subnet_ids
  client_security_group_ids = { nodes = local.cluster.node_security_group_ids.node }
  backup                    = var.backup
  transition_to_ia_days     = var.transition_to_ia_days
}

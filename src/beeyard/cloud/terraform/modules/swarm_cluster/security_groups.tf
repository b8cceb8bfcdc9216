locals {
  # Between nodes: Swarm's own ports, and ESP for overlay networks that are encrypted.
  # https://docs.docker.com/engine/swarm/networking/
  node_rules = {
    gossip_tcp = { protocol = "tcp", port = 7946, description = "Swarm: nodes find each other" }
    gossip_udp = { protocol = "udp", port = 7946, description = "Swarm: nodes find each other" }
    vxlan      = { protocol = "udp", port = 4789, description = "Swarm: overlay networks" }
    esp        = { protocol = "50", port = 0, description = "Swarm: encrypted overlay networks (ESP)" }
  }
  world_rules = {
    http  = { port = 80, description = "HTTP: redirect and ACME challenges" }
    https = { port = 443, description = "HTTPS" }
  }
}

resource "aws_security_group" "node" {
  name_prefix = "${var.name}-node-"
  description = "Every node of the swarm ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-node" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "manager" {
  name_prefix = "${var.name}-manager-"
  description = "Managers of the swarm ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-manager" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "worker" {
  name_prefix = "${var.name}-worker-"
  description = "Workers of the swarm ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-worker" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "node_egress" {
  # checkov:skip=CKV_AWS_382:Packages, images and certificates come from anywhere

  security_group_id = aws_security_group.node.id
  type              = "egress"
  description       = "Packages, images and certificates come from anywhere"
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "between_nodes" {
  for_each = local.node_rules

  security_group_id = aws_security_group.node.id
  type              = "ingress"
  description       = each.value.description
  protocol          = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
  self              = true
}

resource "aws_security_group_rule" "manager_from_nodes" {
  security_group_id        = aws_security_group.manager.id
  type                     = "ingress"
  description              = "Swarm: cluster management"
  protocol                 = "tcp"
  from_port                = 2377
  to_port                  = 2377
  source_security_group_id = aws_security_group.node.id
}

resource "aws_security_group_rule" "manager_from_world" {
  # checkov:skip=CKV_AWS_260:Redirects to HTTPS and answers ACME challenges

  for_each = local.world_rules

  security_group_id = aws_security_group.manager.id
  type              = "ingress"
  description       = each.value.description
  protocol          = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "manager_ssh" {
  count = length(var.ssh_allowed_cidrs) > 0 ? 1 : 0

  security_group_id = aws_security_group.manager.id
  type              = "ingress"
  description       = "SSH from the networks that the cluster allows"
  protocol          = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_blocks       = var.ssh_allowed_cidrs
}

resource "aws_security_group_rule" "worker_ssh" {
  security_group_id        = aws_security_group.worker.id
  type                     = "ingress"
  description              = "SSH through a manager"
  protocol                 = "tcp"
  from_port                = 22
  to_port                  = 22
  source_security_group_id = aws_security_group.manager.id
}

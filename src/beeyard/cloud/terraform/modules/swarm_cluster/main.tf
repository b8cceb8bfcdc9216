locals {
  # A manager's address follows from the number in its name, so that removing one moves no other.
  managers = {
    for node, spec in var.managers : node => {
      role          = "manager"
      zone          = spec.zone
      subnet_id     = var.manager_subnets[spec.zone].id
      instance_type = spec.instance_type
      private_ip = spec.private_ip != null ? spec.private_ip : cidrhost(
        var.manager_subnets[spec.zone].cidr_block,
        10 + tonumber(trimprefix(node, "manager-")),
      )
      instance_profile = aws_iam_instance_profile.manager.name
      # The way out until the Elastic IP takes its place.
      public_address     = true
      security_group_ids = [aws_security_group.node.id, aws_security_group.manager.id]
    }
  }
  workers = {
    for node, spec in var.workers : node => {
      role               = "worker"
      zone               = spec.zone
      subnet_id          = var.worker_subnet_ids[spec.zone]
      instance_type      = spec.instance_type
      private_ip         = spec.private_ip
      public_address     = var.worker_public_addresses
      security_group_ids = [aws_security_group.node.id, aws_security_group.worker.id]
      instance_profile   = aws_iam_instance_profile.node.name
    }
  }
  nodes = merge(local.managers, local.workers)
}

resource "aws_key_pair" "this" {
  key_name   = var.name
  public_key = trimspace(var.ssh_public_key)

  tags = { Name = var.name }
}

resource "aws_instance" "node" {
  # checkov:skip=CKV_AWS_126:Figures by the minute cost; the cluster takes its own
  # checkov:skip=CKV_AWS_135:Every type of today is EBS-optimized by itself

  for_each = local.nodes

  ami                         = local.ami_id
  instance_type               = each.value.instance_type
  subnet_id                   = each.value.subnet_id
  private_ip                  = each.value.private_ip
  associate_public_ip_address = each.value.public_address
  vpc_security_group_ids      = each.value.security_group_ids
  key_name                    = aws_key_pair.this.key_name
  iam_instance_profile        = each.value.instance_profile
  user_data = templatefile("${path.module}/templates/user_data.sh.tftpl", {
    node     = each.key
    ssh_user = var.ssh_user
    keys     = join("\n", var.ssh_authorized_keys)
  })

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted             = true
    volume_type           = "gp3"
    volume_size           = var.root_volume_size
    delete_on_termination = true
  }

  tags = {
    Name           = "${var.name}-${each.key}"
    "beeyard:role" = each.value.role
    "beeyard:node" = each.key
  }

  lifecycle {
    # These are for new nodes: a newer image, a changed first-boot script, or the public address that a stopped node
    # has given back must not replace a node.
    ignore_changes = [ami, user_data, associate_public_ip_address]
  }
}

resource "aws_eip_association" "manager" {
  for_each = { for node, address in var.elastic_ips : node => address if contains(keys(var.managers), node) }

  instance_id   = aws_instance.node[each.key].id
  allocation_id = each.value.allocation_id
}

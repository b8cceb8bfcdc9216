resource "aws_efs_file_system" "this" {
  # checkov:skip=CKV_AWS_184:Encrypted with the key of AWS; a key of one's own costs and can be lost with all files

  creation_token = var.name
  encrypted      = true

  dynamic "lifecycle_policy" {
    for_each = var.transition_to_ia_days == null ? [] : [var.transition_to_ia_days]

    content {
      transition_to_ia = "AFTER_${lifecycle_policy.value}_DAYS"
    }
  }

  tags = { Name = var.name }
}

resource "aws_efs_mount_target" "this" {
  for_each = var.subnet_ids

  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = each.value
  security_groups = [aws_security_group.this.id]
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-efs-"
  description = "Mount targets of the shared files of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-efs" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "nfs" {
  for_each = var.client_security_group_ids

  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  description              = "NFS from ${each.key}"
  protocol                 = "tcp"
  from_port                = 2049
  to_port                  = 2049
  source_security_group_id = each.value
}

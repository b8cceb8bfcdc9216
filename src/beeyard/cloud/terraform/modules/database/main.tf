resource "aws_db_subnet_group" "this" {
  name_prefix = "${var.name}-"
  description = "Private subnets of ${var.name}"
  subnet_ids  = values(var.subnet_ids)

  tags = { Name = var.name }
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-"
  description = "${var.engine} of ${var.name}"
  family      = "${var.engine}${var.engine_version}"

  # Four-byte UTF-8: what MySQL calls utf8 can't hold every character.
  parameter {
    name  = "character_set_server"
    value = "utf8mb4"
  }

  parameter {
    name  = "collation_server"
    value = "utf8mb4_unicode_ci"
  }

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_118:Enhanced monitoring takes a role and costs; a team adds both where it watches RDS
  # checkov:skip=CKV_AWS_129:The logs stay in RDS, which shows them; CloudWatch keeps them at a price
  # checkov:skip=CKV_AWS_353:Not every class has Performance Insights, t4g.micro among those without
  # checkov:skip=CKV2_AWS_69:RDS offers TLS; to ask it of every client would shut out those that can't

  identifier                  = var.name
  engine                      = var.engine
  engine_version              = var.engine_version
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = true
  instance_class              = var.instance_class
  parameter_group_name        = aws_db_parameter_group.this.name

  # What the cluster's file says is what runs once `up` has ended, not after the next maintenance window.
  apply_immediately = true

  username = var.username
  password = var.initial_password
  port     = 3306

  storage_type          = "gp3"
  storage_encrypted     = true
  allocated_storage     = var.storage
  max_allocated_storage = var.max_storage

  multi_az               = var.multi_az
  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]

  backup_retention_period  = var.backup_days
  delete_automated_backups = true
  copy_tags_to_snapshot    = true
  deletion_protection      = var.deletion_protection
  skip_final_snapshot      = !var.final_snapshot

  # The subnet group's name ends in a stamp of its creation, so a second cluster of the same name can leave its snapshot too.
  final_snapshot_identifier = var.final_snapshot ? "${aws_db_subnet_group.this.name}-final${var.final_snapshot_stamp}" : null

  tags = { Name = var.name }

  lifecycle {
    # The real password is set through the API, so that it never gets into Terraform's state.
    ignore_changes = [password]
  }
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-database-"
  description = "Database of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-database" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group_rule" "sql" {
  for_each = var.client_security_group_ids

  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  description              = "SQL from ${each.key}"
  protocol                 = "tcp"
  from_port                = 3306
  to_port                  = 3306
  source_security_group_id = each.value
}

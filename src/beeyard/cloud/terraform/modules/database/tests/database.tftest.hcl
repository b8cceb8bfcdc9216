mock_provider "aws" {
  # A name of Terraform's own making may begin with a digit, which RDS does not take for a snapshot.
  mock_resource "aws_db_subnet_group" {
    defaults = { name = "demo-database-20300101" }
  }
}

variables {
  name                      = "demo"
  vpc_id                    = "vpc-1"
  subnet_ids                = { zone-a = "subnet-a", zone-b = "subnet-b" }
  client_security_group_ids = { nodes = "sg-nodes" }
  engine_version            = "10.11"
  instance_class            = "db.t4g.micro"
  storage                   = 20
  max_storage               = 100
  initial_password          = "throwaway-1"
}

run "private_encrypted_and_backed_up" {
  assert {
    condition = (
      aws_db_instance.this.storage_encrypted &&
      aws_db_instance.this.publicly_accessible == false &&
      aws_db_instance.this.multi_az &&
      aws_db_instance.this.backup_retention_period == 7 &&
      aws_db_instance.this.auto_minor_version_upgrade &&
      aws_db_instance.this.copy_tags_to_snapshot &&
      aws_db_instance.this.deletion_protection &&
      aws_db_instance.this.skip_final_snapshot == false
    )
    error_message = "The database must be encrypted, private, highly available, backed up and protected unless asked otherwise."
  }

  assert {
    condition     = aws_db_instance.this.final_snapshot_identifier == "${aws_db_subnet_group.this.name}-final"
    error_message = "The last snapshot's name must be this database's own."
  }

  assert {
    condition     = aws_db_instance.this.allocated_storage == 20 && aws_db_instance.this.max_allocated_storage == 100
    error_message = "Storage must grow by itself."
  }

  assert {
    condition     = aws_db_instance.this.identifier == "demo" && aws_db_instance.this.db_subnet_group_name == aws_db_subnet_group.this.name
    error_message = "The database must have the cluster's name and lie in its subnets."
  }

  assert {
    condition     = toset(aws_db_instance.this.vpc_security_group_ids) == toset([aws_security_group.this.id])
    error_message = "The database must have its own security group alone."
  }

  assert {
    condition = (
      keys(aws_security_group_rule.sql) == ["nodes"] &&
      aws_security_group_rule.sql["nodes"].type == "ingress" &&
      aws_security_group_rule.sql["nodes"].protocol == "tcp" &&
      aws_security_group_rule.sql["nodes"].from_port == 3306 &&
      aws_security_group_rule.sql["nodes"].to_port == 3306 &&
      aws_security_group_rule.sql["nodes"].cidr_blocks == null &&
      aws_security_group_rule.sql["nodes"].source_security_group_id == "sg-nodes"
    )
    error_message = "The database must be open to nodes alone."
  }

  assert {
    condition = (
      aws_db_parameter_group.this.family == "mariadb10.11" &&
      aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name &&
      { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value } == {
        character_set_server = "utf8mb4"
        collation_server     = "utf8mb4_unicode_ci"
      }
    )
    error_message = "The database must use four-byte UTF-8."
  }
}

run "a_changed_password_is_ignored" {
  variables {
    initial_password = "throwaway-2"
  }

  assert {
    condition     = nonsensitive(aws_db_instance.this.password) == "throwaway-1"
    error_message = "Terraform must not set the password again, nor learn a new one."
  }
}

run "mysql_that_leaves_nothing" {
  variables {
    engine              = "mysql"
    engine_version      = "8.4"
    deletion_protection = false
    final_snapshot      = false
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "mysql8.4" && aws_db_instance.this.engine == "mysql"
    error_message = "The parameter group must fit the engine."
  }

  assert {
    condition     = aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null
    error_message = "No snapshot must be left if none is wanted."
  }
}

run "refuses_one_zone_another_engine_a_patch_level_and_wrong_sizes" {
  command = plan

  variables {
    subnet_ids       = { zone-a = "subnet-a" }
    engine           = "postgres"
    engine_version   = "10.11.8"
    instance_class   = "t4g.micro"
    storage          = 10
    backup_days      = 365
    initial_password = "short"
    username         = "bee-yard"
  }

  expect_failures = [var.subnet_ids, var.engine, var.engine_version, var.instance_class, var.storage, var.backup_days, var.initial_password, var.username]
}

run "refuses_no_room_to_grow_and_characters_that_rds_does_not_take" {
  command = plan

  variables {
    max_storage      = 20
    engine_version   = "latest"
    initial_password = "with@sign123"
  }

  expect_failures = [var.max_storage, var.engine_version, var.initial_password]
}

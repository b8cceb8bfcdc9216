# Neither `vpc` (gone in provider 6) nor `domain` (unknown to 3.39): every account allocates VPC addresses today.
resource "aws_eip" "manager" {
  # checkov:skip=CKV2_AWS_19:The project swarm_cluster attaches it to a manager

  for_each = var.managers

  tags = {
    Name           = "${var.name}-${each.key}"
    "beeyard:node" = each.key
  }
}
